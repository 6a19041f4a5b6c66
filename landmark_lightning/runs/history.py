"""The curves of a training, from the metrics.csv of its run."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.results import Cell, Run

PLOTTED = {
    "val/nme": "NME of the validation faces (%)",
    "train/loss": "loss",
    "train/loss_coordinates": "loss of the coordinates",
    "train/loss_validation": "loss of the signal",
    "train/loss_coverage": "loss of the coverage",
    "train/lr": "learning rate",
    "balancing/effective_sample_size": "effective sample size (faces)",
}
"""Columns of metrics.csv that are plotted, and what they are called."""

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class History:
    """The curves of one training.

    Attributes:
        cell: The cell of its run.
        seed: Its run's.
        points: Epochs (counted in steps) and values by column of ``PLOTTED``; one that it does
            not have is left out.
    """

    cell: Cell
    seed: int
    points: Mapping[str, Points]


def read_histories(cell: Cell) -> tuple[list[History], list[str]]:
    """The curves of a cell's runs, and a sentence for each metrics.csv that can't be read.

    A run without the file, or without steps in it, has none.
    """
    found, unread = [], []
    for run in cell.runs:
        path = RunFolder(run.path).curves
        if not path.is_file():
            continue
        try:
            points = _read(run)
        except (OSError, ValueError, csv.Error) as error:
            unread.append(f"{path} can't be read: {' '.join(str(error).split())}")
            continue
        if points:
            found.append(History(cell, run.seed, points))
    return found, unread


def _read(run: Run) -> dict[str, Points]:
    steps: dict[str, dict[int, float]] = {name: {} for name in PLOTTED}
    ends = {}
    with RunFolder(run.path).curves.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            step = row.get("step") or ""
            if not step.isdecimal():
                continue
            if (row.get("epoch") or "").isdecimal():
                ends[int(row["epoch"]) + 1] = int(step) + 1
            for name, points in steps.items():
                if text := row.get(name):
                    points[int(step)] = float(text)
    if not ends:
        return {}
    epoch, last = max(ends.items())
    found = {}
    for name, points in steps.items():
        values = np.array(list(points.values()))
        at = (np.array(list(points)) + 1) * epoch / last
        known = np.isfinite(values)
        if known.any():
            found[name] = at[known], values[known]
    return found
