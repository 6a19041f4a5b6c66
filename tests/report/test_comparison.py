from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.errors import UserError
from landmark_lightning.report.columns import general_tables
from landmark_lightning.report.comparison import Comparison, check_baseline, finding
from landmark_lightning.report.table import Entry, Table, entry_text
from landmark_lightning.runs.curves import CellCurves, read_curves
from landmark_lightning.runs.predictions import Records
from landmark_lightning.runs.results import find_runs, gather
from tests.made_runs import made_records, write_run

FULL = ("subsets", "full", "nme")


def _off(model: str, seed: int, times: float, **changes: Any) -> Records:  # noqa: ANN401
    """Records whose errors are so many times those of the others of this seed."""
    records = made_records(model=model, seed=seed)
    away = records.prediction - records.target
    group = tuple(f"person {face // 2}" for face in range(len(records.photo)))
    parts: dict[str, Any] = {"prediction": records.target + times * away, "group": group}
    return replace(records, **(parts | changes))


def _comparison(folder: Path, baseline: str | None = None) -> Comparison:
    cells = gather(find_runs(folder)[0])
    curves: list[CellCurves] = [c for c in (read_curves(cell)[0] for cell in cells) if c]
    return Comparison(cells, curves, baseline)


@pytest.fixture
def clear(tmp_path: Path) -> Comparison:
    """bb beyond doubt better than nobb; non may be as good as nobb."""
    for seed in (0, 1, 2):
        write_run(tmp_path, _off("bb", seed, 0.7))
        write_run(tmp_path, _off("nobb", seed, 1.0))
        write_run(tmp_path, _off("non", seed, 1.01 - 0.01 * seed))
    return _comparison(tmp_path, "nobb")


def _row(table: Table, name: str) -> dict[str, Entry]:
    (row,) = (row for row in table.rows if row[0] == name)
    return {h: e for h, e in zip(table.headings, row, strict=True) if isinstance(e, Entry)}


def test_the_best_is_bold_only_beyond_doubt(clear: Comparison, tmp_path: Path) -> None:
    assert clear.best(FULL) == "bb"
    assert clear.best(("subsets", "full", "auc_0.10")) == "bb", "of areas the largest"
    main = general_tables(clear.cells, clear)[0]
    assert _row(main, "bb")["NME box (%)"].strong
    assert not _row(main, "nobb")["NME box (%)"].strong
    assert not _row(main, "bb")["Spearman"].strong, "nobody has looked"
    alike = Comparison([c for c in clear.cells if c.model != "bb"], _curves(clear, "non", "nobb"))
    assert alike.best(FULL) is None


def _curves(comparison: Comparison, *models: str) -> list[CellCurves]:
    found = (read_curves(cell)[0] for cell in comparison.cells if cell.model in models)
    return [each for each in found if each is not None]


def test_differences_are_paired_and_have_intervals(clear: Comparison) -> None:
    tables = {table.name: table for table in general_tables(clear.cells, clear)}
    table = tables["difference-aflw-box"]
    assert [row[0] for row in table.rows] == ["non", "bb"]
    entry = _row(table, "bb")["full (40)"]
    means = {c.model: Entry(c.figures(*FULL)).mean for c in clear.cells}
    assert means["bb"] is not None
    assert means["nobb"] is not None
    assert entry.mean == pytest.approx(means["bb"] - means["nobb"])
    assert entry.bounds is not None
    low, high = entry.bounds
    assert low < means["bb"] - means["nobb"] < high < 0
    assert entry.strong
    assert not _row(table, "non")["full (40)"].strong
    assert "persons and seeds" in table.notes[0]
    assert entry_text(_row(table, "bb")["none (0)"]) == "-"


def test_it_says_in_a_sentence_what_is_best(clear: Comparison) -> None:
    told = finding(clear)
    assert told.startswith("aflw: bb has the lowest NME box, ")
    assert "and that is real: nobb, the next, has" in told
    assert "95% interval -" in told
    open_ = finding(Comparison([*clear.cells[:2]], _curves(clear, "non", "nobb")))
    assert "aflw: no model is best beyond doubt. " in open_
    assert "can't be told from" in open_


def test_one_model_is_told_alone_and_the_mean_face_with_it(tmp_path: Path) -> None:
    mean_face = {"full": {"faces": 40, "nme": 0.1, "nme_by": {"box": 0.1}}}
    write_run(tmp_path, made_records(), mean_face=mean_face)
    told = finding(_comparison(tmp_path))
    assert "aflw: bb has NME box " in told
    assert told.endswith("The mean face has 0.10%; no model is better than that.")


def test_a_single_seed_says_so(tmp_path: Path) -> None:
    for model, times in (("bb", 0.5), ("nobb", 1.0)):
        write_run(tmp_path, _off(model, 0, times))
    assert finding(_comparison(tmp_path)).endswith(
        "Of one seed each: other seeds may differ by more."
    )


@pytest.mark.parametrize("changed", ["seed", "photo", "data"])
def test_what_can_t_be_paired_is_not_compared(tmp_path: Path, changed: str) -> None:
    write_run(tmp_path, _off("nobb", 0, 1.0))
    other = _off("bb", int(changed == "seed"), 0.5)
    content: dict[str, Any] = {}
    if changed == "photo":
        other = replace(other, photo=tuple(f"other {k}" for k in range(40)))
    if changed == "data":
        other = replace(other, info=replace(other.info, data="abc"))
        content["data"] = "abc"
    write_run(tmp_path, other, **content)
    comparison = _comparison(tmp_path)
    assert comparison.best(FULL) is None
    assert not any("difference" in t.name for t in general_tables(comparison.cells, comparison))
    told = finding(comparison)
    assert "bb has the lowest NME box" in told
    assert "more than chance can't be told for nobb" in told


def test_faces_of_unknown_persons_are_told(tmp_path: Path) -> None:
    for model, times in (("bb", 0.5), ("nobb", 1.0)):
        write_run(tmp_path, _off(model, 0, times, group=()))
    comparison = _comparison(tmp_path)
    (table,) = (t for t in general_tables(comparison.cells, comparison) if "differ" in t.name)
    assert "each face counts as a person" in table.notes[1]


def test_a_baseline_that_is_none_is_named(clear: Comparison) -> None:
    check_baseline(clear.cells, None)
    check_baseline(clear.cells, "bb")
    with pytest.raises(UserError, match="baseline=bbb is no model of these runs; there are non"):
        check_baseline(clear.cells, "bbb")
