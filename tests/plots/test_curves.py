import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from landmark_lightning.plots import curves as plots
from landmark_lightning.runs.curves import CellCurves, read_curves
from landmark_lightning.runs.results import find_runs, gather
from tests.made_runs import made_records, write_run


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> list[CellCurves]:
    """Those of non and of a model of one's own."""
    runs = tmp_path_factory.mktemp("runs")
    for model in ("non", "mine"):
        write_run(runs, made_records(model=model))
    read = [read_curves(cell)[0] for cell in gather(find_runs(runs)[0])]
    return [each for each in read if each is not None]


def test_a_panel_takes_the_page_s_colour_and_width(curves: list[CellCurves]) -> None:
    svg = plots.panel(plots.plot_scores, curves[1], "discard")
    root = ElementTree.fromstring(svg)
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert "currentColor" in svg
    assert "<style" not in svg
    assert "#000000" not in svg
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "NME box (%)" in words
    assert svg == plots.panel(plots.plot_scores, curves[1], "discard")


def test_a_model_without_a_signal_has_no_line_of_it(curves: list[CellCurves]) -> None:
    blue = plots.SCORES["signal"][1]
    svgs = [plots.panel(plots.plot_scores, each, "pooled") for each in curves]
    assert [blue in svg for svg in svgs] == [False, True]
    texts = [plots.panel(plots.plot_figure4, each) for each in curves]
    assert "no signal" in texts[0]
    assert re.search(rf"Spearman {curves[1].sorted_errors.spearman:.2f}<", texts[1])
    assert [plots.SIGNAL_COLOR in svg for svg in texts] == [False, True]


def test_lines_of_several_models_differ(curves: list[CellCurves]) -> None:
    models = ["non", "bb", "mine", "yours"]
    colors = [plots.model_color(model, models) for model in models]
    assert len(set(colors)) == 4
    svg = plots.panel(plots.plot_ced, curves, ["non", "mine"])
    for model in ("non", "mine"):
        assert plots.model_color(model, ["non", "mine"]) in svg
    assert colors[2] in plots.panel(plots.plot_calibration, curves, ["non", "mine"])


def test_variants_of_a_model_have_the_colours_of_the_legend(curves: list[CellCurves]) -> None:
    cells = [replace(curves[1].cell, variant=f"width={width}") for width in (8, 16)]
    variants = [replace(curves[1], cell=cell) for cell in cells]
    names = [cell.name for cell in cells]
    for plot in (plots.plot_ced, plots.plot_calibration, plots.plot_landmarks):
        svg = plots.panel(plot, variants, names)
        assert all(plots.model_color(name, names) in svg for name in names)


def test_names_are_no_formulas(tmp_path: Path) -> None:
    names = ["a$b$", "<b>&"]
    svg = plots.panel(plots.plot_shares, names, [10.0, 20.0], [30.0, 5.0])
    root = ElementTree.fromstring(svg)
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert set(names) <= set(words)


def test_without_curves_the_picture_says_so() -> None:
    (text,) = plots.plot_discard_curves([]).texts
    assert text.get_text() == "no test faces, so no curves"
