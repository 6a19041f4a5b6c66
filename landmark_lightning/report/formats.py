"""Tables as Markdown, LaTeX and CSV."""

import csv
import io
from collections.abc import Iterable, Sequence

from landmark_lightning.report.table import Entry, Table, entry_text

CSV_HEADINGS = ("table", "row", "column", "ours mean", "ours std", "seeds", "printed")

_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "±": r"$\pm$", "\n": " ",
}  # fmt: skip

_TEX_HEAD = r"""% Written by landmark-report; \input it, or copy single tables. The preamble needs:
% \usepackage{booktabs} \usepackage{graphicx} \usepackage[T1]{fontenc}
"""


def markdown_table(table: Table) -> str:
    """One table, its notes below it."""
    rule = [*("---" for _ in range(table.labels)), *("---:" for _ in _values(table))]
    rows = [[entry_text(entry) for entry in row] for row in table.rows]
    lines = [
        "| " + " | ".join(_markdown(text) for text in row) + " |"
        for row in (table.headings, rule, *rows)
    ]
    above = ". ".join(text for text in (table.title, table.metric) if text)
    parts = [f"**{_markdown(above)}**", "\n".join(lines)]
    if notes := notes_of(table):
        parts.append("\n".join(f"- {_markdown(note)}" for note in notes))
    return "\n\n".join(parts)


def notes_of(table: Table) -> list[str]:
    """The notes of a table, with what the brackets mean where there are any."""
    brackets = ["In brackets: as the paper prints it."] if table.has_printed else []
    return [*brackets, *table.notes]


def _values(table: Table) -> Sequence[str]:
    return table.headings[table.labels :]


def _markdown(text: str) -> str:
    """Text that can't be taken for markup or for the edge of a cell."""
    text = " ".join(text.split())
    for mark in ("\\", "|", "*", "<", "`"):
        text = text.replace(mark, f"\\{mark}")
    return text


def tex_tables(tables: Iterable[Table]) -> str:
    """A LaTeX file of booktabs tables, each as wide as the text at most."""
    return _TEX_HEAD + "".join(f"\n{_tex_table(table)}" for table in tables)


def _tex_table(table: Table) -> str:
    columns = "l" * table.labels + "r" * len(_values(table))
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{_tex(_caption(table.title))}}}",
        rf"\label{{tab:{''.join(c if c.isalnum() and c.isascii() else '-' for c in table.name)}}}",
        r"\smallskip",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
    ]
    if table.metric:
        empty = "& " * table.labels
        first, last = table.labels + 1, len(table.headings)
        span = rf"\multicolumn{{{len(_values(table))}}}{{c}}{{{_tex(table.metric)}}}"
        lines += [rf"{empty}{span} \\", rf"\cmidrule{{{first}-{last}}}"]
    lines += [_tex_row(table.headings), r"\midrule"]
    lines += [_tex_row([entry_text(entry) for entry in row]) for row in table.rows]
    lines += [r"\bottomrule", r"\end{tabular}}"]
    lines += [rf"\par\smallskip{{\footnotesize {_tex(note)}\par}}" for note in notes_of(table)]
    return "\n".join([*lines, r"\end{table}", ""])


def _caption(title: str) -> str:
    """The title of one of the paper's tables does not begin with a number beside LaTeX's own."""
    number, colon, text = title.partition(": ")
    return f"{text} (the paper's {number})" if colon and number.startswith("Table ") else title


def _tex_row(texts: Iterable[str]) -> str:
    # A row that begins with a bracket or a star would be read as an argument of \\.
    row = " & ".join(_tex(text) for text in texts)
    return rf"{{}}{row} \\" if row[:1] in ("[", "*") else rf"{row} \\"


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def csv_tables(tables: Iterable[Table]) -> str:
    """All figures of all tables in the long format of ``CSV_HEADINGS``, unrounded."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(CSV_HEADINGS)
    for table in tables:
        for row in table.rows:
            label = ", ".join(entry_text(entry) for entry in row[: table.labels])
            for heading, entry in zip(_values(table), row[table.labels :], strict=True):
                column = ", ".join(text for text in (heading, table.metric) if text)
                if isinstance(entry, Entry):
                    writer.writerow([table.name, label, column, *_numbers(entry)])
    return output.getvalue()


def _numbers(entry: Entry) -> list[str]:
    numbers = (entry.mean, entry.spread, len(entry.ours) or None, entry.printed)
    return ["" if number is None else f"{number:.10g}" for number in numbers]
