import json
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.report.evaluations import read_evaluations
from landmark_lightning.report.stress import stress_panels, stress_tables
from landmark_lightning.report.table import entry_text
from landmark_lightning.report.write import write_report
from landmark_lightning.runs.results import find_runs, gather
from tests.made_runs import made_records, write_run


def _condition(nme: float, covered: float | None = None) -> dict[str, Any]:
    nothing = dict.fromkeys(("nme", "nme_covered", "nme_uncovered"))
    told = None if covered is None else 0.8
    return {
        "faces": 12,
        "covered": covered,
        **nothing,
        "nme": nme,
        "clean": {**nothing, "nme": 4.0},
        "discard": {"30": nme - 0.5},
        "discard_prior": {"30": nme - 0.4},
        "discard_oracle": {"30": nme - 1},
        "closed": {"within": 0.2},
        "auroc": {"signal_over_prior": told, "coverage": None},
        "rise": {"error": nme / 4, "signal": nme / 5},
    }


def _tested(runs: Path, model: str, seed: int = 0, **changes: Any) -> Path:  # noqa: ANN401
    """A run whose stress test lies in its evaluation; gives that one's metrics.json."""
    run = write_run(runs, made_records(faces=12, model=model, seed=seed, dataset="mine"))
    conditions = {"clean": _condition(4.0), "hand": _condition(6.0 + seed, 0.4)}
    conditions |= {f"dark {k}": _condition(4.0 + k) for k in (5, 1, 3)}
    content = json.loads((run / "metrics.json").read_text())
    content |= {"stress": {"seed": 0, "conditions": conditions}, **changes}
    path = run / "evaluations/mine/metrics.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    return path


def test_a_row_for_each_condition_of_each_model(tmp_path: Path) -> None:
    for seed in (0, 1):
        _tested(tmp_path, "nobb", seed)
    write_run(tmp_path, made_records(faces=12, model="non", dataset="mine"))
    cells, _, unread = read_evaluations(gather(find_runs(tmp_path)[0]))
    assert unread == []
    (table,) = stress_tables(cells)
    rows = {tuple(row[:2]): dict(zip(table.headings, row, strict=True)) for row in table.rows}
    assert list(rows) == [("nobb", c) for c in ("clean", "hand", "dark 5", "dark 1", "dark 3")]
    hand = {name: entry_text(entry) for name, entry in rows["nobb", "hand"].items()}
    assert hand["NME box (%)"] == "6.50 ± 0.71"
    assert hand["share covered"] == "0.40 ± 0.00"
    assert hand["AUROC of covered, signal over prior"] == "0.80 ± 0.00"
    assert hand["AUROC of covered, coverage"] == "-"
    assert entry_text(rows["nobb", "dark 5"]["mean error, times clean"]) == "2.25 ± 0.00"


def test_curves_go_from_clean_faces_to_the_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plotted: dict[str, Any] = {}
    monkeypatch.setattr(
        "landmark_lightning.report.stress.panel",
        lambda plot, points, *rest: plotted.setdefault(plot.__name__, points) and "<svg />",
    )
    _tested(tmp_path, "nobb")
    cells, _, _ = read_evaluations(gather(find_runs(tmp_path)[0]))
    ((dark, rise),) = stress_panels(cells).rows
    assert plotted["plot_severities"] == {"nobb": [(0, 4.0), (1, 5.0), (3, 7.0), (5, 9.0)]}
    assert dark.alt == "mine, NME by severity of dark: nobb from 4.00 to 9.00"
    assert max(plotted["plot_rise"]["nobb"]) == (2.25, 1.8)
    assert rise.alt.startswith("mine: nobb: error up to 2.2 times")


def test_a_test_of_other_faces_or_a_broken_one_is_left_out(tmp_path: Path) -> None:
    _tested(tmp_path, "nobb", data="others")
    broken = _tested(tmp_path, "bb")
    broken.write_text("{")
    cells, _, unread = read_evaluations(gather(find_runs(tmp_path)[0]))
    assert stress_tables(cells) == []
    assert stress_panels(cells).rows == []
    assert len(unread) == 1
    assert f"{broken} can't be read" in unread[0]


def test_the_report_has_them(tmp_path: Path) -> None:
    _tested(tmp_path / "runs", "nobb")
    write_report(tmp_path / "runs", tmp_path / "report")
    page, tables = ((tmp_path / "report" / n).read_text() for n in ("index.html", "tables.md"))
    assert 'id="stress-dark-mine-box"' in page
    assert 'id="stress-rise-mine-box"' in page
    assert "mine: stress test" in tables
    assert 'stress-mine-box,"nobb, hand"' in (tmp_path / "report/tables.csv").read_text()
