"""Scoring faces as fast as a forward pass goes: the losses that rescoring feeds to LPBB.

A copy of the network does it. Neither the trained network nor a random generator is touched, so a
training does not notice that it was scored.
"""

import torch
from torch import Tensor

from landmark_lightning.data.faces import Faces
from landmark_lightning.learning.evaluation_copy import has_bf16, scoring_copy
from landmark_lightning.learning.objective import drawing_losses, labelled_weight
from landmark_lightning.learning.task import LandmarkTask

BATCH_SIZES = {"cpu": 96, "cuda": 1024}
"""Faces in a batch: a CPU is slower with more, a GPU with fewer."""


def score_faces(
    task: LandmarkTask,
    faces: Faces,
    chosen: Tensor,
    score: str = "total",
    batch_size: int | None = None,
    precision: str = "float32",
) -> Tensor:
    """Losses by which LPBB draws faces, in the current phase, evaluated without augmentation.

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
        network = scoring_copy(task.network, device, torch.bfloat16 if low else torch.float32)
        for index in chosen.split(size):
            batch = faces[index]
            image, target = task.augmentation.cut(
                batch["image"].to(device), batch["landmarks"].to(device)
            )
            parts = task.objective.parts(network(image).float(), target)
            losses.append(drawing_losses(*parts, labelled_weight(target), score))
    return torch.cat(losses)
