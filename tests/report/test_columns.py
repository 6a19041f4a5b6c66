from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.report.columns import by_dataset, general_tables
from landmark_lightning.report.table import Entry, Table, entry_text
from landmark_lightning.runs.results import Cell, Run


def cell_of(model: str, *contents: dict[str, Any], dataset: str = "mine") -> Cell:
    """A cell of one run for each content, by seed."""
    runs = tuple(
        Run(Path(f"{model}{seed}.json"), dataset, model, seed, "box", content)
        for seed, content in enumerate(contents)
    )
    return Cell(dataset, "box", model, runs)


def _content(nme: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    full = {"faces": 9, "nme": nme, "nme_by": {"box": nme, "diag": nme / 2}}
    rare = {"faces": 2, "nme": None, "nme_by": {"box": None, "diag": None}}
    return {"subsets": {"full": full, "rare": rare}, **more}


def _column(table: Table, heading: str) -> list[str]:
    place = list(table.headings).index(heading)
    return [entry_text(row[place]) for row in table.rows]


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ([1.005], "1.00"),
        ([None], "-"),
        ([], "-"),
        ([1.0, None], "-"),
        ([0.0], "0.00"),
        ([1.0, 2.0, 3.0], "2.00 ± 1.00"),
    ],
)
def test_figures_as_text(figures: list[float | None], text: str) -> None:
    assert entry_text(Entry(figures)) == text


def test_the_paper_s_figure_stands_in_brackets() -> None:
    assert entry_text(Entry([3.0, 5.0], printed=4.35)) == "4.00 ± 1.41 (4.35)"
    assert entry_text(Entry(printed=333, digits=0)) == "(333)"
    assert entry_text(Entry([None], printed=1.5)) == "(1.50)"


def test_every_table_names_its_normalizer() -> None:
    cells = [cell_of("non", _content(4.0)), cell_of("bb", _content(3.0), _content(5.0))]
    tables = general_tables(cells)
    assert [table.rows[1][0] for table in tables] == ["bb"] * len(tables)
    assert len({table.name for table in tables}) == len(tables)
    main = tables[0]
    assert _column(main, "NME box (%)") == ["4.00", "4.00 ± 1.41"]
    assert _column(main, "seeds") == ["1", "2"]
    by_subset = {table.metric: table for table in tables if "subset" in table.title}
    assert list(by_subset) == ["NME box (%)", "NME diag (%)"]
    assert _column(by_subset["NME diag (%)"], "full (9)") == ["2.00", "2.00 ± 0.71"]
    assert _column(by_subset["NME diag (%)"], "rare (2)") == ["-", "-"]
    for table in tables:
        for heading in table.headings:
            if any(word in heading for word in ("NME", "FR", "AUC", "AUSE", "closed", "%")):
                named = "box" in heading or "box" in table.metric or "diag" in table.metric
                assert named or "rescoring" in heading, heading


def test_nme_of_visible_landmarks_where_it_is_known() -> None:
    known = _content(4.0)
    known["subsets"]["full"]["nme_visible_by"] = {"box": None}
    tables = {table.metric: table for table in general_tables([cell_of("bb", known)])}
    assert not any("visible" in metric for metric in tables)
    known["subsets"]["full"]["nme_visible_by"] = {"box": 3.5}
    tables = {table.metric: table for table in general_tables([cell_of("bb", known)])}
    assert _column(tables["NME box of visible landmarks (%)"], "full (9)") == ["3.50"]


def test_a_normalizer_that_faces_lack_says_of_how_many_its_figures_are() -> None:
    content = _content(4.0)
    content["subsets"]["full"]["faces_by"] = {"box": 9, "diag": 7}
    by_box, by_diag = general_tables([cell_of("bb", content)])[1:3]
    assert "full (9)" in by_box.headings
    assert "full (7 of 9)" in by_diag.headings


def test_cost_tells_the_share_of_rescoring_and_the_machine() -> None:
    fps = {"batch_1": 333.4, "batch_64": 1000, "device": "CPU, 2 threads", "precision": "float32"}
    cost = {"train_seconds": 200, "rescore_seconds": 50, "fps": fps}
    table = general_tables([cell_of("bb", _content(4.0, **cost), _content(4.0, **cost))])[-1]
    assert _column(table, "rescoring (%)") == ["25 ± 0"]
    assert _column(table, "faces a second, batch 1") == ["333 ± 0"]
    assert _column(table, "measured on") == ["CPU, 2 threads"]
    unknown = general_tables([cell_of("bb", _content(4.0, train_seconds=None))])[-1]
    assert _column(unknown, "rescoring (%)") == _column(unknown, "precision") == ["-"]


def test_groups_by_dataset_and_normalizer() -> None:
    cells = [cell_of("non", _content(1)), cell_of("bb", _content(1), dataset="other")]
    assert list(by_dataset(cells)) == [("mine", "box"), ("other", "box")]


def test_the_main_table_says_what_faces_are_cut_around() -> None:
    cut = [cell_of("nobb", _content(4.0, boxes="landmarks"))]
    assert general_tables(cut)[0].notes[0] == (
        "Faces are cut around the boxes of their true landmarks."
    )
    assert general_tables([cell_of("nobb", _content(4.0))])[0].notes == []
