"""The report's templates filled in, with their escapes for HTML, Markdown and LaTeX; CSV."""

import csv
import io
import re
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from landmark_lightning.report.table import Entry, Table, entry_text
from landmark_lightning.runs.state import STATES

_FORMULA = tuple("=+-@\t\r\n")
"""What a cell begins with that spreadsheets take for a formula."""

CSV_HEADINGS = (
    "table", "row", "column", "ours mean", "ours std", "seeds", "printed", "low", "high",
)  # fmt: skip
"""The last two are a difference's 95% interval."""

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "±": r"$\pm$", "\n": " ",
}  # fmt: skip


def identifier(text: str) -> str:
    """Text as an HTML id: letters, digits, ``-`` and ``_`` stay, others become their code."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: f"-{ord(found[0]):x}", text)


def markdown(text: str) -> str:
    """Text for one line of Markdown, with a backslash before what would be read as markup."""
    return re.sub(r"([\\|*<`])", r"\\\1", " ".join(text.split()))


def latex(text: str) -> str:
    """Text for LaTeX, its special characters replaced by commands."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def markdown_entry(entry: str | Entry) -> str:
    """A cell of a table for Markdown, bold where it is strong."""
    text = markdown(entry_text(entry))
    return f"**{text}**" if isinstance(entry, Entry) and entry.strong else text


def latex_entry(entry: str | Entry) -> str:
    """A cell of a table for LaTeX, bold where it is strong."""
    text = latex(entry_text(entry))
    return f"\\textbf{{{text}}}" if isinstance(entry, Entry) and entry.strong else text


def cell(text: str) -> str:
    """Text for a cell of CSV; an apostrophe keeps a spreadsheet from taking it for a formula."""
    return f"'{text}" if text[:1] in _FORMULA else text


def number(value: float | None) -> str:
    """A number with up to ten digits; empty for None."""
    return "" if value is None else f"{value:.10g}"


ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=select_autoescape(),  # in .html
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals["states"] = STATES
ENVIRONMENT.filters |= {
    "after_colon": lambda title: title.partition(": ")[2],
    "markdown_entry": markdown_entry,
    "latex_entry": latex_entry,
    "base64": lambda content: b64encode(content).decode(),
    "identifier": identifier,
    "latex": latex,
    "latex_label": lambda text: re.sub("[^A-Za-z0-9]", "-", text),
    "markdown": markdown,
    "number": number,
    "text": entry_text,
}
# LaTeX has braces of its own: there blocks, values and comments stand in <% %>, << >> and <# #>.
_LATEX_ENVIRONMENT = ENVIRONMENT.overlay("<%", "%>", "<<", ">>", "<#", "#>")


def render(name: str, **values: object) -> str:
    """The text of the template ``templates/<name>``, filled with values."""
    environment = _LATEX_ENVIRONMENT if name.endswith(".tex") else ENVIRONMENT
    return environment.get_template(name).render(values)


def markdown_table(table: Table) -> str:
    """One table as Markdown, its notes below it."""
    return render("table.md", table=table)


def csv_tables(tables: Iterable[Table]) -> str:
    """All figures of all tables, unrounded, a line for each figure (``CSV_HEADINGS``)."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(CSV_HEADINGS)
    for table in tables:
        for row in table.rows:
            label = ", ".join(entry_text(entry) for entry in row[: table.labels])
            for heading, entry in zip(table.values, row[table.labels :], strict=True):
                column = ", ".join(text for text in (heading, table.metric) if text)
                if isinstance(entry, Entry):
                    figures = (
                        entry.mean, entry.spread, len(entry.ours) or None, entry.printed,
                        *(entry.bounds or (None, None)),
                    )  # fmt: skip
                    words = map(cell, (table.name, label, column))
                    writer.writerow([*words, *map(number, figures)])
    return output.getvalue()
