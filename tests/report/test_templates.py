import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError

from landmark_lightning.report.balancing import BalancingEffect
from landmark_lightning.report.formats import ENVIRONMENT, identifier, markdown_table, render
from landmark_lightning.report.page import Contents, render_page
from landmark_lightning.report.panels import Panel, Panels
from landmark_lightning.report.table import Entry, Table
from landmark_lightning.runs.curves import read_curves
from landmark_lightning.runs.history import History
from landmark_lightning.runs.results import Cell, Run, find_runs, gather
from tests.made_runs import made_records, write_run

EVIL = "<script>'&\"{{7}}\\|`*$%_#~^\\x{}"


def _made(macro: str, **values: object) -> str:
    """What a macro of macros.html makes of values."""
    call = f'{{% import "macros.html" as macros %}}{{{{ macros.{macro} }}}}'
    return ENVIRONMENT.from_string(call).render(values)


class Elements(HTMLParser):
    """The names of a page's elements, scripts and what lies outside of SVG; all its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.values: list[str] = []
        self.in_svg = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.in_svg or tag == "script":
            self.names.append(tag)
        self.in_svg = self.in_svg or tag == "svg"
        self.values += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.in_svg = self.in_svg and tag != "svg"

    def handle_data(self, data: str) -> None:
        self.values.append(data)


def _contents(folder: Path, text: str) -> Contents:
    """A report in which all that comes from users is one text."""
    write_run(folder, made_records())
    (cell,) = gather(find_runs(folder)[0])
    curves, _ = read_curves(cell)
    assert curves is not None
    run = Run(folder, text, text, 0, text, {"subsets": {text: {"faces": 0.1, "draws": 0.2}}})
    named = Cell(text, text, text, (run,), variant=text)
    table = Table(text, text, [text, text], [[text, text]], metric=text, notes=[text])
    return Contents(
        summary=text,
        left_out=[text],
        state=table,
        paper=[table],
        paper_left_out=[text],
        findings=[text],
        general=[[table, replace(table, folded=True)]],
        training=[table],
        elsewhere=[table],
        histories=[History(named, 0, {"val/nme": (np.arange(3.0), np.arange(3.0))})],
        faces=[(named, 0, b"x")],
        cells=[named],
        curves=[replace(curves, cell=named, names=(text,) * 19)],
        effects=[BalancingEffect(named, [text], [(text, 3, 1.5)])],
        surprises=[(named, 0, b"x")],
        most_drawn=[(named, 0, b"x")],
    )


def test_text_stays_text_on_the_page(tmp_path: Path) -> None:
    evil, harmless = (
        Elements(render_page(_contents(tmp_path / name, text)))
        for name, text in (("evil", EVIL), ("harmless", "harmless"))
    )
    assert evil.names == harmless.names
    assert evil.names.count("script") == 1
    assert evil.names.count("svg") > 8
    for place in (EVIL, f"{EVIL}, {EVIL} ({EVIL})"):
        assert any(place in value for value in evil.values)


def test_text_stays_text_in_markdown_and_latex(tmp_path: Path) -> None:
    evil, harmless = (_contents(tmp_path / name, text) for name, text in (("e", EVIL), ("h", "h")))
    for name, special in (("tables.md", r"[|*<`]"), ("tables.tex", r"[{}$&#%_~^]")):
        bare, expected = (
            re.sub(r"\\\\|\\[|*<`{}$&#%_]|\\text\w+\{\}", "", text)
            for text in (
                render(name, contents=contents, tables=contents.tables)
                for contents in (evil, harmless)
            )
        )
        assert re.findall(special, bare) == re.findall(special, expected), name
        assert r"\x{" not in bare


def test_a_misspelt_name_in_a_template_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="contents"):
        render("tables.md", content=Contents("x"))


def test_a_table_for_every_reader() -> None:
    rows: list[list[str | Entry]] = [
        ["bb", Entry([3.0, 4.0], printed=3.69)],
        ["LAB", Entry(printed=2.99)],
        ["x", Entry()],
    ]
    table = Table("t", "Table 2", ["Method", "Full"], rows, metric="NME box (%)")
    html = _made("table(table)", table=table)
    assert '<caption id="t-caption"><span>Table 2</span></caption>' in html
    assert html.count('scope="col"') == 2
    assert html.count('scope="row"') == 3
    assert '<td data-value="3.5">3.50 ± 0.71 <span class="printed">(3.69)</span></td>' in html
    assert '<td data-value="2.99"><span class="printed">(2.99)</span></td>' in html
    assert '<td data-value="">-</td>' in html
    assert "In brackets: as the paper prints it." in html


def test_what_is_beyond_doubt_is_bold() -> None:
    entry = Entry([-0.3, -0.5], bounds=(-0.61, -0.2), strong=True)
    table = Table("t", "T", ["model", "full"], [["bb", entry]])
    html = _made("table(table)", table=table)
    assert '<td data-value="-0.4" class="strong">-0.40 (-0.61 to -0.20)</td>' in html
    assert "| bb | **-0.40 (-0.61 to -0.20)** |" in markdown_table(table)
    assert r"bb & \textbf{-0.40 (-0.61 to -0.20)} \\" in render("tables.tex", tables=[table])


def test_states_have_a_colour_in_words() -> None:
    html = _made("table(table)", table=Table("state", "", ["model", "seed 0"], [["bb", "failed"]]))
    assert '<span class="state failed">failed</span>' in html


def test_panels_share_no_ids() -> None:
    svg = '<svg viewBox="0 0 1 1"><g id="a"/><use xlink:href="#a" clip-path="url(#b)"/></svg>'
    rows = [[Panel("one", "", "", svg), Panel("two", "", "", svg)]]
    html = _made("panels(figure)", figure=Panels([], rows))
    assert len(set(re.findall(r'\bid="([^"]*)"', html))) == 4
    assert 'href="#two-a" clip-path="url(#two-b)"' in html


def test_names_as_ids() -> None:
    assert identifier("main-300w_x") == "main-300w_x"
    assert identifier('a b"') == "a-20b-22"
    assert identifier("a b") != identifier("a.b")
