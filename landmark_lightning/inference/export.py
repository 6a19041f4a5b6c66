"""A trained network as an ONNX model that takes gray crops as they are and explains itself.

The model's input ``image`` is (B, 1, S, S) uint8: the square around a face's box, ``crop_scale``
times as wide as the box's longer side, resized to S x S. What turns gray levels into the network's
numbers is in the model. Its outputs are ``landmarks`` (B, L, 2) and, with validation, ``signal``
(B, L), both in pixels of the input, and with coverage ``covered`` (B, L), a probability. Its card,
a JSON text in the metadata, says the rest (``card``).
"""

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing
from landmark_lightning.inference.calibrating import card_of
from landmark_lightning.inference.card import KEY
from landmark_lightning.model.folded import evaluation_copy
from landmark_lightning.model.task import LandmarkTask

try:
    import onnx
    import onnxruntime
    import onnxscript  # noqa: F401  torch's exporter imports it
except ModuleNotFoundError as error:
    raise UserError(
        f"exporting needs {error.name}; pip install 'landmark-lightning[onnx]'"
    ) from error

TOLERANCE = 1e-3
"""Pixels by which ONNX Runtime's answers may differ from torch's."""


class _CropsToLandmarks(nn.Module):
    """The network with its preprocessing before it and its outputs by name."""

    def __init__(self, task: LandmarkTask) -> None:
        super().__init__()
        self.network = evaluation_copy(task.network)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        output = self.network(image.to(torch.float32) * (2 / 255) - 1)
        signal, covered = output[..., 2:3], output[..., 3:].sigmoid()
        rest = (each.squeeze(-1) for each in (signal, covered) if each.shape[-1])
        return output[..., :2], *rest


def metadata(task: LandmarkTask) -> dict[str, str]:
    """What a user of the model must know of its input and outputs: its card, one JSON text."""
    return {KEY: card_of(task).to_json()}


def export(
    task: LandmarkTask, path: Path, images: Tensor | None, batch: int | None = None
) -> float:
    """Writes a task's network as an ONNX model and checks it with ONNX Runtime.

    Args:
        task: The trained task, on the CPU.
        path: The file to write; it appears only when the check has passed.
        images: (N, S, S) uint8 inputs on which torch and ONNX Runtime must agree; None: no check.
        batch: Faces in a batch; None: any number.

    Returns:
        The largest difference of an output, pixels or probability; 0 without a check.

    Raises:
        UserError: A batch out of range, or outputs that differ by more than ``TOLERANCE``.
    """
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, int) or batch < 1):
        raise UserError(f"batch={batch!r} must be a whole number of at least 1, or null")
    task.eval()
    module = _CropsToLandmarks(task).eval()
    side = task.network.side
    example = torch.zeros((batch or 2, 1, side, side), dtype=torch.uint8)
    names = ["landmarks", "signal", "covered"][: task.network.outputs - 1]
    axes = None if batch else ({0: torch.export.Dim("batch")},)
    for talker in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(talker).setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's, about its own insides
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            input_names=["image"],
            output_names=names,
            dynamic_shapes=axes,
            verbose=False,
        )
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "model.onnx"
        program.save(str(raw), external_data=False)
        model = onnx.load(str(raw))
    onnx.helper.set_model_props(model, metadata(task))
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    worst = 0.0 if images is None else _difference(task, content, images, batch)
    if not worst <= TOLERANCE:
        raise UserError(
            f"ONNX Runtime's answers differ from torch's by {worst:g} pixels (more than "
            f"{TOLERANCE:g}), so {path} was not written; another version of onnxruntime may help"
        )
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return worst


def session(model: bytes | Path, threads: int | None = None) -> "onnxruntime.InferenceSession":
    """ONNX Runtime on the CPU with an exported model.

    Args:
        model: The file or its content.
        threads: Threads it may use; None: its own choice.
    """
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    source = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def _difference(task: LandmarkTask, model: bytes, images: Tensor, batch: int | None) -> float:
    """The largest difference between the task itself and ONNX Runtime, pixels."""
    running = session(model)
    size, worst = batch or 64, 0.0
    for some in images[:, None].split(size):
        filled = torch.cat([some, some.new_zeros((size - len(some), *some.shape[1:]))])
        given = filled if batch else some
        output = task.network(given.to(torch.float32) * (2 / 255) - 1)
        told = (*task.split_output(output), task.covered(output))
        expected = [each for each in told if each is not None]
        answers: list[NDArray[np.float32]] = running.run(None, {"image": given.numpy()})
        for answer, want in zip(answers, expected, strict=True):
            gap = np.abs(answer - want.numpy()).max()
            worst = max(worst, float(gap)) if np.isfinite(gap) else float("inf")
    return worst
