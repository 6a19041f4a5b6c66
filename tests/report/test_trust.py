from typing import Any

from landmark_lightning.report.table import Table, entry_text
from landmark_lightning.report.trust import trust_tables
from tests.report.test_columns import cell_of


def _content(held: float = 0.9, boxes: bool = True) -> dict[str, Any]:
    kinds = ("bound", "constant", "predicted_error")
    each = {k: {"coverage": held, "width": 5.0 + n} for n, k in enumerate(kinds)}
    content: dict[str, Any] = {
        "bound": {"promised": 0.9, "subsets": {"full": each, "rare": each}},
        "detector": None,
        "rejection": {
            "faces": 50,
            "kept": {"0.99": {"validity": 0.01, "passed": {"shifted": 0.04, "all": 0.02}}},
            "auroc": {"shifted": 0.98, "all": 0.9876},
        },
    }
    if boxes:
        full = {"nme": 5.5, "nme_true": 5.0}
        content["detector"] = {"faces": 200, "found": 190, "passes": 2, "subsets": {"full": full}}
    return content


def _row(table: Table, place: int = 0) -> dict[str, str]:
    return dict(zip(table.headings, map(entry_text, table.rows[place]), strict=True))


def test_what_is_promised_and_what_is_held() -> None:
    bound, subsets, boxes, rejection = trust_tables([cell_of("nobb", _content())])
    row = _row(bound)
    assert row["promised (%)"] == row["bound: holds (%)"] == "90.0"
    assert row["bound: width (%)"] == "5.00"
    assert row["one constant a landmark: width (%)"] == "6.00"
    assert "percent of box" in bound.title
    assert bound.notes == []
    assert _row(subsets) == {"model": "nobb", "full": "90.0", "rare": "90.0"}
    row = _row(boxes)
    assert row["faces missed (%)"] == "5.00"
    assert row["NME box, true boxes (%)"] == "5.00"
    assert row["NME box, detector's boxes (%)"] == "5.50"
    assert row["ratio"] == "1.10"
    row = _row(rejection)
    assert (row["shifted"], row["all"], row["AUROC, all"]) == ("4.0", "2.0", "0.9876")


def test_covered_landmarks_are_told_beside_a_constant_s_score() -> None:
    told = {"auroc": 0.8612, "auroc_rate": 0.81, "auroc_signal": None, "auroc_landmark": 0.6}
    (covered,) = trust_tables([cell_of("validated", {"coverage": {"full": told}})])
    row = _row(covered)
    assert row["by coverage"] == "0.861"
    assert row["by each landmark's rate in training"] == "0.810"
    assert covered.name == "covered-mine-box"


def test_a_bound_that_shift_breaks_is_said() -> None:
    cells = [cell_of("nobb", _content(0.63)), cell_of("bb", _content(0.89))]
    bound = trust_tables(cells)[0]
    assert bound.notes == [
        "The bound of nobb holds 63% of the test landmarks, not 90%: the test faces are not like "
        "the validation faces."
    ]


def test_what_no_run_has_is_left_out() -> None:
    names = [table.name for table in trust_tables([cell_of("nobb", _content(boxes=False))])]
    assert names == ["bound-mine-box", "bound-subsets-mine-box", "rejection-mine-box"]
    assert trust_tables([cell_of("nobb", {"bound": None, "detector": None})]) == []
    older = [cell_of("nobb", {}), cell_of("bb", _content())]
    assert _row(trust_tables(older)[2])["ratio"] == "-"


def test_labels_beside_the_point_are_said() -> None:
    subsets = {"full": {"nme": 7.04, "nme_less_mean": 6.25}}
    figures = {"labels": 5.2, "training": 2.2, "pixels": 2.25}
    cells = [
        cell_of("nobb", {"subsets": subsets, "offset": figures}),
        cell_of("bb", {"subsets": subsets, "offset": dict.fromkeys(figures, 0.5)}),
        cell_of("non", {"offset": None}),
    ]
    (table,) = trust_tables(cells)
    assert _row(table) == {
        "model": "nobb",
        "NME box (%)": "7.04",
        "NME box, less the mean vector (%)": "6.25",
        "labels to the right (% of box)": "5.2",
        "the same (px of the photo)": "2.2",
        "network to the right (% of box)": "2.2",
    }
    assert _row(table, 2)["labels to the right (% of box)"] == "-"
    assert table.notes == [
        "By nobb, the labels lie 5.2% of box, 2.2 px, to the right of where mirrored pictures "
        "say, and the network answers 2.2% to the right."
    ]
    assert trust_tables(cells[2:]) == []
