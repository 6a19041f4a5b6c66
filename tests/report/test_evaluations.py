import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from landmark_lightning.report.evaluations import read_evaluations
from landmark_lightning.report.table import entry_text
from landmark_lightning.report.write import read_contents
from landmark_lightning.runs.predictions import write_records
from landmark_lightning.runs.results import find_runs, gather
from tests.made_runs import made_records, write_run


def _evaluated(runs: Path, model: str, dataset: str, **content: Any) -> Path:  # noqa: ANN401
    """A run that was tested again, later; gives the folder of that test."""
    run = runs / "aflw" / model / "seed0"
    if not run.exists():
        write_run(runs, made_records(model=model))
    made = write_run(
        runs / "made", made_records(faces=12, model=model, dataset=dataset), **content
    )
    folder = run / "evaluations" / dataset
    folder.parent.mkdir(exist_ok=True)
    made.rename(folder)
    return folder


def test_a_test_on_other_faces_reaches_the_report(tmp_path: Path) -> None:
    for model in ("nobb", "bb"):
        _evaluated(tmp_path, model, "other")
    contents = read_contents(tmp_path)
    figures, differences = contents.elsewhere
    assert figures.title == "other: models trained on aflw"
    assert differences.title == "other: models trained on aflw, NME box (%) less that of nobb"
    assert [row[0] for row in figures.rows] == ["nobb", "bb"]
    full = json.loads((tmp_path / "aflw/bb/seed0/evaluations/other/metrics.json").read_text())
    entry = figures.rows[1][list(figures.headings).index("NME box (%)")]
    assert entry_text(entry) == f"{full['subsets']['full']['nme']:.2f}"
    assert all(table in contents.tables for table in contents.elsewhere)


def test_a_test_of_the_same_faces_completes_the_run(tmp_path: Path) -> None:
    mean_face = {"full": {"nme": 20.0}}
    folder = _evaluated(tmp_path, "bb", "aflw", mean_face=mean_face, epochs=None)
    group = tuple(f"person {k // 4}" for k in range(40))
    write_records(folder / "predictions.h5", replace(made_records(), group=group))
    cells, elsewhere, unread = read_evaluations(gather(find_runs(tmp_path)[0]))
    (run,) = cells[0].runs
    assert run.content["mean_face"] == mean_face
    assert run.figure("epochs") == 3, "what the run says of itself stays"
    assert (elsewhere, unread) == ([], [])
    main = read_contents(tmp_path).general[0][0]
    assert [row[0] for row in main.rows] == ["bb", "mean face"]
    assert entry_text(main.rows[1][2]) == "20.00"


def test_other_faces_of_the_same_name_are_other_faces(tmp_path: Path) -> None:
    _evaluated(tmp_path, "bb", "aflw", data="abc")
    (figures,) = read_contents(tmp_path).elsewhere
    assert figures.title == "aflw: models trained on other faces of aflw"
