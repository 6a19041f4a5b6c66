"""Predictions of whole splits: for the test, the static prior and pictures."""

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from landmark_lightning import geometry
from landmark_lightning.datasets.boxes import BoxMap, squares_of, tight_boxes
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.errors import UserError
from landmark_lightning.loading.faces import Faces, faces_from
from landmark_lightning.metrics.nme import landmark_error
from landmark_lightning.metrics.offset import label_offset, mean_and_error
from landmark_lightning.model.image_ops import warp
from landmark_lightning.model.task import DIVERGED, LandmarkTask
from landmark_lightning.runs.predictions import Records, RunInfo


def predict(
    task: LandmarkTask, faces: Faces, batch_size: int = 64, title: str = "predicting"
) -> tuple[Tensor, Tensor]:
    """Predicts faces in order, on the task's device, without augmentation.

    Returns:
        (N, L, outputs) predictions as of the task, and (N, L, 2) targets, both in input pixels,
        on the CPU.
    """
    task.eval()
    predictions, targets = [], []
    with torch.inference_mode():
        for batch in tqdm(faces.in_order(batch_size), desc=title, unit="batch", leave=False):
            batch = task.to_input(batch)
            predictions.append(task(batch["image"]).cpu())
            targets.append(batch["landmarks"].cpu())
    return torch.cat(predictions), torch.cat(targets)


def spread(most: int, faces: int) -> Tensor:
    """Places (n,) int64 of at most so many of the faces, spread evenly."""
    return torch.from_numpy(np.linspace(0, faces - 1, min(most, faces)).round().astype(np.int64))


def predict_mirrored(
    task: LandmarkTask, faces: Faces, batch_size: int = 64, rows: Tensor | None = None
) -> Tensor:
    """Predicts faces in a mirror, on the task's device, without augmentation.

    Args:
        task: The task.
        faces: The faces.
        batch_size: Faces in a batch.
        rows: (N,) places of those to predict; None: all, in order.

    Returns:
        (N, L, 2) landmarks, taken back to the faces as they are, in input pixels, on the CPU.
    """
    task.eval()
    found = []
    batches = (torch.arange(len(faces)) if rows is None else rows).split(batch_size)
    with torch.inference_mode():
        for some in tqdm(batches, desc="mirrored", unit="batch", leave=False):
            found.append(task.in_mirror(task.to_input(faces[some])["image"]).cpu())
    return torch.cat(found)


def offset_of_labels(
    task: LandmarkTask, faces: Faces, batch_size: int = 64
) -> tuple[float, float]:
    """How far the labels of faces lie to the right of where pictures and mirrored ones say.

    Returns:
        The mean and its standard error, in percent of the primary normalizer; NaN where too few
        faces have it.
    """
    prediction, target = predict(task, faces, batch_size, "labels")
    points, length = task.split_output(prediction)[0], faces.normalizer[:, 0].cpu()
    mirrored = predict_mirrored(task, faces, batch_size)
    offsets = label_offset(points, mirrored, target, length * task.input_per_crop)
    mean, error = mean_and_error(offsets)
    return float(mean), float(error)


def static_prior(task: LandmarkTask, faces: Faces, batch_size: int = 64) -> Tensor:
    """The static prior: (L,) mean Euclidean error of each landmark index, input pixels.

    Of a landmark the faces count that have it; one that no face has gets the mean of the others.
    """
    prediction, target = predict(task, faces, batch_size, "static prior")
    return prior_of(task.split_output(prediction)[0], target)


def prior_of(points: Tensor, target: Tensor) -> Tensor:
    """The static prior, of (N, L, 2) predicted and annotated landmarks of the training faces."""
    prior = landmark_error(points, target).nanmean(dim=0)
    return torch.where(prior.isnan(), prior.nanmean(), prior)


def predict_around(
    task: LandmarkTask,
    faces: Faces,
    squares: Tensor,
    passes: int = 2,
    again: BoxMap | None = None,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor | None]:
    """Predicts faces that are cut around other boxes than the true ones, out of stored crops.

    Args:
        task: The task.
        faces: N faces.
        squares: (N, 3) centre x, y and side in crop pixels; what is NaN is answered by NaN.
        passes: How often a face is cut: from the second time on around the landmarks found
            before; the answer is the mean of all.
        again: The map from their tight box to a training crop's; None: they are the same.
        batch_size: Faces in a batch.

    Returns:
        (N, L, 2) landmarks and (N, L) signals, or None, in pixels of the usual input, that is
        around the true box.
    """
    task.eval()
    known = squares.isfinite().all(dim=1)
    squares = squares.nan_to_num(nan=1.0)
    side, scale = task.network.side, task.crop["scale"]
    per_crop, crop_side = task.input_per_crop, task.augmentation.crop_side
    places: list[Tensor] = []
    signals: list[Tensor] = []
    with torch.inference_mode():
        for rows in torch.arange(len(faces)).split(batch_size):
            images = faces[rows]["image"].to(task.device, torch.float32)
            square = squares[rows].to(task.device, torch.float32)
            points, signal = torch.zeros(()), torch.zeros(())
            for _ in range(passes):
                step = square[:, 2, None, None] * (scale / side)
                center = square[:, None, :2]
                linear = step * torch.eye(2, device=task.device)
                cut = warp(images, center, linear, side) * (2 / 255) - 1
                found, uncertain = task.split_output(task(cut))
                place = (found - (side - 1) / 2) * step + center
                points = place / passes + points
                if uncertain is not None:
                    signal = uncertain * step[:, 0] / passes + signal
                boxes = tight_boxes(place.double().cpu().numpy())
                following = squares_of(boxes) if again is None else again(boxes)
                square = torch.from_numpy(following).to(task.device, torch.float32)
            places.append(((points - (crop_side - 1) / 2) * per_crop + (side - 1) / 2).cpu())
            if signal.dim():
                signals.append((signal * per_crop).cpu())
    found = torch.cat(places).where(known[:, None, None], torch.nan)
    if not signals:
        return found, None
    return found, torch.cat(signals).where(known[:, None], torch.nan)


def input_images(task: LandmarkTask, faces: Faces, rows: Tensor | None = None) -> Tensor:
    """What the network sees of all faces, or of (B,) rows of them: (B, S, S) uint8, on the CPU."""
    task.eval()
    batch = faces[torch.arange(len(faces)) if rows is None else rows]
    with torch.inference_mode():
        image = task.to_input(batch)["image"]
    return ((image[:, 0] + 1) * 127.5).round().to(torch.uint8).cpu()


def check_same_faces(task: LandmarkTask, faces: FaceFile) -> None:
    """Checks that a FaceFile has the landmarks and crops that a task was trained on.

    Raises:
        UserError: It has others; the first difference is named.
    """
    if faces.scheme.landmarks != task.scheme.landmarks or faces.scheme.name != task.scheme.name:
        raise UserError(
            f"{faces.path} has scheme {faces.scheme.name} ({faces.scheme.landmarks} landmarks), "
            f"the run predicts {task.scheme.name} ({task.scheme.landmarks})"
        )
    # Either may have no names.
    for i, (here, there) in enumerate(zip(faces.scheme.names, task.scheme.names, strict=False)):
        if here != there:
            raise UserError(
                f"{faces.path} names landmark {i} {here!r}, the run predicts {there!r} there"
            )
    for name in ("boxes", "scale", "gray"):
        if task.crop[name] != getattr(faces.crop, name):
            raise UserError(
                f"{faces.path} was prepared with {name}={getattr(faces.crop, name)}, the run was "
                f"trained with {task.crop[name]}; prepare it with the same"
            )


def predict_test(
    task: LandmarkTask,
    faces: FaceFile,
    *,
    dataset: str,
    model: str,
    seed: int,
    batch_size: int = 64,
    split: Faces | None = None,
) -> Records:
    """A run's predictions on a FaceFile's test split.

    Args:
        task: The trained task.
        faces: The FaceFile.
        dataset: Name of the dataset, for the records.
        model: Name of the model.
        seed: Seed of the run.
        batch_size: Faces in a batch.
        split: The test faces, where they are read already.

    Raises:
        UserError: The FaceFile's landmarks or crops are not those of the task, or its
            predictions are not finite.
    """
    check_same_faces(task, faces)
    split = faces_from(faces, "test") if split is None else split
    side = task.network.side
    task.augmentation.use_crop(faces.crop.side, faces.crop.margin)
    prediction, target = predict(task, split, batch_size, "testing")
    if not bool(prediction.isfinite().all()):
        raise UserError(DIVERGED)
    points, signal = task.split_output(prediction)
    zero = torch.zeros(1)
    to_crop = geometry.input_to_crop(
        faces.crop.side, faces.crop.margin, side, torch.zeros(1, 2), zero
    )
    return Records(
        prediction=points,
        target=target,
        signal=signal,
        visible=split.visible,
        normalizer=split.normalizer * task.input_per_crop,
        subsets=split.subsets,
        photo=tuple(split.photo),
        to_photo=geometry.compose_affine(split.to_photo, to_crop.expand(len(split), 2, 3)),
        prior=task.static_prior.cpu(),
        covered=task.covered(prediction),
        group=tuple(split.group) if any(split.group) else (),
        info=RunInfo(
            dataset=dataset,
            model=model,
            seed=seed,
            scheme=faces.scheme.to_dict(),
            normalizers=faces.normalizers,
            subset_names=faces.subsets,
            distance=task.distance,
            input_side=side,
            data=faces.content,
        ),
    )
