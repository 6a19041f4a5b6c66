"""The finished runs below a folder: their metrics.json, gathered by dataset and model.

A run is a folder with a ``metrics.json`` and a ``predictions.h5``, as landmark-train and
landmark-evaluate write them. Where it lies below the given folder does not matter, since the file
says which dataset, model and seed it is of.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODELS = ("non", "nobb", "bbo", "bb", "bbs")
"""The order of the paper's models in tables and figures; others follow by name."""


@dataclass(frozen=True)
class Run:
    """One metrics.json.

    Attributes:
        path: Where it lies.
        dataset: Name of the dataset.
        model: Name of the model.
        seed: Seed of the run.
        normalizer: What its errors are divided by.
        content: The whole file.
    """

    path: Path
    dataset: str
    model: str
    seed: int
    normalizer: str
    content: dict[str, Any]

    def _under(self, keys: Iterable[str]) -> Any:  # noqa: ANN401
        value: Any = self.content
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def figure(self, *keys: str) -> float | None:
        """The number under ``keys``; None where it is null, missing or not finite."""
        value = self._under(keys)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if math.isfinite(value) else None

    def word(self, *keys: str) -> str | None:
        """The text under ``keys``; None where there is none."""
        value = self._under(keys)
        return value if isinstance(value, str) else None

    def names(self, *keys: str) -> list[str]:
        """What the object under ``keys`` has entries of; nothing where there is none."""
        value = self._under(keys)
        return list(value) if isinstance(value, dict) else []


@dataclass(frozen=True)
class Cell:
    """The runs of one model on one dataset that share a normalizer, by seed."""

    dataset: str
    normalizer: str
    model: str
    runs: tuple[Run, ...]

    def figures(self, *keys: str) -> list[float | None]:
        """The number under ``keys`` of every run."""
        return [run.figure(*keys) for run in self.runs]


def read_run(path: Path) -> Run:
    """Reads a metrics.json.

    Raises:
        ValueError: It can't be read or lacks what every run has; one sentence that names it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} can't be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not the metrics.json of a run: it holds no object")
    for key, kind in (("dataset", str), ("model", str), ("seed", int), ("normalizer", str)):
        if not isinstance(content.get(key), kind):
            raise ValueError(f"{path} is not the metrics.json of a run: {key} is missing or wrong")
    subsets = content.get("subsets")
    if not isinstance(subsets, dict) or not isinstance(subsets.get("full"), dict):
        raise ValueError(f"{path} is not the metrics.json of a run: subsets.full is missing")
    identity = {key: content[key] for key in ("dataset", "model", "seed", "normalizer")}
    return Run(path, **identity, content=content)


def find_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """Reads every metrics.json below a folder, but for those of later evaluations of a run.

    Returns:
        The runs, and a sentence for each file that was left out: a broken one, or a second one of
        the same dataset, model, seed and normalizer.
    """
    runs: dict[tuple[str, str, int, str], Run] = {}
    left_out = []
    read = []
    for path in sorted(folder.rglob("metrics.json")):
        if "evaluations" not in path.relative_to(folder).parts:
            try:
                read.append(read_run(path))
            except ValueError as error:
                left_out.append(str(error))
    # A run goes before a later evaluation of it, which does not know its seconds.
    for run in sorted(read, key=lambda run: run.figure("train_seconds") is None):
        identity = (run.dataset, run.model, run.seed, run.normalizer)
        if identity in runs:
            left_out.append(f"{run.path} is of the same run as {runs[identity].path}")
        else:
            runs[identity] = run
    return list(runs.values()), left_out


def gather(runs: Iterable[Run]) -> list[Cell]:
    """Groups runs into cells: by dataset and normalizer, then in the order of ``MODELS``."""
    cells: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        cells.setdefault((run.dataset, run.normalizer, run.model), []).append(run)

    def place(key: tuple[str, str, str]) -> tuple[str, str, int, str]:
        dataset, normalizer, model = key
        return dataset, normalizer, *model_rank(model)

    return [
        Cell(*key, tuple(sorted(cells[key], key=lambda run: run.seed)))
        for key in sorted(cells, key=place)
    ]


def model_rank(model: str) -> tuple[int, str]:
    """Sorts models in the order of ``MODELS``, others after them by name."""
    return MODELS.index(model) if model in MODELS else len(MODELS), model
