"""Rows of a table in text, as spreadsheets, pandas and R write it.

The cells are separated by commas, semicolons or tabs; the text is UTF-8, with a byte order mark or
without, or UTF-16 with one. A row is a line: a quote that is not closed spoils its own line only.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from landmark_lightning.errors import UserError

SEPARATORS = ",;\t"
_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_SAVE = "save it as CSV text in UTF-8"


class Rows:
    """The rows of a table; iterating gives each line's number and its cells.

    A line that can't be taken apart gives the reason, a text, in place of its cells. Lines without
    any content are left out.

    Args:
        path: The file.

    Attributes:
        start: The first line.
        separator: What separates the cells, as the first line shows it.

    Raises:
        UserError: A file that is empty or no text in UTF-8 or UTF-16.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            start = file.read(4)
        found = [encoding for mark, encoding in _MARKS.items() if start.startswith(mark)]
        self._encoding = found[0] if found else "utf-8-sig"
        if not found and b"\0" in start:
            raise UserError(f"{path} is no text in UTF-8; {_SAVE}")
        _, self.start = next(self._lines(), (0, ""))
        told = re.fullmatch(rf"sep=([{SEPARATORS}])", self.start.strip(" \n"))  # a line of Excel's
        self._first = 2 if told else 1
        bare = re.sub(r'"[^"]*"', "", self.start)
        self.separator = told[1] if told else max(SEPARATORS, key=bare.count)

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        nothing = f'{self.separator}" \t\n'
        for number, line in self._lines():
            if number < self._first or not line.strip(nothing):
                continue
            line = line.rstrip("\n")
            if '"' not in line:
                yield number, line.split(self.separator)
                continue
            try:
                [cells] = csv.reader(
                    [line], delimiter=self.separator, strict=True, skipinitialspace=True
                )
                yield number, cells
            except csv.Error:
                yield number, "a quote in it is not closed, or a cell goes on after one"

    def _lines(self) -> Iterator[tuple[int, str]]:
        number = 0
        try:
            with self.path.open(encoding=self._encoding) as lines:
                for number, line in enumerate(lines, start=1):
                    yield number, line
        except UnicodeError as error:
            raise UserError(
                f"{self.path} is no text in {self._encoding[:6].upper().rstrip('-')} after line "
                f"{number}; {_SAVE}"
            ) from error


def fitted(cells: list[str], heading: list[str]) -> list[str]:
    """A row as long as its heading: a line may end in more commas than another, or in fewer.

    Raises:
        UserError: It has more cells with something in them, or fewer than the named columns.
    """
    longer = len(cells) - len(heading)
    if any(cell.strip() for cell in (cells[len(heading) :] or heading[len(cells) :])):
        raise UserError(f"it has {len(cells)} cells, the header {len(heading)}")
    return cells[: len(heading)] + [""] * -longer
