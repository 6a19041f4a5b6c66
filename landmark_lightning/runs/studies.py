"""Studies: searches of settings by trials, ``study-<name>.json`` in a ``runs_dir``.

Such a file holds ``study`` (its name), ``metric``, ``direction``, ``n_trials`` (how many it is to
have) and ``trials``: ``number``, ``state`` (complete, failed or running), ``value``, ``params``
(the settings searched, by name) and ``cells`` (the folders of its runs, one a seed, relative to
the file's own) of each.
"""

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landmark_lightning.config.difference import leaves
from landmark_lightning.errors import UserError, did_you_mean
from landmark_lightning.files import write_json
from landmark_lightning.runs.folder import STUDIES, RunFolder

VALIDATION_NME = "validation_nme"
"""The figure of metrics.json that a study goes by where it is told no other."""


@dataclass(frozen=True)
class Trial:
    """Some values of the settings searched, and what came of them.

    Attributes:
        number: Its place in the study, from 0.
        state: complete, failed or running.
        value: What the study goes by; None where it is not complete.
        params: The settings searched, by name.
        cells: The folders of its runs, one a seed, relative to the ``runs_dir``.
    """

    number: int
    state: str
    value: float | None
    params: dict[str, Any]
    cells: list[str]

    def __str__(self) -> str:
        """The settings, as the command line has them, to four digits."""
        return " ".join(f"{name}={rounded(value)}" for name, value in self.params.items())


@dataclass(frozen=True)
class Study:
    """A search of settings.

    Attributes:
        runs: The ``runs_dir``.
        name: Its name.
        metric: The figure that it goes by.
        direction: minimize or maximize.
        n_trials: How many complete trials it is to have.
        trials: Those begun so far.
    """

    runs: Path
    name: str
    metric: str
    direction: str
    n_trials: int
    trials: list[Trial]

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best value, the first of several; None where none is."""
        sign = -1 if self.direction == "maximize" else 1
        known = [(sign * t.value, t.number, t) for t in self.trials if t.value is not None]
        return min(known)[2] if known else None

    def describe_best(self) -> str:
        """A sentence on the best trial; empty where none is complete."""
        if self.best is None:
            return ""
        count = sum(trial.value is not None for trial in self.trials)
        return (
            f"trial {self.best.number} (of {count}), {self.metric} {self.best.value:.4g} with "
            f"{self.best}, in {', '.join(self.best.cells)}"
        )

    def write(self) -> Path:
        """Writes the study's file; gives its path."""
        path = self.runs / STUDIES.replace("*", self.name)
        told = {key: getattr(self, key) for key in ("metric", "direction", "n_trials")}
        trials = [vars(trial) for trial in self.trials]
        write_json(path, {"study": self.name, **told, "trials": trials})
        return path


def read_studies(folders: Iterable[Path]) -> tuple[list[Study], list[str]]:
    """The studies whose files lie in some folders, and a sentence for each that can't be read."""
    studies, unread = [], []
    for path in (path for folder in folders for path in sorted(folder.glob(STUDIES))):
        try:
            studies.append(_read(path))
        except (OSError, ValueError, LookupError, TypeError) as error:
            reason = " ".join(str(error).split())
            unread.append(f"{path} is no study's file ({type(error).__name__}: {reason:.60})")
    return studies, unread


def _read(path: Path) -> Study:
    content = json.loads(path.read_text(encoding="utf-8"))
    trials = [
        Trial(
            int(each["number"]),
            str(each["state"]),
            None if each["value"] is None else float(each["value"]),
            {str(name): value for name, value in dict(each["params"]).items()},
            [str(cell) for cell in each["cells"]],
        )
        for each in content["trials"]
    ]
    name, metric, direction = (str(content[key]) for key in ("study", "metric", "direction"))
    return Study(path.parent, name, metric, direction, int(content["n_trials"]), trials)


def objective(folder: RunFolder, metric: str) -> float:
    """The figure of a finished run that a study goes by.

    Args:
        folder: The run's folder.
        metric: A figure of metrics.json by its dotted name, such as ``validation_nme``; or a
            column of metrics.csv that begins with ``val/``, in the epoch of the lowest validation
            NME.

    Raises:
        UserError: The run has no such figure, or it is null.
    """
    if metric.startswith("val/"):
        file = folder.curves
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if row.get("val/nme")]
        best = min(rows, key=lambda row: float(row["val/nme"]), default={})
        found: dict[str, Any] = {n: float(text) for n, text in best.items() if _is_number(text)}
    else:
        file = folder.metrics
        found = dict(leaves(json.loads(file.read_text(encoding="utf-8"))))
    value = found.get(metric)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        hint = did_you_mean(metric, list(found))
        raise UserError(f"optimized_metric={metric}: {file} has no such number{hint}")
    return float(value)


def rounded(value: object) -> str:
    """A number, or the text of one, to four digits; what is none, or is whole, as it is."""
    text = str(value)
    return text if text.lstrip("-").isdigit() or not _is_number(text) else f"{float(text):.4g}"


def _is_number(text: object) -> bool:
    try:
        return math.isfinite(float(str(text)))
    except ValueError:
        return False
