"""The state of an experiment's cells, as a table."""

from collections.abc import Sequence

from landmark_lightning.evaluation.runs import model_rank
from landmark_lightning.evaluation.tables import Table
from landmark_lightning.run_state import STATES, CellState


def state_table(states: Sequence[CellState]) -> Table:
    """A row for each dataset and model, a column for each seed; empty where none was planned."""
    seeds = sorted({cell.seed for cell in states})
    by_cell = {(cell.dataset, cell.model, cell.seed): cell.state for cell in states}
    rows = sorted(
        {(cell.dataset, cell.model) for cell in states},
        key=lambda row: (row[0], model_rank(row[1])),
    )
    return Table(
        name="state",
        title=f"State of the runs: {state_line(states)}",
        headings=["dataset", "model", *(f"seed {seed}" for seed in seeds)],
        rows=[[*row, *(by_cell.get((*row, seed), "") for seed in seeds)] for row in rows],
        notes=failures(states),
        labels=2,
    )


def state_line(states: Sequence[CellState]) -> str:
    """How many cells are in each state, in one line."""
    counts = {state: sum(cell.state == state for cell in states) for state in STATES}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def failures(states: Sequence[CellState]) -> list[str]:
    """A sentence for each cell that failed, with its error."""
    return [
        f"{cell.dataset} {cell.model} seed {cell.seed} failed: {cell.error or 'error unknown'}"
        for cell in states
        if cell.state == "failed"
    ]
