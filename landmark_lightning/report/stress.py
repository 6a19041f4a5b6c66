"""The stress tests of runs: a table of what each condition does, and curves over its severity.

A run has them where landmark-evaluate was asked for covers, blur, noise or dark on its own faces
(``evaluations``).
"""

from collections.abc import Sequence

from landmark_lightning.plots.curves import model_color, panel, plot_rise, plot_severities
from landmark_lightning.report.columns import NME, by_dataset
from landmark_lightning.report.panels import Panel, Panels
from landmark_lightning.report.table import Entry, Table, called
from landmark_lightning.runs.results import Cell, names_in_order

CLEAN = "clean"

COLUMNS = (
    ("faces", ("faces",), 0),
    ("share covered", ("covered",), 2),
    (f"{NME} (%)", ("nme",), 2),
    (f"{NME}, covered", ("nme_covered",), 2),
    ("the covered, clean", ("clean", "nme_covered"), 2),
    (f"{NME}, uncovered", ("nme_uncovered",), 2),
    ("the uncovered, clean", ("clean", "nme_uncovered"), 2),
    (f"{NME}, discard 30%", ("discard", "30"), 2),
    (f"{NME}, static prior 30%", ("discard_prior", "30"), 2),
    ("closed, within faces", ("closed", "within"), 2),
    ("AUROC of covered, signal over prior", ("auroc", "signal_over_prior"), 2),
    ("AUROC of covered, coverage", ("auroc", "coverage"), 2),
    ("mean error, times clean", ("rise", "error"), 2),
    ("mean signal, times clean", ("rise", "signal"), 2),
)
"""Columns of the table: heading, where the figure stands in a condition's, digits."""


def conditions(cell: Cell) -> list[str]:
    """Names of the conditions that every run of a cell was tested under."""
    known = [run.names("stress", "conditions") for run in cell.runs]
    return [name for name in known[0] if all(name in others for others in known)]


def _entry(cell: Cell, condition: str, keys: Sequence[str], digits: int = 2) -> Entry:
    return Entry(cell.figures("stress", "conditions", condition, *keys), digits=digits)


def stress_tables(cells: Sequence[Cell]) -> list[Table]:
    """A table of one dataset's cells, a row for each condition; none where none was tested."""
    rows: list[list[str | Entry]] = [
        [
            cell.name,
            condition,
            *(_entry(cell, condition, keys, digits) for _, keys, digits in COLUMNS),
        ]
        for cell in cells
        for condition in conditions(cell)
    ]
    dataset, normalizer = cells[0].dataset, cells[0].normalizer
    headings = ["model", "condition", *(h.format(normalizer=normalizer) for h, _, _ in COLUMNS)]
    name, title = f"stress-{dataset}-{normalizer}", f"{called(cells)}: stress test"
    return [Table(name, title, headings, rows, labels=2, folded=True)] if rows else []


def stress_panels(cells: Sequence[Cell]) -> Panels:
    """NME over severity, and how the signal rises with the error: a row for each dataset."""
    tested = [cell for cell in cells if conditions(cell)]
    models = names_in_order(tested)
    rows = []
    for (dataset, normalizer), group in by_dataset(tested).items():
        kinds = dict.fromkeys(
            name.split()[0] for cell in group for name in conditions(cell) if " " in name
        )
        row = [_severities(kind, group, models) for kind in kinds]
        if rise := _rises(group):
            alt = "; ".join(
                f"{name}: error up to {max(e for e, _ in points):.1f} times that of clean faces, "
                f"signal up to {max(s for _, s in points):.1f} times"
                for name, points in rise.items()
            )
            colors = {name: model_color(name, models) for name in rise}
            svg = panel(plot_rise, rise, colors)
            title = f"{dataset}, {normalizer}: signal and error, all conditions"
            row.append(
                Panel(f"stress-rise-{dataset}-{normalizer}", title, f"{dataset}: {alt}", svg)
            )
        if row:
            rows.append(row)
    return Panels([(model, model_color(model, models), "-") for model in models], rows)


def _severities(kind: str, group: Sequence[Cell], models: Sequence[str]) -> Panel:
    """NME of a dataset's cells under one kind of corruption."""
    dataset, normalizer = group[0].dataset, group[0].normalizer
    lines: dict[str, list[tuple[int, float]]] = {}
    for cell in group:
        names = [name for name in conditions(cell) if name.startswith(f"{kind} ")]
        for name in [CLEAN, *names] if names else []:
            if (nme := _entry(cell, name, ("nme",)).mean) is not None:
                severity = 0 if name == CLEAN else int(name.split()[1])
                lines.setdefault(cell.name, []).append((severity, nme))
    lines = {name: sorted(points) for name, points in lines.items()}
    alt = "; ".join(f"{name} from {p[0][1]:.2f} to {p[-1][1]:.2f}" for name, p in lines.items())
    colors = {name: model_color(name, models) for name in lines}
    return Panel(
        f"stress-{kind}-{dataset}-{normalizer}",
        f"{dataset}, {normalizer}: {kind}",
        f"{dataset}, NME by severity of {kind}: {alt}",
        panel(plot_severities, lines, colors, kind, normalizer),
    )


def _rises(group: Sequence[Cell]) -> dict[str, list[tuple[float, float]]]:
    """Mean error and mean signal of each condition, as multiples of those of clean faces."""
    rises: dict[str, list[tuple[float, float]]] = {}
    for cell in group:
        for name in conditions(cell):
            error, signal = (_entry(cell, name, ("rise", k)).mean for k in ("error", "signal"))
            if error is not None and signal is not None:
                rises.setdefault(cell.name, []).append((error, signal))
    return rises
