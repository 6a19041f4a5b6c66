from pathlib import Path

from landmark_lightning.report.state import failures, state_line, state_table
from landmark_lightning.runs.state import CellState


def _state(model: str, seed: int, state: str, error: str | None = None) -> CellState:
    return CellState("300w", model, seed, state, error, Path("runs"))


STATES = [
    _state("mine", 0, "missing"),
    _state("bb", 1, "failed", "loss is NaN"),
    _state("bb", 0, "done"),
    _state("non", 0, "cut"),
]


def test_a_row_a_model_a_column_a_seed() -> None:
    table = state_table(STATES)
    assert table.headings == ["dataset", "model", "seed 0", "seed 1"]
    assert table.rows == [
        ["300w", "non", "cut", ""],
        ["300w", "bb", "done", "failed"],
        ["300w", "mine", "missing", ""],
    ]
    assert table.title.endswith("1 done, 1 cut, 1 failed, 1 missing")


def test_failures_say_why() -> None:
    assert failures(STATES) == ["300w bb seed 1 failed: loss is NaN"]
    assert failures([_state("bb", 0, "failed")]) == ["300w bb seed 0 failed: error unknown"]
    assert state_line([]) == ""
