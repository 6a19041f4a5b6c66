from pathlib import Path

import pytest

from landmark_lightning.runs.history import read_histories
from landmark_lightning.runs.results import Cell, find_runs, gather
from tests.made_runs import made_records, write_run

CURVES = """step,epoch,train/loss,train/lr,val/nme,val/nme/full/box
4,,9.5,0.001,,
9,0,,,8.0,8.0
9,,7.5,0.001,,
19,1,,,6.0,6.0
20,,,,,
"""


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """A run with curves, one with none and one with a broken file."""
    for seed, text in enumerate((CURVES, None, "step,epoch,val/nme\n1,0,good\n")):
        folder = write_run(tmp_path, made_records(seed=seed))
        if text is not None:
            (folder / "metrics.csv").write_text(text)
    (made,) = gather(find_runs(tmp_path)[0])
    return made


def test_curves_run_over_epochs(cell: Cell) -> None:
    (history,), (unread,) = read_histories(cell)
    assert history.seed == 0
    assert list(history.points) == ["val/nme", "train/loss", "train/lr"]
    epochs, losses = history.points["train/loss"]
    assert epochs.tolist() == [0.5, 1.0]
    assert losses.tolist() == [9.5, 7.5]
    assert history.points["val/nme"][0].tolist() == [1.0, 2.0]
    assert "seed2/metrics.csv can't be read" in unread
