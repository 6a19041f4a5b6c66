"""predictions.csv of a test: what predictions.h5 holds, for other programs."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landmark_lightning.files import replacing
from landmark_lightning.geometry import apply_affine
from landmark_lightning.inference.calibration import Calibration, trusted
from landmark_lightning.runs.predictions import Records

COLUMNS = (
    "image", "face", "landmark", "name", "x", "y", "predicted_error", "bound", "kept",
    "covered", "true_x", "true_y", "visible", "error",
)  # fmt: skip
"""All lengths are pixels of the photo; a cell is blank where there is no such number."""


def write_table(path: Path, records: Records, calibration: Mapping[str, Any] | None) -> None:
    """Writes a row a face and landmark, in the order of the test faces.

    Args:
        path: The CSV file.
        records: The test predictions.
        calibration: As ``LandmarkTask.calibration`` has it; ``predicted_error``, ``bound`` and
            ``kept`` come from it as in ``landmark-predict``.
    """
    to_photo = records.to_photo.double()
    points = apply_affine(to_photo, records.prediction.double()).numpy()
    truth = apply_affine(to_photo, records.target.double()).numpy()
    step = to_photo[:, :, :2].det().abs().sqrt()[:, None].numpy()
    signal = None if records.signal is None else records.signal.double().numpy()
    faces, landmarks, _ = points.shape
    known = None if calibration is None else Calibration.from_dict(calibration)
    predicted, bound, kept, _ = trusted(known, signal, step, landmarks)
    covered = np.full((faces, landmarks), np.nan)
    if records.covered is not None:
        covered = records.covered.double().numpy()
    error = np.linalg.norm(points - truth, axis=2)
    visible = records.visible.numpy()
    names = records.info.names or ("",) * landmarks
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for f, photo in enumerate(records.photo):
            image = photo.encode(errors="backslashreplace").decode()
            rows.writerows(
                [
                    image, f, i, names[i], *map(_cell, points[f, i]), _cell(predicted[f, i]),
                    _cell(bound[f, i]), int(kept[f, i]), _cell(covered[f, i], 3),
                    *map(_cell, truth[f, i]), visible[f, i], _cell(error[f, i]),
                ]
                for i in range(landmarks)
            )  # fmt: skip


def _cell(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else ""
