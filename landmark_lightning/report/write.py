"""The report on many runs: index.html, tables.md, tables.tex, tables.csv and discard.png.

One more output is one more line of ``write_report``; one more section of the page is written in
``templates/page.html``.
"""

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from landmark_lightning.documents import check_file
from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing, replacing_set, write_text
from landmark_lightning.plots.curves import plot_discard_curves
from landmark_lightning.report.balancing import read_effects
from landmark_lightning.report.columns import by_dataset, elsewhere_tables, general_tables
from landmark_lightning.report.comparison import Comparison, check_baseline, finding
from landmark_lightning.report.evaluations import read_evaluations
from landmark_lightning.report.formats import csv_tables, render
from landmark_lightning.report.page import Contents, render_page
from landmark_lightning.report.paper import paper_tables
from landmark_lightning.report.state import failures, state_line, state_table
from landmark_lightning.report.stress import stress_tables
from landmark_lightning.report.studies import best_trials
from landmark_lightning.report.training import training_tables
from landmark_lightning.report.trust import trust_tables
from landmark_lightning.runs.curves import CellCurves, read_curves
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.history import History, read_histories
from landmark_lightning.runs.results import Cell, find_runs, gather
from landmark_lightning.runs.search import folders_below
from landmark_lightning.runs.state import CellState, read_states
from landmark_lightning.runs.studies import read_studies

MOST_PIXELS = 50_000_000
"""Of a picture that is put into the page: that of 200 faces has a tenth of it."""


def write_report(runs: Path, output: Path, baseline: str | None = None) -> list[Path]:
    """Writes the report on all runs below a folder; its files appear together.

    Args:
        runs: Folder of the runs.
        output: Folder of the report; it is made where it is missing.
        baseline: The model, or the row by its name, that the others are compared with; None: the
            first of each dataset.

    Returns:
        The files written; discard.png only where predictions could be read.

    Raises:
        UserError: No run was found, or none that can be read, or none is the baseline.
    """
    contents = read_contents(runs, baseline)
    texts = {
        "index.html": render_page(contents),
        "tables.md": render("tables.md", contents=contents),
        "tables.tex": render("tables.tex", tables=contents.tables),
        "tables.csv": csv_tables(contents.tables),
    }
    names = [*texts, "discard.png"]
    with replacing_set(output, names) as staged:
        for name, text in texts.items():
            write_text(staged / name, text)
        if contents.curves:
            with replacing(staged / "discard.png") as temporary:
                plot_discard_curves(contents.curves).savefig(temporary, dpi=150, format="png")
    return [output / name for name in names if (output / name).is_file()]


def read_contents(runs: Path, baseline: str | None = None) -> Contents:
    """Reads all that the report says of the runs below a folder; arguments as ``write_report``.

    Raises:
        UserError: No run was found, or none that can be read, or none is the baseline.
    """
    found, left_out = find_runs(runs)
    states = read_states(runs)
    if not found and not states:
        reason = f" ({left_out[0]})" if left_out else ""
        raise UserError(f"{runs} holds no finished run{reason}; landmark-train makes one")
    cells, elsewhere, unread = read_evaluations(gather(found))
    check_baseline(cells, baseline)
    left_out += unread
    curves = _read(cells, left_out)
    groups = by_dataset(cells)
    comparisons = {
        key: Comparison(group, by_dataset(curves).get(key, []), baseline)
        for key, group in groups.items()
    }
    histories: list[History] = []
    for cell in cells:
        of_cell, unread = read_histories(cell)
        histories += of_cell
        left_out += unread
    effects, unread = read_effects(cells)
    left_out += unread
    pictures = {}
    for name in ("faces", "surprises", "most_drawn"):
        pictures[name], unread = _pictures(cells, partial(_place, name))
        left_out += unread
    studies, unread = read_studies(folders_below(runs).folders)
    left_out += unread
    paper, paper_left_out = paper_tables(cells)
    return Contents(
        summary=" ".join([_summary(runs, cells, states), *best_trials(studies, cells)]),
        findings=[finding(comparison) for comparison in comparisons.values()],
        state=state_table(states) if states else None,
        paper=paper,
        paper_left_out=paper_left_out,
        general=[
            [*general_tables(group, comparisons[key]), *trust_tables(group), *stress_tables(group)]
            for key, group in groups.items()
        ],
        training=[table for group in groups.values() for table in training_tables(group)],
        elsewhere=[
            table
            for each in elsewhere
            for table in elsewhere_tables(
                each, Comparison(each.cells, _read(each.cells, left_out), baseline)
            )
        ],
        curves=curves,
        histories=histories,
        effects=effects,
        **pictures,
        cells=cells,
        left_out=left_out,
    )


def _read(cells: Sequence[Cell], left_out: list[str]) -> list[CellCurves]:
    """The curves of the cells whose predictions can be read; notes what can't."""
    curves: list[CellCurves] = []
    for cell in tqdm(cells, desc="reading", unit="cell", leave=False):
        of_cell, unread = read_curves(cell)
        left_out += unread
        curves += [] if of_cell is None else [of_cell]
    return curves


def _place(name: str, folder: RunFolder) -> Path:
    path: Path = getattr(folder, name)
    return path


def _summary(runs: Path, cells: Sequence[Cell], states: Sequence[CellState]) -> str:
    count = sum(len(cell.runs) for cell in cells)
    if not count:
        return f"{runs} holds no finished run yet: {state_line(states)}."
    datasets = ", ".join(dict.fromkeys(cell.dataset for cell in cells))
    models = ", ".join(dict.fromkeys(cell.model for cell in cells))
    failed = len(failures(states))
    return (
        f"{count} finished {'run' if count == 1 else 'runs'} in {runs}: models {models} on "
        f"{datasets}." + (f" {failed} failed." if failed else "")
    )


def _pictures(
    cells: Sequence[Cell], place: Callable[[RunFolder], Path]
) -> tuple[list[tuple[Cell, int, bytes]], list[str]]:
    """A picture of the first run of each cell that has one, as JPEG."""
    pictures, unread = [], []
    for cell in cells:
        for run in cell.runs:
            path = place(RunFolder(run.path))
            if not path.exists():
                continue
            try:
                check_file(path, within=run.path)
                with Image.open(path, formats=["PNG"]) as image:
                    if image.width * image.height > MOST_PIXELS:
                        raise UserError(f"it is {image.width} x {image.height} pixels large")
                    small = image.convert("RGB")
                    small.thumbnail((960, 1920))  # as wide as their captions can be read
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                unread.append(f"{path} can't be read: {' '.join(str(error).split())}")
                continue
            content = BytesIO()
            small.save(content, format="JPEG", quality=80)
            pictures.append((cell, run.seed, content.getvalue()))
            break
    return pictures, unread
