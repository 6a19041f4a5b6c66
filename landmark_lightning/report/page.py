"""index.html: the report as one page that needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass

from landmark_lightning.report.balancing import BalancingEffect, effect_table
from landmark_lightning.report.formats import render
from landmark_lightning.report.panels import plot_figures
from landmark_lightning.report.stress import stress_panels
from landmark_lightning.report.table import Table
from landmark_lightning.runs.curves import CellCurves
from landmark_lightning.runs.history import History
from landmark_lightning.runs.results import Cell

Picture = tuple[Cell, int, bytes]
"""A cell, the seed of its run, and a JPEG."""


@dataclass(frozen=True)
class Contents:
    """All that the report says.

    Attributes:
        summary: A sentence on the runs that it compares.
        findings: A sentence or two for each dataset: what is best, and whether that is real.
        left_out: A sentence for each file that was left out.
        state: The state of the cells; None where no run's state is known.
        paper: The paper's tables.
        paper_left_out: A sentence for each of the paper's tables that is left out.
        general: The tables of each dataset, the main one first.
        training: How the models of each dataset were trained.
        elsewhere: What the models have on other faces than those of their dataset.
        curves: Those of each cell whose predictions could be read.
        histories: The curves of each training.
        effects: What LPBB drew in each cell that it balanced.
        faces: Test faces with their predictions.
        surprises: The same of the faces of largest surprise.
        most_drawn: The same of the training faces that LPBB drew most often.
        cells: All cells, with the stress tests of their runs.
    """

    summary: str
    findings: Sequence[str] = ()
    left_out: Sequence[str] = ()
    state: Table | None = None
    paper: Sequence[Table] = ()
    paper_left_out: Sequence[str] = ()
    general: Sequence[Sequence[Table]] = ()
    training: Sequence[Table] = ()
    elsewhere: Sequence[Table] = ()
    curves: Sequence[CellCurves] = ()
    histories: Sequence[History] = ()
    effects: Sequence[BalancingEffect] = ()
    faces: Sequence[Picture] = ()
    surprises: Sequence[Picture] = ()
    most_drawn: Sequence[Picture] = ()
    cells: Sequence[Cell] = ()

    @property
    def balancing(self) -> Table | None:
        """The table of what LPBB drew; None where it balanced no run."""
        return effect_table(self.effects) if self.effects else None

    @property
    def tables(self) -> list[Table]:
        """Every table of figures, in the page's order."""
        general = [table for group in self.general for table in group]
        balancing = [self.balancing] if self.balancing else []
        return [*self.paper, *general, *self.elsewhere, *self.training, *balancing]

    @property
    def pictures(self) -> list[tuple[Cell, list[tuple[str, str, int, bytes]]]]:
        """Of each cell the pictures of its test faces: kind, title, seed and JPEG."""
        found = []
        for cell in self.cells:
            of_cell = [
                (kind, title, seed, jpeg)
                for kind, title, pictures in (
                    ("faces", "Test faces", self.faces),
                    ("surprise", "Faces of largest surprise", self.surprises),
                )
                for other, seed, jpeg in pictures
                if _key(other) == _key(cell)
            ]
            if of_cell:
                found.append((cell, of_cell))
        return found


def _key(cell: Cell) -> tuple[str, str, str]:
    return cell.dataset, cell.normalizer, cell.name


def render_page(contents: Contents) -> str:
    """The whole page; a section that has nothing to show is left out."""
    figures = plot_figures(contents.curves, contents.effects, contents.histories)
    figures["stress"] = stress_panels(contents.cells)
    return render("page.html", contents=contents, figures=figures)
