"""The state of an experiment's cells, as a table."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from landmark_lightning.report.table import Table
from landmark_lightning.runs.results import model_rank
from landmark_lightning.runs.state import STATES, CellState


def state_table(states: Sequence[CellState]) -> Table:
    """A row for each dataset and model, a column for each seed; empty where no run was planned.

    A model that lies in several ``runs_dir`` has a row for each, which names it.
    """
    seeds = sorted({cell.seed for cell in states})
    names = _names(states)
    by_cell = {(cell.dataset, name, cell.seed): cell.state for cell, name in names}
    rows = sorted(
        {(cell.dataset, cell.model, name) for cell, name in names},
        key=lambda row: (row[0], model_rank(row[1]), row[2]),
    )
    return Table(
        name="state",
        title=f"State of the runs: {state_line(states)}",
        headings=["dataset", "model", *(f"seed {seed}" for seed in seeds)],
        rows=[
            [dataset, name, *(by_cell.get((dataset, name, seed), "") for seed in seeds)]
            for dataset, _, name in rows
        ],
        notes=failures(states),
        labels=2,
    )


def _names(states: Sequence[CellState]) -> list[tuple[CellState, str]]:
    """Each cell and what its row is called."""
    places = {(cell.dataset, cell.model, _runs_dir(cell)) for cell in states}
    counts = Counter((dataset, model) for dataset, model, _ in places)
    return [
        (
            cell,
            cell.model + (f" ({_runs_dir(cell)})" if counts[cell.dataset, cell.model] > 1 else ""),
        )
        for cell in states
    ]


def _runs_dir(cell: CellState) -> Path:
    return cell.folder.parent.parent.parent


def state_line(states: Sequence[CellState]) -> str:
    """How many cells are in each state, in one line."""
    counts = {state: sum(cell.state == state for cell in states) for state in STATES}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def failures(states: Sequence[CellState]) -> list[str]:
    """A sentence for each cell that failed, with its error."""
    return [
        f"{cell.dataset} {name} seed {cell.seed} failed: {cell.error or 'error unknown'}"
        for cell, name in _names(states)
        if cell.state == "failed"
    ]
