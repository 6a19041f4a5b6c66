"""The mean face: answering every face with the mean shape of the training faces.

A network that is no better has learned nothing of the single face.
"""

from typing import Any

import torch
from torch import Tensor

from landmark_lightning import geometry
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.metrics.nme import normalized_mean_error
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.figures import summarize
from landmark_lightning.runs.predictions import Records

KEPT = ("faces", "nme", "nme_by", "nme_visible_by", "fr_0.08", "fr_0.10", "auc_0.08", "auc_0.10")
"""Which of a subset's figures are told of the mean face."""


def mean_face_figures(
    task: LandmarkTask, trained_on: FaceFile, records: Records
) -> dict[str, dict[str, Any]] | None:
    """What the mean face has on the faces that a task was tested on.

    Args:
        task: The task.
        trained_on: The FaceFile whose split ``train`` it was trained on.
        records: The task's predictions on N faces.

    Returns:
        By subset ``KEPT`` of its figures, as of ``summarize``. None where there are no faces.
    """
    if not trained_on.faces["train"] or not records.photo:
        return None
    shape = _mean(torch.from_numpy(trained_on.read("train", images=False).landmarks))
    crop, side = trained_on.crop, task.network.side
    to_crop = geometry.input_to_crop(
        crop.side, crop.margin, side, torch.zeros(1, 2), torch.zeros(1)
    )
    in_input = geometry.apply_affine(geometry.invert_affine(to_crop), shape[None])[0]
    answer = in_input.nan_to_num(nan=(side - 1) / 2).expand_as(records.prediction)
    found = summarize(
        Records(**(vars(records) | {"prediction": answer, "signal": None, "covered": None}))
    )
    return {subset: {key: of[key] for key in KEPT} for subset, of in found.items()}


def mean_face_of_validation(datamodule: FaceDataModule) -> float:
    """NME of the mean face on the validation faces, in percent of the primary normalizer."""
    faces = datamodule.val_faces
    answer = _mean(datamodule.train_faces.landmarks).expand_as(faces.landmarks)
    nme = normalized_mean_error(answer, faces.landmarks, faces.normalizer[:, 0])
    return float(nme.nanmean())


def _mean(landmarks: Tensor) -> Tensor:
    """(L, 2) mean of (N, L, 2) landmarks, of each over the faces that have it; else NaN."""
    return landmarks.double().nanmean(dim=0).float()
