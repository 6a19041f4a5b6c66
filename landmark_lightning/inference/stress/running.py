"""The stress test of a task on the test faces of a FaceFile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from landmark_lightning.inference.stress.conditions import CLEAN, Condition
from landmark_lightning.inference.stress.corruptions import corrupt
from landmark_lightning.inference.stress.covers import cover
from landmark_lightning.inference.stress.figures import DISCARDED, condition_figures
from landmark_lightning.landmark_parts import Parts
from landmark_lightning.loading.faces import Faces
from landmark_lightning.metrics.nme import normalized_mean_error
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.plots.faces import nme_caption, predicted_faces, stacked
from landmark_lightning.runs.predictions import Records
from landmark_lightning.schemes import scheme_from

SHOWN = 8
"""Faces in a row of the sheet."""

KINDS = ("mask", "sunglasses", "hand", "patch", "noise")
"""What is random, in an order that stays: the seeds are made of it."""


def stress_test(
    task: LandmarkTask,
    faces: Faces,
    records: Records,
    conditions: Sequence[Condition],
    seed: int = 0,
    batch_size: int = 64,
) -> tuple[dict[str, Any], Image.Image | None]:
    """Predicts faces under each condition.

    Args:
        task: The trained task.
        faces: N test faces, stored crops.
        records: Predictions on them as they are.
        conditions: What is done to them, one after another.
        seed: Seed of covers and noise; each face has its own, whatever else is tested.
        batch_size: Faces in a batch.

    Returns:
        ``seed`` and ``conditions``, figures by the condition's name, and before them those of
        ``clean``; and a sheet of some faces under each condition, with their predictions, None
        where none could be changed.
    """
    found = {CLEAN: condition_figures(records, records.prediction, records.signal)}
    sheets = {}
    test = StressedFaces(task, faces, scheme_from(records.info.scheme).parts, seed)
    task.eval()
    with torch.inference_mode():
        for condition in tqdm(conditions, "stress", unit="condition", leave=False):
            points, signal, logits, hidden, possible = test.predict(condition, batch_size)
            covered = hidden if condition.covers else None
            found[condition.name] = condition_figures(
                records, points, signal, possible, covered, logits
            )
            rows = possible.nonzero()[:, 0]
            if len(rows):
                spread = np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round()
                rows = rows[torch.from_numpy(spread).long()]
                images = test.images(condition, rows)[0]
                sheets[condition.name] = _sheet(records, rows, images, points, signal)
    return {"seed": seed, "conditions": found}, stacked(sheets) if sheets else None


@dataclass(frozen=True)
class StressedFaces:
    """Faces to put under a condition, and the task that predicts them."""

    task: LandmarkTask
    faces: Faces
    parts: Parts
    seed: int

    def predict(
        self, condition: Condition, batch_size: int
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor, Tensor]:
        """(N, L, 2) points, (N, L) signals and logits of being covered under a condition.

        Behind them as of ``images``; None for what the network has not.
        """
        predictions, hidden, possible = [], [], []
        for rows in torch.arange(len(self.faces)).split(batch_size):
            images, covered, could = self.images(condition, rows)
            predictions.append(self.task(images).cpu())
            hidden.append(covered)
            possible.append(could)
        answers = torch.cat(predictions)
        points, signal = self.task.split_output(answers)
        logits = answers[..., 3] if answers.shape[-1] > 3 else None
        return points, signal, logits, torch.cat(hidden), torch.cat(possible)

    def images(self, condition: Condition, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the network sees of (B,) rows of the faces: (B, 1, S, S).

        Beside it are (B, L) which landmarks are covered, and (B,) on which faces the condition
        could be put.
        """
        batch, kind = self.faces[rows], condition.kind
        hidden = torch.zeros(batch["landmarks"].shape[:2], dtype=torch.bool)
        possible = torch.ones(len(rows), dtype=torch.bool)
        if not condition.covers:
            seen = self.task.to_input(batch)["image"]
            shape = tuple(seen.shape[1:])
            noise = [self._random(row, "noise").standard_normal(shape) for row in rows.tolist()]
            drawn = torch.from_numpy(np.stack(noise)).to(seen)
            return corrupt(kind, condition.severity, seen, drawn), hidden, possible
        images = batch["image"].clone()
        for place, row in enumerate(rows.tolist()):
            image, points = images[place, 0].numpy(), batch["landmarks"][place].numpy()
            covered = cover(kind, image, points, self.parts, self._random(row, kind))
            possible[place] = covered is not None
            if covered is not None:
                images[place, 0] = torch.from_numpy(covered[0])
                hidden[place] = torch.from_numpy(covered[1])
        return self.task.to_input(batch | {"image": images})["image"], hidden, possible

    def _random(self, row: int, kind: str) -> np.random.Generator:
        """The random numbers of one face, whatever else is tested and in whatever batches."""
        return np.random.default_rng([self.seed, row, KINDS.index(kind)])


def _sheet(
    records: Records, rows: Tensor, images: Tensor, points: Tensor, signal: Tensor | None
) -> Image.Image:
    """Some faces under a condition."""
    nme = normalized_mean_error(points[rows], records.target[rows], records.normalizer[rows, 0])
    return predicted_faces(
        ((images[:, 0].cpu() + 1) * 127.5).round().to(torch.uint8),
        records.target[rows],
        points[rows],
        None if signal is None else signal[rows],
        [nme_caption(float(each)) for each in nme],
        columns=SHOWN,
        scale=max(1, round(192 / images.shape[-1])),
    )


COLUMNS = (
    ("faces", ("faces",), 0),
    ("covered (%)", ("covered",), 0),
    ("NME", ("nme",), 2),
    ("covered", ("nme_covered",), 2),
    ("uncovered", ("nme_uncovered",), 2),
    (f"{DISCARDED}% discarded", ("discard", str(DISCARDED)), 2),
    ("closed", ("closed", "within"), 2),
    ("AUROC", ("auroc", "signal_over_prior"), 2),
    ("by coverage", ("auroc", "coverage"), 2),
    ("error x", ("rise", "error"), 2),
    ("signal x", ("rise", "signal"), 2),
)
"""Columns of the table on the terminal: heading, where the figure stands, digits."""


def stress_lines(stress: dict[str, Any], normalizer: str) -> list[str]:
    """The figures of a stress test as the lines of a table.

    Args:
        stress: What ``stress_test`` gave.
        normalizer: What errors are divided by.
    """
    rows = [["", *(heading for heading, _, _ in COLUMNS)]]
    for name, figures in stress["conditions"].items():
        row = [name]
        for heading, keys, digits in COLUMNS:
            value = figures
            for key in keys:
                value = value[key]
            value = 100 * value if value is not None and "%)" in heading else value
            row.append("-" if value is None else f"{value:.{digits}f}")
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return [
        *lines,
        f"NME in percent of {normalizer}; AUROC tells covered from uncovered landmarks by the "
        "signal over the static prior;",
        "error and signal are multiples of the same faces' as they are",
    ]
