"""The report on many runs: index.html, tables.md, tables.tex, tables.csv and discard.png.

One more output is one more line of ``write_report``; one more section of the page is written in
``templates/page.html``.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing, replacing_set, write_text
from landmark_lightning.plots.curves import plot_discard_curves
from landmark_lightning.report.balancing import read_effects
from landmark_lightning.report.columns import by_dataset, general_tables
from landmark_lightning.report.formats import csv_tables, render
from landmark_lightning.report.page import Contents, render_page
from landmark_lightning.report.paper import paper_tables
from landmark_lightning.report.state import failures, state_line, state_table
from landmark_lightning.report.stress import stress_tables, with_stress
from landmark_lightning.report.trust import trust_tables
from landmark_lightning.runs.curves import CellCurves, read_curves
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.results import Cell, find_runs, gather
from landmark_lightning.runs.state import CellState, read_states


def write_report(runs: Path, output: Path) -> list[Path]:
    """Writes the report on all runs below a folder; its files appear together.

    Args:
        runs: Folder of the runs.
        output: Folder of the report; it is made where it is missing.

    Returns:
        The files written; discard.png only where predictions could be read.

    Raises:
        UserError: No run was found, or none that can be read.
    """
    contents = read_contents(runs)
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


def read_contents(runs: Path) -> Contents:
    """Reads all that the report says of the runs below a folder.

    Raises:
        UserError: No run was found, or none that can be read.
    """
    found, left_out = find_runs(runs)
    states = read_states(runs)
    if not found and not states:
        reason = f" ({left_out[0]})" if left_out else ""
        raise UserError(f"{runs} holds no finished run{reason}; landmark-train makes one")
    cells, unread_stress = with_stress(gather(found))
    left_out += unread_stress
    curves: list[CellCurves] = []
    for cell in tqdm(cells, desc="reading", unit="cell", leave=False):
        of_cell, unread = read_curves(cell)
        left_out += unread
        curves += [] if of_cell is None else [of_cell]
    effects, unread = read_effects(cells)
    surprises, unread_surprises = _pictures(cells, lambda run: run.surprises)
    most_drawn, unread_drawn = _pictures(cells, lambda run: run.most_drawn)
    paper, paper_left_out = paper_tables(cells)
    return Contents(
        summary=_summary(runs, cells, states),
        left_out=[*left_out, *unread, *unread_surprises, *unread_drawn],
        state=state_table(states) if states else None,
        paper=paper,
        paper_left_out=paper_left_out,
        general=[
            [*general_tables(group), *trust_tables(group), *stress_tables(group)]
            for group in by_dataset(cells).values()
        ],
        curves=curves,
        effects=effects,
        surprises=surprises,
        most_drawn=most_drawn,
        cells=cells,
    )


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
            if not path.is_file():
                continue
            try:
                with Image.open(path, formats=["PNG"]) as image:
                    small = image.convert("RGB")
                    small.thumbnail((960, 960))
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
                unread.append(f"{path} can't be read: {' '.join(str(error).split())}")
                continue
            content = BytesIO()
            small.save(content, format="JPEG", quality=80)
            pictures.append((cell, run.seed, content.getvalue()))
            break
    return pictures, unread
