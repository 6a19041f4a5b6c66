"""Scoring faces as fast as a forward pass goes: the losses that rescoring feeds to LPBB.

A copy of the network is made for it, batch norm folded into the convolutions. Neither the trained
network nor a random generator is touched, so a training does not notice that it was scored.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from landmark_lightning.data.faces import Faces
from landmark_lightning.learning.task import SCORES, LandmarkTask

PRECISIONS = ("float32", "bf16", "auto")
BATCH_SIZES = {"cpu": 64, "cuda": 1024}
"""Faces in a batch: a CPU is slower with more, a GPU with fewer."""


def check_score(score: str) -> str:
    """A loss that balancing goes by.

    Raises:
        ValueError: An unknown one.
    """
    if score not in SCORES:
        raise ValueError(f"balancing.score={score!r} must be one of {', '.join(SCORES)}")
    return score


def check_precision(precision: str) -> str:
    """A precision of scoring.

    Raises:
        ValueError: An unknown one.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"balancing.precision={precision!r} must be one of {', '.join(PRECISIONS)}"
        )
    return precision


def has_bf16(device: torch.device) -> bool:
    """Whether a device has units for bfloat16, which make it the faster kind of number."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def score_faces(
    task: LandmarkTask,
    faces: Faces,
    chosen: Tensor,
    score: str = "total",
    batch_size: int | None = None,
    precision: str = "float32",
) -> Tensor:
    """Losses of faces in the task's current phase, in evaluation mode, without augmentation.

    Args:
        task: The task; it is left as it is.
        faces: The faces.
        chosen: (n,) int64, places of the faces to score.
        score: ``total`` loss, or that of the ``coordinates`` alone.
        batch_size: Faces in a batch; None: what suits the device.
        precision: ``float32``, ``bf16`` (convolutions and hidden layers; a loss then differs by
            about one percent), or ``auto``: bf16 where the device has units for it.

    Returns:
        (n,) float32 on the task's device.
    """
    device = task.device
    low = precision == "bf16" or (precision == "auto" and has_bf16(device))
    size = batch_size or BATCH_SIZES.get(device.type, BATCH_SIZES["cpu"])
    losses = []
    with (
        torch.inference_mode(),
        torch.autocast(device.type, dtype=torch.bfloat16, enabled=low),
    ):
        network = evaluation_copy(task.network, torch.bfloat16 if low else torch.float32)
        for index in chosen.split(size):
            batch = faces[index]
            image, target = task.augmentation.cut(
                batch["image"].to(device), batch["landmarks"].to(device)
            )
            coordinates, validation = task.objective.parts(network(image).float(), target)
            losses.append(coordinates + validation if score == "total" else coordinates)
    return torch.cat(losses)


def evaluation_copy(network: nn.Module, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A copy in evaluation mode that gives the same answers faster.

    A batch norm that follows a convolution in a Sequential is folded into it. The convolutions
    keep their weights in ``dtype``; with bfloat16 the copy is to be called under autocast.
    """
    copied = copy.deepcopy(network).eval()
    for part in copied.modules():
        if isinstance(part, nn.Sequential):
            _fold(part)
        if isinstance(part, nn.Conv2d):
            part.to(dtype)
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return copied


def _fold(sequence: nn.Sequential) -> None:
    """Folds every batch norm that comes right after a convolution into it."""
    for place in range(1, len(sequence)):
        before, norm = sequence[place - 1], sequence[place]
        if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            sequence[place - 1] = fuse_conv_bn_eval(before, norm)
            sequence[place] = nn.Identity()
