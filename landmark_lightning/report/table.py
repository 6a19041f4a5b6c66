"""What a table of the report is."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from landmark_lightning.runs.results import Cell

NO_FIGURE = "-"
"""Stands where a figure can't be computed."""

DRAWN = "drawn faces"
"""Stands beside what was measured on rendered faces, as in a rehearsal."""


@dataclass(frozen=True)
class Entry:
    """One figure of a table: that of our runs, and the one that the paper prints.

    Attributes:
        ours: The figure of every run, by seed; None where a run does not have it.
        printed: The paper's figure; None where it prints none.
        digits: Digits after the point.
        bounds: Of a difference its 95% interval, which stands in the place of the deviation.
        strong: Whether it is to be seen at once.
    """

    ours: Sequence[float | None] = ()
    printed: float | None = None
    digits: int = 2
    bounds: tuple[float, float] | None = None
    strong: bool = False

    @property
    def mean(self) -> float | None:
        """Mean over the seeds; None where one of them lacks the figure."""
        present = [figure for figure in self.ours if figure is not None]
        return statistics.fmean(present) if present and len(present) == len(self.ours) else None

    @property
    def spread(self) -> float | None:
        """Standard deviation (n - 1) over the seeds; None for less than two."""
        present = [figure for figure in self.ours if figure is not None]
        return None if self.mean is None or len(present) < 2 else statistics.stdev(present)

    @property
    def text(self) -> str:
        """Mean and, of several seeds, standard deviation; empty where there is none."""
        if self.mean is None:
            return ""
        if self.bounds is not None:
            mean, low, high = (f"{v:+.{self.digits}f}" for v in (self.mean, *self.bounds))
            return f"{mean} ({low} to {high})"
        mean = f"{self.mean:.{self.digits}f}"
        return mean if self.spread is None else f"{mean} ± {self.spread:.{self.digits}f}"

    @property
    def printed_text(self) -> str:
        """The paper's figure; empty where it prints none."""
        return "" if self.printed is None else f"{self.printed:.{self.digits}f}"


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: Short and unique: letters, digits, ``-`` and ``_``.
        title: What it shows, in one line.
        headings: One for each column.
        rows: One entry for each column; text in the first ``labels`` columns, which name the row.
        metric: What all figures measure; empty where the headings say it.
        notes: Sentences below the table.
        labels: How many columns name a row.
        folded: Whether the page shows it only when it is asked for.
    """

    name: str
    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str | Entry]]
    metric: str = ""
    notes: Sequence[str] = field(default=())
    labels: int = 1
    folded: bool = False

    @property
    def values(self) -> Sequence[str]:
        """The headings of the columns that don't name a row."""
        return self.headings[self.labels :]

    @property
    def all_notes(self) -> list[str]:
        """The notes, before them what brackets mean where the paper's figures stand in them."""
        entries = [entry for row in self.rows for entry in row if isinstance(entry, Entry)]
        printed = any(entry.printed is not None for entry in entries)
        return ["In brackets: as the paper prints it."] * printed + [*self.notes]


def called(cells: Sequence[Cell]) -> str:
    """The dataset of cells, for a title; it says where the faces are no photos."""
    drawn = any(run.content.get("rendered") is True for cell in cells for run in cell.runs)
    return cells[0].dataset + (f" ({DRAWN})" if drawn else "")


def entry_text(entry: str | Entry) -> str:
    """A cell of a table as one text, the paper's figure in brackets."""
    if isinstance(entry, str):
        return entry
    printed = f"({entry.printed_text})" if entry.printed_text else ""
    return " ".join(text for text in (entry.text, printed) if text) or NO_FIGURE
