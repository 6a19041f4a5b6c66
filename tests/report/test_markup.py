import re

from landmark_lightning.report.markup import (
    Panel,
    bullets,
    document,
    identifier,
    legend,
    panels_html,
    picture,
    section,
    table_html,
)
from landmark_lightning.report.table import Entry, Table

EVIL = "<script>alert('&')</script>\""


def test_text_stays_text() -> None:
    table = Table(EVIL, EVIL, [EVIL, EVIL], [[EVIL, EVIL]], metric=EVIL, notes=[EVIL])
    panel = Panel(EVIL, EVIL, EVIL, "<svg viewBox='0 0 1 1'></svg>")
    pieces = [
        table_html(table),
        panels_html([panel]),
        picture(EVIL, EVIL, EVIL, b"x"),
        section(EVIL, EVIL, EVIL, ""),
        bullets([EVIL]),
        legend([(EVIL, "#123456", ":")]),
    ]
    for piece in pieces:
        assert "<script" not in piece
        assert re.search(r'="[^"]*"[^ />]', piece) is None  # no quote ends an attribute early
    assert document(EVIL, "").count("<script") == 1


def test_a_table_for_every_reader() -> None:
    rows: list[list[str | Entry]] = [
        ["bb", Entry([3.0, 4.0], printed=3.69)],
        ["LAB", Entry(printed=2.99)],
        ["x", Entry()],
    ]
    html = table_html(Table("t", "Table 2", ["Method", "Full"], rows, metric="NME box (%)"))
    assert '<caption id="t-caption">Table 2</caption>' in html
    assert html.count('scope="col"') == 2
    assert html.count('scope="row"') == 3
    assert '<td data-value="3.5">3.50 ± 0.71 <span class="printed">(3.69)</span></td>' in html
    assert '<td data-value="2.99"><span class="printed">(2.99)</span></td>' in html
    assert '<td data-value="">-</td>' in html
    assert "In brackets: as the paper prints it." in html


def test_states_have_a_colour_in_words() -> None:
    html = table_html(Table("state", "", ["model", "seed 0"], [["bb", "failed"]]))
    assert '<span class="state failed">failed</span>' in html


def test_drawings_share_no_ids() -> None:
    svg = '<svg viewBox="0 0 1 1"><g id="a"/><use xlink:href="#a" clip-path="url(#b)"/></svg>'
    html = panels_html([Panel("one", "", "", svg), Panel("two", "", "", svg)])
    assert len(set(re.findall(r'\bid="([^"]*)"', html))) == 4
    assert 'href="#two-a" clip-path="url(#two-b)"' in html


def test_names_as_ids() -> None:
    assert identifier("main-300w_x") == "main-300w_x"
    assert identifier('a b"') == "a-20b-22"
    assert identifier("a b") != identifier("a.b")
