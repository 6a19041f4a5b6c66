"""Later evaluations of runs, as landmark-evaluate leaves them in a run's folder.

One of the run's own test faces completes its figures: with a stress test, or with what its version
did not measure. One of other faces is a result of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from landmark_lightning.errors import UserError
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.results import Cell, Run, read_run


@dataclass(frozen=True)
class Elsewhere:
    """What models of one dataset were tested on besides.

    Attributes:
        trained_on: The dataset that they were trained on.
        cells: Their tests; ``dataset`` is the one that they were tested on.
    """

    trained_on: str
    cells: Sequence[Cell]


def read_evaluations(cells: Sequence[Cell]) -> tuple[list[Cell], list[Elsewhere], list[str]]:
    """Reads what landmark-evaluate has left beside runs.

    Returns:
        The cells, completed; what was tested on other faces; and a sentence for each evaluation
        that can't be read.
    """
    completed = []
    unread: list[str] = []
    others: dict[tuple[str, ...], dict[str, tuple[Cell, list[Run]]]] = {}
    for cell in cells:
        runs = []
        for run in cell.runs:
            for tested in _tested(run, unread):
                if tested.dataset == run.dataset and _same_faces(tested, run):
                    run = replace(run, content=tested.content | run.content)
                    continue
                faces = tested.word("data") or ""
                key = (cell.dataset, tested.dataset, tested.normalizer, faces)
                of_key = others.setdefault(key, {})
                of_key.setdefault(cell.name, (cell, []))[1].append(tested)
            runs.append(run)
        completed.append(replace(cell, runs=tuple(runs)))
    elsewhere = [
        Elsewhere(
            trained_on,
            [
                replace(cell, dataset=dataset, normalizer=normalizer, runs=tuple(runs))
                for cell, runs in of_key.values()
            ],
        )
        for (trained_on, dataset, normalizer, _), of_key in others.items()
    ]
    return completed, elsewhere, unread


def _tested(run: Run, unread: list[str]) -> list[Run]:
    found = []
    for path in sorted(RunFolder(run.path).evaluations.glob("*")):
        if RunFolder(path).metrics.is_file():
            try:
                found.append(replace(read_run(path), seed=run.seed))
            except UserError as error:
                unread.append(str(error))
    return found


def _same_faces(tested: Run, run: Run) -> bool:
    return tested.word("data") == run.word("data") and tested.normalizer == run.normalizer
