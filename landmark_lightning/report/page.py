"""index.html: the report as one page that needs no network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from tqdm import tqdm

from landmark_lightning.report.balancing import BalancingEffect, effect_table
from landmark_lightning.report.markup import bullets, document, picture, section, table_html
from landmark_lightning.report.panels import (
    calibration_panels,
    ced_panels,
    cell_name,
    coverage_panels,
    discard_panels,
    figure4_panels,
    landmark_panels,
    share_panels,
)
from landmark_lightning.report.table import Table
from landmark_lightning.runs.curves import CellCurves
from landmark_lightning.runs.results import Cell

TITLE = "Landmark runs"

SHOWN = 10
"""Most drawn faces that are named of each cell."""


@dataclass(frozen=True)
class Contents:
    """What the report says.

    Attributes:
        summary: What it is on, in a sentence.
        left_out: A sentence for each file that was left out.
        state: The state of the cells; None where there is none to tell.
        paper: The paper's tables.
        paper_left_out: A sentence for each of them that is left out.
        general: The tables of each dataset, the main one first.
        curves: Of each cell whose predictions could be read.
        effects: LPBB's, of each cell that it balanced.
        surprises: For some cells the faces of largest surprise, as a JPEG, and the run's seed.
        most_drawn: Likewise the training faces that LPBB drew most often.
    """

    summary: str
    left_out: Sequence[str] = ()
    state: Table | None = None
    paper: Sequence[Table] = ()
    paper_left_out: Sequence[str] = ()
    general: Sequence[Sequence[Table]] = ()
    curves: Sequence[CellCurves] = ()
    effects: Sequence[BalancingEffect] = ()
    surprises: Sequence[tuple[Cell, int, bytes]] = field(default=())
    most_drawn: Sequence[tuple[Cell, int, bytes]] = field(default=())

    @property
    def tables(self) -> list[Table]:
        """Every table of figures, in the page's order."""
        effect = [effect_table(self.effects)] if self.effects else []
        return [*self.paper, *(table for group in self.general for table in group), *effect]


def render_page(contents: Contents) -> str:
    """The whole page; a section that has nothing to show is left out."""
    links, sections = "", []
    for name, title, how, make in tqdm(SECTIONS, desc="drawing", unit="section", leave=False):
        if body := make(contents):
            links += f'<li><a href="#{name}">{escape(title)}</a></li>\n'
            sections.append(section(name, title, how, body))
    header = (
        f"<header>\n<h1>{TITLE}</h1>\n<p>{escape(contents.summary)}</p>\n"
        f'<nav aria-label="Sections"><ul>\n{links}</ul></nav>\n</header>'
    )
    main = "\n".join(sections)
    return document(TITLE, f"{header}\n<main>\n{main}\n</main>")


def _state(contents: Contents) -> str:
    return "" if contents.state is None else table_html(contents.state)


def _left_out(contents: Contents) -> str:
    return bullets(contents.left_out)


def _paper(contents: Contents) -> str:
    tables = "\n".join(map(table_html, contents.paper))
    return f"{tables}\n{bullets(contents.paper_left_out)}" if tables else ""


def _general(contents: Contents) -> str:
    parts = []
    for group in contents.general:
        parts.append(f"<h3>{escape(group[0].title.partition(':')[0])}</h3>")
        parts += map(table_html, group)
    return "\n".join(parts)


def _balancing(contents: Contents) -> str:
    if not contents.effects:
        return ""
    parts = [table_html(effect_table(contents.effects))]
    if shares := share_panels(contents.effects):
        parts += ["<h3>Share of each subset</h3>", shares]
    parts.append("<h3>The most drawn training faces</h3>")
    drawn = []
    for effect in contents.effects:
        named = ", ".join(
            f"{photo} ({draws} draws, loss {loss:.3g})"
            for photo, draws, loss in effect.most_drawn[:SHOWN]
        )
        drawn.append(f"{cell_name(effect.cell)}, seed {effect.cell.runs[0].seed}: {named}")
    title = "Most drawn training faces"
    return "\n".join([*parts, bullets(drawn), _sheets("most-drawn", title, contents.most_drawn)])


def _surprises(contents: Contents) -> str:
    return _sheets("surprise", "Faces of largest surprise", contents.surprises)


def _sheets(kind: str, title: str, sheets: Sequence[tuple[Cell, int, bytes]]) -> str:
    """Pictures of faces, one a cell."""
    return "".join(
        picture(
            f"{kind}-{cell.dataset}-{cell.normalizer}-{cell.name}",
            f"{cell_name(cell)}, seed {seed}",
            f"{title} of {cell_name(cell)}: annotated and predicted landmarks",
            jpeg,
        )
        for cell, seed, jpeg in sheets
    )


SECTIONS: tuple[tuple[str, str, str, Callable[[Contents], str]], ...] = (
    (
        "grid",
        "State of the grid",
        "A cut run goes on and a failed one is tried again when the sweep is started again.",
        _state,
    ),
    ("left-out", "Left out", "What could not be used, or not in full.", _left_out),
    (
        "paper",
        "The paper's tables",
        "Our figures stand first, those that the paper prints in brackets. Errors are NME in "
        "percent of the normalizer named; smaller is better. Press a heading to sort by it.",
        _paper,
    ),
    (
        "runs",
        "All runs",
        "Several seeds: mean ± standard deviation. Discarding drops each face's landmarks of "
        "highest signal (at random for a model without one), the static prior those of highest "
        "mean training error, the oracle those of highest error. Closed is the share of the way "
        "from static prior (whole faces: from none discarded) to oracle that the signal goes at "
        "30%. A face fails when its NME is above the threshold.",
        _general,
    ),
    (
        "figure4",
        "Figure 4: error and signal",
        "All landmarks of the test set by ascending error, the signal of each beside it, both "
        "min-max normalized. The signal is of use where the dots rise with the line.",
        lambda contents: figure4_panels(contents.curves),
    ),
    (
        "discard",
        "Discard curves",
        "NME of the landmarks that are left when each face's least trusted ones are discarded. "
        "Below the static prior, the signal knows something of the single face.",
        lambda contents: discard_panels(contents.curves),
    ),
    (
        "coverage",
        "Risk and coverage",
        "NME of what is kept when only the most trusted share is. The oracle bounds what any "
        "signal can do; a signal without use runs along the line at random.",
        lambda contents: coverage_panels(contents.curves),
    ),
    (
        "ced",
        "Cumulative error distribution",
        "Share of the faces with an NME of at most that on the axis: higher and further left is "
        "better. The axis ends where the worst model has 95% of its faces.",
        lambda contents: ced_panels(contents.curves),
    ),
    (
        "landmarks",
        "Error by landmark",
        "Mean error of each landmark over the test set, in the order of the scheme.",
        lambda contents: landmark_panels(contents.curves),
    ),
    (
        "calibration",
        "Calibration of the signal",
        "Mean true distance against mean predicted distance, in twenty bins of equally many "
        "landmarks. On the dotted line the signal is right; above it, it promises too much.",
        lambda contents: calibration_panels(contents.curves),
    ),
    (
        "balancing",
        "What balancing drew",
        "An effective sample size of 100% is an even draw. A subset whose bar of draws is longer "
        "than that of its faces was drawn more often than evenly. Look at the most drawn faces: "
        "wrong labels show there.",
        _balancing,
    ),
    (
        "surprises",
        "Largest surprises",
        "Test faces whose error lies furthest above their signal: where the network is wrong and "
        "does not know it.",
        _surprises,
    ),
)
"""Name, title, how to read it, and what makes it."""
