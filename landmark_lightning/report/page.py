"""index.html: the report as one page that needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass

from landmark_lightning.report.balancing import BalancingEffect, effect_table
from landmark_lightning.report.formats import render
from landmark_lightning.report.panels import plot_figures
from landmark_lightning.report.stress import stress_panels
from landmark_lightning.report.table import Table
from landmark_lightning.runs.curves import CellCurves
from landmark_lightning.runs.results import Cell


@dataclass(frozen=True)
class Contents:
    """All that the report says.

    Attributes:
        summary: A sentence on the runs that it compares.
        left_out: A sentence for each file that was left out.
        state: The state of the cells; None where no run's state is known.
        paper: The paper's tables.
        paper_left_out: A sentence for each of the paper's tables that is left out.
        general: The tables of each dataset, the main one first.
        curves: Those of each cell whose predictions could be read.
        effects: What LPBB drew in each cell that it balanced.
        surprises: Cell, seed and JPEG of each picture of the faces of largest surprise.
        most_drawn: The same of the training faces that LPBB drew most often.
        cells: All cells, with the stress tests of their runs.
    """

    summary: str
    left_out: Sequence[str] = ()
    state: Table | None = None
    paper: Sequence[Table] = ()
    paper_left_out: Sequence[str] = ()
    general: Sequence[Sequence[Table]] = ()
    curves: Sequence[CellCurves] = ()
    effects: Sequence[BalancingEffect] = ()
    surprises: Sequence[tuple[Cell, int, bytes]] = ()
    most_drawn: Sequence[tuple[Cell, int, bytes]] = ()
    cells: Sequence[Cell] = ()

    @property
    def balancing(self) -> Table | None:
        """The table of what LPBB drew; None where it balanced no run."""
        return effect_table(self.effects) if self.effects else None

    @property
    def tables(self) -> list[Table]:
        """Every table of figures, in the page's order."""
        general = [table for group in self.general for table in group]
        return [*self.paper, *general, *([self.balancing] if self.balancing else [])]


def render_page(contents: Contents) -> str:
    """The whole page; a section that has nothing to show is left out."""
    figures = plot_figures(contents.curves, contents.effects)
    figures["stress"] = stress_panels(contents.cells)
    return render("page.html", contents=contents, figures=figures)
