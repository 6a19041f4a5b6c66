from pathlib import Path
from typing import Any

from landmark_lightning.report.training import training_tables
from landmark_lightning.runs.results import Cell, find_runs, gather
from tests.made_runs import made_records, write_run

OCCLUDERS = {"probability": 0.5, "shapes": ["rectangle", "ellipse", "stripe", "star"]}


def _cells(folder: Path, **models: dict[str, Any]) -> list[Cell]:
    for model, config in models.items():
        for seed in (0, 1):
            provenance = {
                "library": "0.1.0", "commit": "abc", "date": f"2026-11-2{seed}T12:00:00+00:00",
                "device": "a GPU",
            }  # fmt: skip
            records = made_records(model=model, seed=seed)
            write_run(folder, records, config, provenance=provenance, torch="2.9")
    return gather(find_runs(folder)[0])


def test_the_settings_that_differ_have_a_column_each(tmp_path: Path) -> None:
    cells = _cells(
        tmp_path,
        nobb={"batch_size": 10},
        bb={"batch_size": 32, "augmentation": {"occluders": OCCLUDERS}},
    )
    settings, trainings = training_tables(cells)
    assert settings.headings == ["model", "batch_size", "augmentation.occluders"]
    long = "probability=0.5, shapes=rectangle ellipse stripe star"
    assert settings.rows == [["nobb", "10", "unset"], ["bb", "32", f"{long[:31]}…"]]
    assert settings.notes == [f"bb: augmentation.occluders is {long}."]
    row = dict(zip(trainings.headings, trainings.rows[0], strict=True))
    assert row["seeds"] == "0, 1"
    assert row["date"] == "2026-11-20 to 2026-11-21"
    assert (row["device"], row["library"], row["commit"]) == ("a GPU", "0.1.0", "abc")
    shared = trainings.notes[-1]
    assert "network.width=8, phases.name=practical" in shared
    assert "batch_size" not in shared


def test_models_that_differ_in_nothing_have_no_such_table(tmp_path: Path) -> None:
    (trainings,) = training_tables(_cells(tmp_path, nobb={}, bb={}))
    assert trainings.name == "trainings-aflw-box"


def test_a_run_of_before_tells_what_it_knows(tmp_path: Path) -> None:
    folder = write_run(tmp_path, made_records())
    (folder / "state.json").write_text('{"state": "done", "time": "2026-01-02T03:04:05+00:00"}')
    (trainings,) = training_tables(gather(find_runs(tmp_path)[0]))
    row = dict(zip(trainings.headings, trainings.rows[0], strict=True))
    assert (row["date"], row["library"], row["commit"]) == ("2026-01-02", "-", "-")
