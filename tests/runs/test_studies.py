import json
from pathlib import Path

import pytest

from landmark_lightning.errors import UserError
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.studies import Study, Trial, objective, read_studies

TRIALS = [
    Trial(
        0, "complete", 5.0, {"network.width": 8, "phases.lr": 0.00123456}, ["aflw/bb+o-0/seed0"]
    ),
    Trial(1, "failed", None, {"network.width": 16, "phases.lr": 0.1}, []),
    Trial(2, "complete", 4.0, {"network.width": 32, "phases.lr": 1e-5}, ["aflw/bb+o-2/seed0"]),
    Trial(3, "running", None, {}, []),
]


def _study(runs: Path, direction: str = "minimize") -> Study:
    return Study(runs, "o", "validation_nme", direction, 4, TRIALS)


def test_a_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = _study(tmp_path).write()
    assert path == tmp_path / "study-o.json"
    (tmp_path / "study-broken.json").write_text("{")
    (tmp_path / "study-list.json").write_text("[1]")
    (tmp_path / "study-half.json").write_text(json.dumps({"trials": [{"number": 0}]}))
    studies, unread = read_studies([tmp_path, tmp_path / "nowhere"])
    assert studies == [_study(tmp_path)]
    assert len(unread) == 3
    assert all("is no study's file" in sentence for sentence in unread)


def test_the_best_is_the_lowest_or_the_highest(tmp_path: Path) -> None:
    assert _study(tmp_path).best == TRIALS[2]
    assert _study(tmp_path, "maximize").best == TRIALS[0]
    assert Study(tmp_path, "o", "x", "minimize", 4, TRIALS[1:2]).best is None
    assert _study(tmp_path, "maximize").describe_best() == (
        "trial 0 (of 2), validation_nme 5 with network.width=8 phases.lr=0.001235, in "
        "aflw/bb+o-0/seed0"
    )


def test_what_a_study_goes_by(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    content = {"validation_nme": 5, "subsets": {"full": {"fr_0.08": 2.5, "ause": None}}}
    folder.metrics.write_text(json.dumps(content))
    folder.curves.write_text("val/nme,val/ause,step\n,,1\n7.5,0.3,2\n6.5,0.4,3\n7.0,,4\n")
    assert objective(folder, "validation_nme") == 5
    assert objective(folder, "subsets.full.fr_0.08") == 2.5
    assert objective(folder, "val/ause") == 0.4
    for metric, hint in (
        ("validation_mne", "did you mean validation_nme"), ("subsets.full.ause", "no such number"),
        ("val/nmee", "did you mean val/nme"), ("subsets", "no such number"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=f"optimized_metric={metric}: .*{hint}"):
            objective(folder, metric)
