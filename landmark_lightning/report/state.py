"""The state of an experiment's cells, as a table."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from landmark_lightning.report.table import Table
from landmark_lightning.runs.results import model_rank
from landmark_lightning.runs.state import STATES, CellState


def state_table(states: Sequence[CellState]) -> Table:
    """A row for each dataset, model and variant, a column a seed; empty where no run was planned.

    A model that lies in several ``runs_dir`` has a row for each, which names it.
    """
    seeds = sorted({cell.seed for cell in states})
    names = _names(states)
    by_cell = {(cell.dataset, name, cell.seed): cell.state for cell, name in names}
    rows = sorted(
        {(cell.dataset, cell.model, name) for cell, name in names},
        key=lambda row: (row[0], model_rank(row[1]), _in_order(row[2])),
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
    places = {(cell.dataset, _name(cell), _runs_dir(cell)) for cell in states}
    counts = Counter((dataset, name) for dataset, name, _ in places)
    named = []
    for cell in states:
        several = counts[cell.dataset, _name(cell)] > 1
        named.append((cell, _name(cell) + (f" ({_runs_dir(cell)})" if several else "")))
    return named


def _name(cell: CellState) -> str:
    return f"{cell.model} ({', '.join(cell.variant.split('+'))})" if cell.variant else cell.model


def _in_order(name: str) -> list[str]:
    """Sorts the numbers in a name as numbers."""
    return [part.zfill(12) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


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
