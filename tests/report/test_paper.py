import json
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.report.paper import paper_tables, printed_facts
from landmark_lightning.report.table import Entry, Table, entry_text
from landmark_lightning.runs.results import Cell, Run, gather

NORMALIZER = {"300w": "inter_pupil", "aflw": "box", "wflw": "inter_ocular"}
SUBSETS = {
    "300w": ("common", "challenging"),
    "aflw": ("frontal",),
    "wflw": (
        "pose", "expression", "illumination", "makeup", "occlusion", "blur", "no_challenge",
    ),
}  # fmt: skip
MODELS = ("non", "nobb", "bbo", "bb")


def _run(
    dataset: str,
    model: str,
    seed: int = 0,
    nme: float = 5.0,
    normalizer: str | None = None,
    **more: Any,  # noqa: ANN401
) -> Run:
    primary = normalizer or NORMALIZER[dataset]
    faces = printed_facts()["datasets"][dataset]["faces"]
    subsets = {
        name: {
            "faces": faces.get(name, 7),
            "nme_by": {NORMALIZER[dataset]: nme + k, "other": 99.0},
            "discard": {"10": nme + k - 1, "20": nme + k - 2, "30": nme + k - 3},
        }
        for k, name in enumerate(("full", *SUBSETS[dataset]))
    }
    fps = {"batch_1": 100.0, "batch_64": 400.0, "device": "a CPU", "precision": "float32"}
    content = {"subsets": subsets, "fps": fps, **more}
    return Run(Path(f"{dataset}-{model}-{seed}"), dataset, model, seed, primary, content)


def _grid() -> list[Cell]:
    return gather(_run(dataset, model) for dataset in NORMALIZER for model in MODELS)


def _tables(cells: list[Cell]) -> dict[str, Table]:
    return {table.name: table for table in paper_tables(cells)[0]}


def _row(table: Table, *labels: str) -> list[str]:
    (row,) = (row for row in table.rows if tuple(row[: table.labels]) == labels)
    return [entry_text(entry) for entry in row[table.labels :]]


def _notes(table: Table, word: str) -> list[str]:
    return [note for note in table.notes if word in note]


def test_a_full_grid_fills_all_six_tables() -> None:
    tables, left_out = paper_tables(_grid())
    assert [table.name for table in tables] == [f"table{n}" for n in range(1, 7)]
    assert left_out == []
    for table in tables:
        assert not _notes(table, "Blank")
        assert not _notes(table, "not the paper's")
        of_models = [
            entry for row in table.rows for entry in row if isinstance(entry, Entry) and entry.ours
        ]
        assert of_models
        assert all(entry.mean is not None for entry in of_models)


def test_our_figures_stand_beside_the_printed_ones() -> None:
    tables = _tables(_grid())
    assert _row(tables["table1"], "300W Challenging, NME inter_pupil (%)") == [
        "7.00 (7.14)", "7.00 (7.38)",
    ]  # fmt: skip
    assert _row(tables["table1"], "WFLW No challenge, NME inter_ocular (%)")[0] == "12.00 (4.78)"
    assert tables["table2"].metric == "NME inter_pupil (%)"
    assert _row(tables["table2"], "BB") == ["6.00 (3.01)", "7.00 (6.51)", "5.00 (3.69)"]
    assert _row(tables["table2"], "TR-DRN") == ["(4.36)", "(7.56)", "(4.99)"]
    assert _row(tables["table3"], "BBO") == ["5.00 (1.61)"]
    assert _row(tables["table4"], "NOBB")[:2] == ["5.00 (6.71)", "11.00 (6.94)"]
    assert _row(tables["table5"], "20%", "BBO") == ["4.00 (2.64)", "5.00 (5.40)", "3.00 (3.18)"]
    assert _row(tables["table6"], "AFLW Full, NME box (%)")[-2:] == ["5.00 (1.56)", "2.00 (1.24)"]
    speeds = _row(tables["table6"], "Runtime (fps), batch 1")
    assert speeds == ["(30)", "(16.66)", "(400)", "(170)", "100 ± 0 (333)", "100 ± 0 (333)"]
    assert _row(tables["table6"], "Runtime (fps), batch 64")[3:] == ["-", "400 ± 0", "400 ± 0"]
    assert _notes(tables["table6"], "a CPU, float32")


def test_the_errata_are_footnotes() -> None:
    tables = _tables(_grid())
    assert len(_notes(tables["table2"], "Erratum")) == 3
    assert _notes(tables["table4"], "Erratum: the paper prints NOBB's row as NO.")


def test_what_is_missing_is_blank_and_said() -> None:
    cells = gather([_run("300w", "bb"), _run("300w", "non")])
    tables, left_out = paper_tables(cells)
    assert [table.name for table in tables] == ["table1", "table2", "table5", "table6"]
    assert [sentence[:8] for sentence in left_out] == ["Table 3:", "Table 4:"]
    first = tables[0]
    assert _row(first, "300W Full, NME inter_pupil (%)") == ["5.00 (4.35)", "(4.43)"]
    assert _row(first, "AFLW Full, NME box (%)") == ["(1.74)", "(1.76)"]
    (note,) = _notes(first, "no finished run")
    assert "nobb on 300w, non on aflw" in note
    assert "non on 300w" not in note
    assert paper_tables([])[0] == []


def test_seeds_and_models_that_the_paper_does_not_have() -> None:
    cells = gather([_run("300w", "bb", 0, 4.0), _run("300w", "bb", 1, 6.0), _run("300w", "bbs")])
    tables = _tables(cells)
    assert _row(tables["table2"], "BB")[2] == "5.00 ± 1.41 (3.69)"
    assert _row(tables["table2"], "BBS (not in the paper)")[2] == "5.00"
    assert [row[1] for row in tables["table5"].rows].count("BBS (not in the paper)") == 3
    assert _row(tables["table5"], "30%", "BBS (not in the paper)")[2] == "2.00"
    assert _notes(tables["table2"], "bb on 300w (2)")


def test_discarding_on_another_normalizer_is_not_compared() -> None:
    tables = _tables(gather([_run("300w", "bb", normalizer="inter_ocular")]))
    assert _row(tables["table2"], "BB")[2] == "5.00 (3.69)"
    assert _row(tables["table5"], "30%", "BB")[2] == "(2.74)"
    assert _notes(tables["table5"], "discard on inter_ocular, not inter_pupil")
    both = [_run("300w", "bb", normalizer="inter_ocular"), _run("300w", "bb")]
    for runs in (both, both[::-1]):
        assert _row(_tables(gather(runs))["table5"], "30%", "BB")[2] == "2.00 (2.74)"


def test_figures_on_rendered_faces_say_so_beside_the_paper_s() -> None:
    cells = gather(
        _run(dataset, model, rendered=dataset != "aflw")
        for dataset in NORMALIZER
        for model in MODELS
    )
    tables = _tables(cells)
    assert tables["table1"].metric == "ours on drawn faces (300w, wflw)"
    assert tables["table2"].metric == "NME inter_pupil (%), ours on drawn faces (300w)"
    assert "drawn" not in tables["table3"].metric


def test_the_mean_face_has_a_row_among_the_models() -> None:
    full = {"full": {"nme": 30.0, "nme_by": {"box": 30.0}}}
    table = _tables(gather([_run("aflw", "bb", mean_face=full)]))["table3"]
    (row,) = (row for row in table.rows if "MEAN FACE" in str(row[0]))
    assert "30.00" in [entry_text(entry) for entry in row[1:]]


def test_other_test_faces_than_the_paper_s_are_said() -> None:
    run = _run("aflw", "bb")
    run.content["subsets"]["full"]["faces"] = 12
    (note,) = _notes(_tables(gather([run]))["table3"], "not the paper's")
    assert "full has 12 faces, the paper's 4386" in note
    del run.content["subsets"]["full"]
    (note,) = _notes(_tables(gather([run]))["table3"], "know no subset")
    assert "aflw know no subset full" in note


def test_speeds_of_two_machines_are_not_averaged() -> None:
    other = {"batch_1": 900.0, "batch_64": 900.0, "device": "a GPU", "precision": "bfloat16"}
    tables = _tables(gather([_run("300w", "bb"), _run("aflw", "bb", fps=other)]))
    assert _row(tables["table6"], "Runtime (fps), batch 1")[4] == "(333)"
    assert _notes(tables["table6"], "a CPU, float32; a GPU, bfloat16")


def test_a_dataset_of_one_s_own_is_no_part_of_them() -> None:
    run = Run(Path("x"), "mine", "bb", 0, "box", {"subsets": {"full": {"nme": 1.0}}})
    tables, left_out = paper_tables(gather([run]))
    assert tables == []
    assert len(left_out) == 6


def test_the_printed_figures_have_a_place_each() -> None:
    for table in printed_facts()["tables"]:
        for row in table["rows"]:
            assert len(row["printed"]) == len(table["columns"])
            assert len(row["labels"]) == len(table["headings"])
    json.dumps(printed_facts())


@pytest.mark.parametrize(("subset", "size"), [("common", 554), ("challenging", 135)])
def test_the_subsets_of_300w_have_the_paper_s_sizes(subset: str, size: int) -> None:
    assert printed_facts()["datasets"]["300w"]["faces"][subset] == size
