"""How well the signals tell faces from what is none (the paper's second use: checking a detector).

Non-faces are cut out of the stored crops of true faces: shifted by half of the input's square in a
random direction, turned upside down, at half and at twice the size, and corners without the face's
middle.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from landmark_lightning.inference.calibration import Calibration
from landmark_lightning.inference.predict import spread
from landmark_lightning.loading.faces import Faces
from landmark_lightning.metrics.signal import auroc
from landmark_lightning.model.image_ops import warp
from landmark_lightning.model.task import LandmarkTask

KEPT = (0.90, 0.95, 0.99)
"""Shares of true faces that the operating points keep."""

MOST_FACES = 1000


def rejection_figures(
    task: LandmarkTask, faces: Faces, signal: Tensor, batch_size: int = 64
) -> dict[str, Any] | None:
    """How many non-faces pass where most true faces are kept.

    A face is judged by the mean of its landmarks' predicted errors, as ``Calibration.validity``
    does.

    Args:
        task: The trained task, calibrated.
        faces: N true faces.
        signal: (N, L) their signals, input pixels.
        batch_size: Faces in a batch.

    Returns:
        ``faces`` how many faces non-faces were cut from; ``kept`` by the share of true faces kept:
        the ``validity`` that they have at least, and ``passed``, the share of non-faces that have
        it, too, of each kind and of ``all``; ``auroc`` of faces against each kind and ``all``.
        None for a task without signal or calibration.
    """
    if task.calibration is None or task.distance is None:
        return None
    calibration = Calibration.from_dict(task.calibration)
    rows = spread(MOST_FACES, len(faces))
    true = _score(calibration, signal[rows])
    others: dict[str, list[Tensor]] = {}
    generator = torch.Generator().manual_seed(0)
    task.eval()
    device, side = task.device, task.network.side
    batches = rows.split(batch_size)
    with torch.inference_mode():
        for some in tqdm(batches, "non-faces", unit="batch", leave=False):
            images = faces[some]["image"].to(device, torch.float32)
            angle = torch.rand(len(some), generator=generator) * (2 * math.pi)
            for kind, center, size in _non_faces(task, angle):
                linear = size * torch.eye(2).expand(len(some), 2, 2)
                cut = warp(images, center.to(device), linear.to(device), side)
                _, found = task.split_output(task(cut * (2 / 255) - 1))
                assert found is not None
                others.setdefault(kind, []).append(_score(calibration, found.cpu()))
    scores = {kind: torch.cat(each) for kind, each in others.items()}
    scores["all"] = torch.cat(list(scores.values()))
    return {
        "faces": len(rows),
        "kept": {f"{share:.2f}": _point(calibration, true, scores, share) for share in KEPT},
        "auroc": {kind: _auroc(true, score) for kind, score in scores.items()},
    }


def _non_faces(task: LandmarkTask, angle: Tensor) -> Iterator[tuple[str, Tensor, float]]:
    """Each kind with the middles (B, 1, 2) of its squares and crop pixels in an input pixel.

    A negative number of pixels turns upside down.
    """
    crop_side = task.augmentation.crop_side
    extent = crop_side / task.augmentation.margin  # of the input's square in the crop
    step, middle = extent / task.network.side, (crop_side - 1) / 2
    here = torch.full((len(angle), 1, 2), middle)
    direction = torch.stack([angle.cos(), angle.sin()], dim=1)[:, None]
    corner = torch.sign(direction) * (crop_side - extent / 2) / 2
    yield "shifted", here + direction * extent / 2, step
    yield "upside_down", here, -step
    yield "half_size", here, step / 2
    yield "twice_the_size", here, step * 2
    yield "background", here + corner, step / 2


def _score(calibration: Calibration, signal: Tensor) -> Tensor:
    predicted = calibration.predicted_error(signal.double().numpy())
    return torch.from_numpy(predicted.mean(axis=1))


def _point(
    calibration: Calibration, true: Tensor, scores: dict[str, Tensor], share: float
) -> dict[str, Any]:
    limit = float(true.quantile(share))
    validity = calibration.validity(np.array([[limit]]))
    passed = {kind: float((score <= limit).double().mean()) for kind, score in scores.items()}
    return {"validity": float(validity[0]), "passed": passed}


def _auroc(true: Tensor, other: Tensor) -> float:
    """Probability that a non-face has a higher score than a face."""
    positive = torch.arange(len(true) + len(other)) >= len(true)
    return float(auroc(positive, torch.cat([true, other])))
