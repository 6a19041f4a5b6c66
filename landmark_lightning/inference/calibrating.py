"""Measuring a calibration: on a training's own validation faces, or on a dataset's again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from landmark_lightning import geometry
from landmark_lightning.datasets.boxes import BoxMap, squares_of, tight_boxes
from landmark_lightning.datasets.detectors import detector
from landmark_lightning.datasets.facefile import FaceSplit
from landmark_lightning.inference.calibration import Answers, Calibration, measured
from landmark_lightning.inference.card import Card
from landmark_lightning.inference.predict import predict, predict_around, prior_of, spread
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.metrics.nme import landmark_error
from landmark_lightning.model.task import LandmarkTask

Numbers = NDArray[np.float64]
SEARCHED = 300
"""Faces of training, and of validation, whose crops a detector looks at."""

PASSES = 2
"""How often a face is cut where a detector's box comes first."""


def card_of(task: LandmarkTask) -> Card:
    """The card of a trained task."""
    jitter: Any = task.hparams["augmentation"].get("box_jitter", 0)
    return Card(
        library=f"landmark-lightning {version('landmark-lightning')}",
        dataset=task.run.get("dataset", {}).get("name"),
        model=task.run.get("model"),
        seed=task.run.get("seed"),
        scheme=task.scheme.to_dict(),
        side=task.network.side,
        boxes=task.crop["boxes"],
        scale=task.crop["scale"],
        gray=task.crop["gray"],
        distance=task.distance,
        jittered=bool(np.any(jitter)),
        coverage=bool(task.coverage),
        calibration=None if task.calibration is None else Calibration.from_dict(task.calibration),
    )


def calibrate(
    task: LandmarkTask,
    data: FaceDataModule,
    coverage: float = 0.9,
    detector_name: str | None = None,
) -> Calibration:
    """Measures the static prior and the calibration of a task, and gives it both.

    Args:
        task: The trained task.
        data: The faces that it was trained on and chosen by.
        coverage: Share of landmarks whose true error the bound shall hold.
        detector_name: Name of a face detector that looks at stored crops, where the FaceFile has
            not its boxes already.

    Raises:
        UserError: A detector that can't be used.
    """
    split = data.faces.read("train", images=False)
    rows = {"train": data.validation.kept, "validation": data.validation.held}
    groups = [split.group[i] for i in rows["validation"]]
    prediction, target = predict(task, data.train_faces, data.eval_batch_size, "calibrating")
    points, signal = task.split_output(prediction)
    task.static_prior = prior_of(points, target).to(task.device)
    training = _answers(points, target, signal, [""] * len(points))
    prediction, target = predict(task, data.val_faces, data.eval_batch_size, "calibrating")
    points, signal = task.split_output(prediction)
    validation = {"true": _answers(points, target, signal, groups)}
    boxes = split.box.astype(np.float64)
    again = None
    if task.crop["boxes"] != "landmarks":
        again = BoxMap.measure(tight_boxes(_in_photo(split)), squares_of(boxes))
    split = _searched(split, data, rows, detector_name)
    detected = split.detector_box.astype(np.float64)
    known = rows["train"]
    found = BoxMap.measure(detected[known], squares_of(boxes[known]))
    if found is not None:
        squares = crop_squares(split, rows["validation"], found)
        seen = torch.from_numpy(np.isfinite(squares).all(axis=1))
        if bool(seen.any()):
            points, signal = predict_around(
                task, data.val_faces, torch.from_numpy(squares), PASSES, again
            )
            validation["detector"] = _answers(
                points[seen],
                target[seen],
                None if signal is None else signal[seen],
                [groups[i] for i in seen.nonzero()[:, 0].tolist()],
            )
    name = detector_name or str(data.faces.settings.get("detector") or "")
    made = measured(training, validation, coverage, found, again, name)
    task.calibration = made.to_dict()
    return made


def _searched(
    split: FaceSplit, data: FaceDataModule, rows: Mapping[str, NDArray[np.int64]], name: str | None
) -> FaceSplit:
    """The split with boxes that a detector found in some of its stored crops.

    They are looked for in at most ``SEARCHED`` training faces, spread evenly, and in as many of
    the validation faces, where a detector is named whose boxes the FaceFile does not have.
    """
    if name is None or name == data.faces.settings.get("detector"):
        return split
    detect = detector(name)
    boxes = np.full((len(split), 4), np.nan, np.float32)
    for faces, places in ((data.train_faces, rows["train"]), (data.val_faces, rows["validation"])):
        chosen = spread(SEARCHED, len(faces)).tolist()
        for place in tqdm(chosen, "searching crops", unit="face", leave=False):
            crop = faces[torch.tensor([place])]["image"][0, 0].cpu().numpy()
            to_photo = split.to_photo[places[place]].astype(np.float64)
            middle = (len(crop) - 1) / 2
            holding = [
                b for b in detect(crop) if (b[:2] < middle).all() and (b[2:] > middle).all()
            ]
            if holding:
                low, high = holding[0][:2], holding[0][2:]
                box = [to_photo[:, :2] @ corner + to_photo[:, 2] for corner in (low, high)]
                boxes[places[place]] = np.concatenate(box)
    return replace(split, detector_box=boxes)


def crop_squares(split: FaceSplit, rows: NDArray[np.int64], found: BoxMap) -> Numbers:
    """Where a detector says that faces are: (N, 3) squares in pixels of their stored crops.

    Args:
        split: The split of the FaceFile.
        rows: Which of its faces.
        found: The map from a detector's box.

    Returns:
        Centre x, y and side, NaN for a face without a detector's box.
    """
    squares = found(split.detector_box[rows].astype(np.float64))
    to_photo = split.to_photo[rows].astype(np.float64)
    step = to_photo[:, 0, 0, None]  # a crop is neither turned nor stretched
    return np.concatenate([(squares[:, :2] - to_photo[:, :, 2]) / step, squares[:, 2:] / step], 1)


def _in_photo(split: FaceSplit) -> Numbers:
    """The annotated landmarks (N, L, 2) in their photos."""
    points = geometry.apply_affine(
        torch.from_numpy(split.to_photo).double(), torch.from_numpy(split.landmarks).double()
    )
    return points.numpy()


def _answers(
    points: Tensor, target: Tensor, signal: Tensor | None, group: Sequence[str]
) -> Answers:
    error = landmark_error(points, target).double().numpy()
    return Answers(error, None if signal is None else signal.double().numpy(), group)


def describe(calibration: Calibration) -> str:
    """A calibration in one line."""
    quantile: Mapping[str, float] = calibration.quantile
    share = f"{100 * calibration.coverage:g}%"
    if not np.isfinite(quantile["true"]):
        return f"{calibration.faces} validation faces are too few for a bound that holds {share}"
    follows = (
        f"follows the signal to the power of {calibration.power:g}"
        if calibration.power
        else "is a constant for each landmark"
    )
    line = (
        f"the bound holds {share} of the landmarks of faces like the {calibration.faces} "
        f"validation faces; it {follows}"
    )
    if calibration.detector is not None:
        line += f"; a detector's box is mapped as on {calibration.detector.faces} faces"
    return line
