"""A trained network behind one function, from a checkpoint (torch) or an ONNX file (onnxruntime).

Nothing here loads torch where an ONNX file is run.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.errors import UserError
from landmark_lightning.inference.card import KEY, Card

Numbers = NDArray[np.float32]


class Answer(NamedTuple):
    """What a network says of B inputs.

    Attributes:
        points: (B, L, 2) landmarks, pixels of the input.
        signal: (B, L) validation signals, pixels of the input; None without.
        covered: (B, L) probabilities of being covered; None without.
    """

    points: Numbers
    signal: Numbers | None = None
    covered: Numbers | None = None


Network = Callable[[NDArray[np.uint8]], Answer]
"""From inputs (B, S, S) to an ``Answer``."""


def network_of(
    path: Path, device: str, threads: int | None, allow_targets: Sequence[str]
) -> tuple[Network, Card]:
    """The network that a file holds, and its card.

    Args:
        path: A checkpoint, or an ONNX file that landmark-export wrote.
        device: Where torch runs it, such as ``cpu`` or ``cuda``.
        threads: Threads of onnxruntime; None: its own choice.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        UserError: The file is neither, or its package is not installed.
    """
    if path.suffix == ".onnx":
        return _onnx_network(path, threads)
    return _torch_network(path, device, allow_targets)


def _torch_network(path: Path, device: str, allow_targets: Sequence[str]) -> tuple[Network, Card]:
    import torch

    from landmark_lightning.inference.calibrating import card_of
    from landmark_lightning.model.checkpoint import load_task
    from landmark_lightning.model.folded import evaluation_copy

    with torch.random.fork_rng(devices=[]):  # the weights of a new network are drawn
        task = load_task(path, allow_targets)
    try:
        network = evaluation_copy(task.network.to(device))
    except (AssertionError, RuntimeError) as error:  # torch's: no such device
        known = isinstance(error, AssertionError) or "Expected one of" not in str(error)
        reason = str(error).splitlines()[0] if known else "torch knows none of that name"
        ways = "device=cpu" if known else "device=cpu or device=cuda"
        raise UserError(f"device={device!r} can't be used ({reason}); pass {ways}") from error

    def run(images: NDArray[np.uint8]) -> Answer:
        with torch.inference_mode():
            inputs = torch.from_numpy(images)[:, None].to(device, torch.float32)
            output = network(inputs * (2 / 255) - 1).float()
            told = (*task.split_output(output), task.covered(output))
            return Answer(*(None if each is None else each.cpu().numpy() for each in told))  # type: ignore[arg-type]

    return run, card_of(task)


def _onnx_network(path: Path, threads: int | None) -> tuple[Network, Card]:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"running {path} needs onnxruntime; pip install 'landmark-lightning[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        # By its content: then it can't have weights in other files, whose names it would say.
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except OSError:
        raise
    except Exception as error:  # onnxruntime's own kinds
        raise UserError(
            f"{path} is no ONNX model or is damaged; landmark-export writes it"
        ) from error
    told = session.get_modelmeta().custom_metadata_map.get(KEY)
    if told is None:
        raise UserError(f"{path} does not say what it is; landmark-export run=... writes it anew")
    try:
        card = Card.from_json(told)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    fixed = session.get_inputs()[0].shape[0]
    size = fixed if isinstance(fixed, int) else None

    def run(images: NDArray[np.uint8]) -> Answer:
        answers = [_run_onnx(session, part, size) for part in _parts(images, size)]
        return Answer(*map(np.concatenate, zip(*answers, strict=True)))

    return run, card


def _parts(images: NDArray[np.uint8], size: int | None) -> list[NDArray[np.uint8]]:
    """The images in parts of a model's fixed batch; all at once where it takes any number."""
    if size is None:
        return [images]
    return [images[start : start + size] for start in range(0, len(images), size)]


def _run_onnx(session: Any, images: NDArray[np.uint8], size: int | None) -> list[Any]:  # noqa: ANN401
    count = len(images)
    if size is not None and count < size:
        images = np.concatenate([images, np.zeros((size - count, *images.shape[1:]), np.uint8)])
    return [answer[:count] for answer in session.run(None, {"image": images[:, None]})]
