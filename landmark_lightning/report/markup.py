"""Pieces of the report's page: tables, panels, legends and pictures as HTML."""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from landmark_lightning.report.formats import notes_of
from landmark_lightning.report.table import NO_FIGURE, Entry, Table
from landmark_lightning.runs.state import STATES

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Panel:
    """A small figure.

    Attributes:
        name: Short and unique, such as ``figure4-300w-bb``.
        caption: What it is of.
        alt: What it shows, for who does not see it.
        svg: The drawing.
    """

    name: str
    caption: str
    alt: str
    svg: str


def document(title: str, body: str) -> str:
    """A whole page, its style and script inside."""
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n{body}\n<script>\n{script}</script>\n"
        "</body>\n</html>\n"
    )


def identifier(text: str) -> str:
    """Text as an id: letters, digits, ``-`` and ``_``, the rest as its code."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"-{ord(found[0]):x}", text)


def section(name: str, title: str, how: str, body: str) -> str:
    """A section with a heading and a sentence on how to read it."""
    reading = f'<p class="how">{escape(how)}</p>\n' if how else ""
    return (
        f'<section id="{identifier(name)}">\n<h2>{escape(title)}</h2>\n{reading}{body}\n</section>'
    )


def bullets(sentences: Iterable[str]) -> str:
    """Sentences as a list; empty for none."""
    items = "".join(f"<li>{escape(sentence)}</li>\n" for sentence in sentences)
    return f'<ul class="notes">\n{items}</ul>' if items else ""


def table_html(table: Table) -> str:
    """A table that page.js makes sortable."""
    name = identifier(table.name)
    span = ""
    if table.metric:
        values = len(table.headings) - table.labels
        span = (
            f'<tr><td colspan="{table.labels}"></td>'
            f'<th class="metric" scope="colgroup" colspan="{values}">{escape(table.metric)}</th>'
            "</tr>\n"
        )
    heads = "".join(
        f'<th scope="col" data-column="{column}"{_label(column, table)}>{escape(heading)}</th>'
        for column, heading in enumerate(table.headings)
    )
    rows = "".join(
        f"<tr>{''.join(_cell(entry, i < table.labels) for i, entry in enumerate(row))}</tr>\n"
        for row in table.rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}-caption">\n'
        f'<table class="sortable" id="{name}">\n'
        f'<caption id="{name}-caption">{escape(table.title)}</caption>\n'
        f"<thead>\n{span}<tr>{heads}</tr>\n</thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
        f"{bullets(notes_of(table))}"
    )


def _label(column: int, table: Table) -> str:
    return ' class="label"' if column < table.labels else ""


def _cell(entry: str | Entry, label: bool) -> str:
    if isinstance(entry, str):
        value, text = escape(entry, quote=True), escape(entry)
        if label:
            return f'<th scope="row" data-value="{value}">{text}</th>'
        if entry in STATES:
            text = f'<span class="state {entry}">{text}</span>'
        return f'<td data-value="{value}">{text}</td>'
    number = entry.printed if entry.mean is None else entry.mean
    printed = f'<span class="printed">({entry.printed_text})</span>' if entry.printed_text else ""
    text = " ".join(part for part in (entry.text, printed) if part) or NO_FIGURE
    return f'<td data-value="{"" if number is None else f"{number:.10g}"}">{text}</td>'


def panels_html(panels: Sequence[Panel]) -> str:
    """Panels side by side, as many as the screen is wide."""
    return f'<div class="panels">\n{"".join(_panel(panel) for panel in panels)}</div>'


def _panel(panel: Panel) -> str:
    name = identifier(panel.name)
    # Ids are unique in a drawing, but not among the drawings of a page.
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", panel.svg)
    label = escape(panel.alt, quote=True)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    return (
        f'<figure id="{name}">\n{svg}<figcaption>{escape(panel.caption)}</figcaption>\n</figure>\n'
    )


def legend(lines: Iterable[tuple[str, str, str]]) -> str:
    """What the lines of the panels below mean: label, colour and line style of each."""
    dashes = {":": "2 3", "--": "6 4", "-.": "7 3 2 3"}
    items = "".join(
        '<li><svg viewBox="0 0 28 10" aria-hidden="true"><line x1="0" x2="28" y1="5" y2="5" '
        f'stroke="{color}" stroke-width="3" stroke-dasharray="{dashes.get(style, "none")}"/></svg>'
        f"{escape(label)}</li>\n"
        for label, color, style in lines
    )
    return f'<ul class="legend">\n{items}</ul>\n'


def picture(name: str, caption: str, alt: str, jpeg: bytes) -> str:
    """A JPEG inside the page."""
    content = base64.b64encode(jpeg).decode()
    return (
        f'<figure class="wide" id="{identifier(name)}">\n'
        f'<img alt="{escape(alt, quote=True)}" src="data:image/jpeg;base64,{content}">\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>\n"
    )
