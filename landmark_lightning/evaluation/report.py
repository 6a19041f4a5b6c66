"""The report on many runs: tables.md and discard.png.

One more column of the main table is one more line of ``COLUMNS``; one more output is one more
function called by ``write_report``.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from landmark_lightning.evaluation.records import read_records
from landmark_lightning.evaluation.runs import Cell, find_runs, gather, model_rank
from landmark_lightning.evaluation.summary import CURVE_PERCENTS, discard_curve
from landmark_lightning.files import replacing, write_text

NO_FIGURE = "-"
"""Stands where a figure can't be computed."""

_CURVES = {
    "random": ("at random", "#7f7f7f", ":"),
    "prior": ("static prior", "#e69f00", "--"),
    "signal": ("signal", "#0072b2", "-"),
    "oracle": ("oracle", "#009e73", "-."),
}


@dataclass(frozen=True)
class Panel:
    """One panel of discard.png.

    Attributes:
        cell: The runs that it shows.
        curves: (P,) mean NME in percent by name, as ``discard_curve`` gives it for one run.
        seeds: How many runs the mean is of: those whose predictions could be read.
    """

    cell: Cell
    curves: dict[str, Tensor]
    seeds: int


def format_figures(figures: Sequence[float | None], digits: int = 2) -> str:
    """Mean and, of several, standard deviation (n - 1); ``-`` where one of them is None."""
    present = [figure for figure in figures if figure is not None]
    if not present or len(present) < len(figures):
        return NO_FIGURE
    mean = f"{statistics.fmean(present):.{digits}f}"
    return mean if len(present) == 1 else f"{mean} ± {statistics.stdev(present):.{digits}f}"


def _of_full(*keys: str) -> Callable[[Cell], str]:
    return lambda cell: format_figures(cell.figures("subsets", "full", *keys))


def _of_run(key: str) -> Callable[[Cell], str]:
    return lambda cell: format_figures(cell.figures(key), digits=0)


def _epochs(cell: Cell) -> str:
    present = {figure for figure in cell.figures("epochs") if figure is not None}
    return ", ".join(f"{figure:g}" for figure in sorted(present)) or NO_FIGURE


COLUMNS: tuple[tuple[str, Callable[[Cell], str]], ...] = (
    ("model", lambda cell: cell.model),
    ("seeds", lambda cell: str(len(cell.runs))),
    ("epochs", _epochs),
    ("NME {normalizer} (%)", _of_full("nme")),
    ("FR at 0.10 (%)", _of_full("fr_0.10")),
    ("discard 10%", _of_full("discard", "10")),
    ("discard 20%", _of_full("discard", "20")),
    ("discard 30%", _of_full("discard", "30")),
    ("static prior 30%", _of_full("discard_prior", "30")),
    ("oracle 30%", _of_full("discard_oracle", "30")),
    ("Spearman", _of_full("spearman")),
    ("closed within", _of_full("closed", "within")),
    ("seconds", _of_run("train_seconds")),
    ("of which rescoring", _of_run("rescore_seconds")),
)
"""The main table: a heading, and what it says of a cell."""


def write_report(runs: Path, output: Path) -> list[Path]:
    """Writes tables.md and discard.png on all runs below a folder.

    Args:
        runs: Folder of the runs.
        output: Folder of the report; it is made where it is missing.

    Returns:
        The files written: tables.md, and discard.png where predictions could be read.

    Raises:
        ValueError: No run was found, or none that can be read.
    """
    found, warnings = find_runs(runs)
    if not found:
        reason = f" ({warnings[0]})" if warnings else ""
        raise ValueError(f"{runs} holds no finished run{reason}; landmark-train makes one")
    cells = gather(found)
    output.mkdir(parents=True, exist_ok=True)
    panels, unread = _read_curves(cells)
    tables = output / "tables.md"
    write_text(tables, render_tables(cells, warnings + unread))
    picture = output / "discard.png"
    if not panels:
        picture.unlink(missing_ok=True)  # of an earlier report, on other runs
        return [tables]
    with replacing(picture) as temporary:
        draw_discard_curves(panels).savefig(temporary, dpi=150, format="png")
    return [tables, picture]


def render_tables(cells: Sequence[Cell], warnings: Sequence[str] = ()) -> str:
    """The Markdown of tables.md: for each dataset the main table and NME by subset."""
    parts = ["# Runs"]
    if warnings:
        parts.append("\n".join(["Left out:", "", *(f"- {warning}" for warning in warnings)]))
    parts.append(
        "Errors are NME in percent of the normalizer that the heading names, over the whole test "
        "split. *Discard* drops each face's landmarks of highest signal (at random for a model "
        "without one), *static prior* those with the highest mean training error, *oracle* those "
        "of highest error. *Closed within* is the share of the way from static prior to oracle "
        "that the signal goes at 30%. Several seeds: mean ± standard deviation."
    )
    for (dataset, normalizer), group in _by_dataset(cells).items():
        parts.append(f"## {dataset}, {normalizer}")
        headings = [heading.format(normalizer=normalizer) for heading, _ in COLUMNS]
        parts.append(_table(headings, [[show(cell) for _, show in COLUMNS] for cell in group]))
        subsets = _subsets(group)
        if subsets:
            parts.append(f"NME {normalizer} (%) by subset (faces):")
            headings = ["model", *(f"{name} ({faces})" for name, faces in subsets.items())]
            rows = [
                [cell.model]
                + [format_figures(cell.figures("subsets", name, "nme")) for name in subsets]
                for cell in group
            ]
            parts.append(_table(headings, rows))
    return "\n\n".join(parts) + "\n"


def _by_dataset(cells: Iterable[Cell]) -> dict[tuple[str, str], list[Cell]]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.dataset, cell.normalizer), []).append(cell)
    return groups


def _subsets(cells: Iterable[Cell]) -> dict[str, str]:
    """How many faces each subset has, as text; empty where there is nothing but ``full``."""
    faces: dict[str, set[float]] = {}
    for run in (run for cell in cells for run in cell.runs):
        for name in run.content["subsets"]:
            count = run.figure("subsets", name, "faces")
            faces.setdefault(name, set()).update(() if count is None else (count,))
    if set(faces) == {"full"}:
        return {}
    return {
        name: "-".join(f"{count:.0f}" for count in sorted({min(counts), max(counts)}))
        for name, counts in faces.items()
        if counts
    }


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join(
        "| " + " | ".join(text.replace("|", "\\|") for text in row) + " |"
        for row in (headings, rule, *rows)
    )


def _read_curves(cells: Iterable[Cell]) -> tuple[list[Panel], list[str]]:
    """The curves of each cell, averaged over its seeds, and a sentence for each file not read."""
    panels, unread = [], []
    for cell in cells:
        curves = []
        for run in cell.runs:
            path = run.path.with_name("predictions.h5")
            try:
                records = read_records(path)
                if records.info.normalizers[0] != cell.normalizer:
                    raise ValueError(f"{path} is not on {cell.normalizer} as its metrics.json is")
                curves.append(discard_curve(records))
            except (FileNotFoundError, ValueError) as error:
                unread.append(f"discard curves: {error}")
        if curves:
            shared = [name for name in _CURVES if all(name in curve for curve in curves)]
            mean = {name: torch.stack([c[name] for c in curves]).mean(dim=0) for name in shared}
            panels.append(Panel(cell, mean, len(curves)))
    return panels, unread


def draw_discard_curves(panels: Sequence[Panel]) -> Figure:
    """Draws NME against the share of landmarks discarded: a row a dataset, a column a model."""
    rows = list(dict.fromkeys((panel.cell.dataset, panel.cell.normalizer) for panel in panels))
    models = sorted({panel.cell.model for panel in panels}, key=model_rank)
    figure = Figure(figsize=(1.2 + 3.1 * len(models), 1.1 + 2.7 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(models), sharex=True, sharey="row", squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for panel in panels:
        cell = panel.cell
        row = rows.index((cell.dataset, cell.normalizer))
        axes = grid[row, models.index(cell.model)]
        axes.set_visible(True)
        _draw_panel(axes, panel)
    for row, (_, normalizer) in enumerate(rows):
        first = next(axes for axes in grid[row] if axes.get_visible())
        first.set_ylabel(f"NME {normalizer} (%)")
        first.tick_params(labelleft=True)
    for column in grid.T:
        last = [axes for axes in column if axes.get_visible()][-1]
        last.set_xlabel("landmarks discarded (%)")
        last.tick_params(labelbottom=True)
    columns = 4 if len(models) > 1 else 2
    lines = {line.get_label(): line for axes in grid.flat for line in axes.get_lines()}
    names = [label for label, _, _ in _CURVES.values() if label in lines]
    figure.legend(
        [lines[name] for name in names],
        names,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
    )
    return figure


def _draw_panel(axes: Axes, panel: Panel) -> None:
    for name, curve in panel.curves.items():
        label, color, style = _CURVES[name]
        axes.plot(CURVE_PERCENTS, curve.numpy(), style, color=color, label=label, linewidth=1.8)
    seeds = f" ({panel.seeds} seeds)" if panel.seeds > 1 else ""
    axes.set_title(f"{panel.cell.dataset}, {panel.cell.model}{seeds}", fontsize=11)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
