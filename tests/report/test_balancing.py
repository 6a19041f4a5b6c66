import json
from pathlib import Path

import pytest

from landmark_lightning.report.balancing import effect_table, read_effects
from landmark_lightning.report.table import entry_text
from landmark_lightning.runs.results import Cell, Run


def _content(draws: float) -> dict[str, object]:
    quantiles = {"0": 0, "0.05": 1, "0.5": 2, "0.95": 6.4, "0.99": 7, "1": 9}
    return {
        "faces": 200,
        "draws": 1000,
        "effective_sample_size": 150.0,
        "top_1_percent": 0.05,
        "top_10_percent": 0.3,
        "subsets": {"dark": {"faces": 0.1, "draws": draws}},
        "losses": quantiles,
        "draws_per_face": quantiles,
        "most_drawn": [{"photo": "a.jpg", "draws": 9, "loss": 3.5}, {"photo": 7}, "nonsense"],
    }


def _cell(folder: Path, model: str, *texts: str | None) -> Cell:
    runs = []
    for seed, text in enumerate(texts):
        path = folder / model / f"seed{seed}"
        path.mkdir(parents=True)
        if text is not None:
            (path / "balancing.json").write_text(text)
        runs.append(Run(path, "mine", model, seed, "box", {}))
    return Cell("mine", "box", model, tuple(runs))


def test_shares_and_quantiles_are_means_over_the_seeds(tmp_path: Path) -> None:
    cells = [
        _cell(tmp_path, "nobb", None),
        _cell(tmp_path, "bb", json.dumps(_content(0.2)), json.dumps(_content(0.4))),
    ]
    (effect,), unread = read_effects(cells)
    assert unread == []
    assert effect.subsets == ["dark"]
    assert effect.shares("faces") == pytest.approx([10.0])
    assert effect.shares("draws") == pytest.approx([30.0])
    assert effect.most_drawn == [("a.jpg", 9, 3.5)]
    table = effect_table([effect])
    row = dict(zip(table.headings, map(entry_text, table.rows[0]), strict=True))
    assert (row["model"], row["dataset"]) == ("bb", "mine")
    assert row["effective sample size (% of faces)"] == "75.0 ± 0.0"
    assert row["draws of the 10% most drawn (%)"] == "30.0 ± 0.0"
    assert row["draws, 95% quantile"] == "6 ± 0"
    assert row["loss, largest"] == "9.00 ± 0.00"


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    effects, (sentence,) = read_effects([_cell(tmp_path, "bb", text)])
    assert effects == []
    assert "balancing.json" in sentence


def test_an_empty_one_shows_nothing_but_its_row(tmp_path: Path) -> None:
    (effect,), _ = read_effects([_cell(tmp_path, "bb", "{}")])
    assert not effect.subsets
    assert not effect.most_drawn
    assert {entry_text(entry) for entry in effect_table([effect]).rows[0][2:]} == {"-"}
