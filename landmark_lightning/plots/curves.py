"""The report's figures: small panels, and discard.png, which has all discard curves."""

import re
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from textwrap import wrap
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landmark_lightning.runs.curves import CED_SHARES, COVERAGES, CellCurves, Curves
from landmark_lightning.runs.figures import CURVE_PERCENTS
from landmark_lightning.runs.results import Cell, names_in_order

SCORES = {
    "random": ("at random", "#7f7f7f", ":"),
    "prior": ("static prior", "#e69f00", "--"),
    "signal": ("signal", "#0072b2", "-"),
    "oracle": ("oracle", "#009e73", "-."),
}
"""Label, colour and line of what landmarks or faces are discarded by."""

SHARES = {
    "discard": (CURVE_PERCENTS, "landmarks discarded (%)"),
    "pooled": (COVERAGES, "landmarks kept (%)"),
    "faces": (COVERAGES, "faces kept (%)"),
}
"""The x axis, and what it is called, of the curves that CellCurves has by each of ``SCORES``."""

ERROR_COLOR, SIGNAL_COLOR = "#d1495b", "#2a9d5c"
"""Figure 4's, as in the paper: the error red, the signal green."""

FACES_COLOR, DRAWS_COLOR = "#7f7f7f", "#0072b2"

MODEL_COLORS = {
    "non": "#7f7f7f", "nobb": "#e69f00", "bbo": "#56b4e9", "bb": "#009e73", "bbs": "#cc79a7",
    "validated": "#d55e00",
}  # fmt: skip
_OTHER_COLORS = (
    "#0072b2", "#a08a00", "#8a63d2", "#7a4a1f", "#17becf", "#c2185b", "#4b6b20",
)  # fmt: skip

PANEL = (3.4, 2.5)
"""Width and height of a panel in inches."""

LARGE = (4.6, 2.9)
"""The same of a panel that compares models, so that its lines can be told apart."""

NAMED = 30
"""A panel has room for the names of at most this many landmarks."""

_LONGEST = 18
_INK = "#1b1c1d"
_STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "landmark-lightning", "savefig.transparent": True,
    "text.color": _INK, "axes.edgecolor": _INK, "axes.labelcolor": _INK, "xtick.color": _INK,
    "ytick.color": _INK, "axes.spines.top": False, "axes.spines.right": False, "font.size": 9,
    "axes.grid": True, "grid.color": "#808080", "grid.alpha": 0.3, "lines.linewidth": 1.8,
    "text.parse_math": False,
}  # fmt: skip


def model_color(model: str, models: Sequence[str]) -> str:
    """The colour of a model, or of a cell by its name, among all that are plotted."""
    others = [name for name in models if name not in MODEL_COLORS]
    if model in MODEL_COLORS:
        return MODEL_COLORS[model]
    return _OTHER_COLORS[others.index(model) % len(_OTHER_COLORS)]


def panel(plot: Callable[..., None], *arguments: object, size: tuple[float, float] = PANEL) -> str:
    """One panel as SVG for a page, whose text colour and font it takes and whose width it fills.

    Args:
        plot: One of the functions below.
        arguments: Its arguments after the axes.
        size: Width and height in inches.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        plot(figure.subplots(), *arguments)
        output = StringIO()
        figure.savefig(output, format="svg", dpi=180, metadata={"Date": None})
    svg = output.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    for element in ("metadata", "style"):  # matplotlib's style would apply to the whole page
        svg = re.sub(rf"<{element}.*?</{element}>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    # A hundredth of a point is fine enough for a path.
    return re.sub(r' d="[^"]*"', lambda d: re.sub(r"(\.\d\d)\d+", r"\1", d[0]), svg)


def plot_figure4(axes: Axes, curves: CellCurves) -> None:
    """Errors ascending and the signal beside them, its mean as a line, Spearman's rho on it."""
    errors = curves.sorted_errors
    count = len(errors.error)
    share = np.linspace(0, 100, count)
    message = "no signal"
    if errors.signal is not None:
        message = f"Spearman {errors.spearman:.2f}"
        size, alpha = np.clip([100, 50] / np.sqrt(count), (1.0, 0.15), (3.0, 0.6))
        dots = {"color": SIGNAL_COLOR, "alpha": alpha, "markeredgewidth": 0, "rasterized": True}
        axes.plot(share, errors.signal, ".", markersize=size, **dots)
        parts = np.array_split(np.stack([share, errors.signal]), min(count, 50), axis=1)
        axes.plot(*np.stack([part.mean(axis=1) for part in parts], axis=1), color=SIGNAL_COLOR)
    axes.plot(share, errors.error, color=ERROR_COLOR, rasterized=True)
    axes.text(0.03, 0.97, message, transform=axes.transAxes, va="top")
    axes.set(xlabel="landmarks by error (%)", ylabel="min-max normalized", ylim=(0, 1.02))


def plot_scores(axes: Axes, curves: CellCurves, kind: str) -> None:
    """NME against the share discarded or kept; ``kind`` of curves is one of ``SHARES``."""
    x, xlabel = SHARES[kind]
    _plot_scores(axes, x, getattr(curves, kind))
    axes.set(xlabel=xlabel, ylabel=f"NME {curves.cell.normalizer} (%)")


def _plot_scores(axes: Axes, x: Sequence[int], curves: Curves) -> None:
    for name, (label, color, style) in SCORES.items():
        if name in curves:
            axes.plot(x, curves[name], style, color=color, label=label)


def plot_discards(axes: Axes, group: Sequence[CellCurves], models: Sequence[str]) -> None:
    """NME against the share discarded by the signal, a line for each model; thin by the prior."""
    for curves in group:
        color = model_color(curves.cell.name, models)
        axes.plot(CURVE_PERCENTS, curves.discard["prior"], "--", color=color, linewidth=0.9)
        if "signal" in curves.discard:
            axes.plot(CURVE_PERCENTS, curves.discard["signal"], color=color)
    axes.set(xlabel="landmarks discarded (%)", ylabel=f"NME {group[0].cell.normalizer} (%)")


def plot_ced(axes: Axes, group: Sequence[CellCurves], models: Sequence[str]) -> None:
    """The share of faces below each NME, a line for each model of a dataset."""
    for curves in group:
        color = model_color(curves.cell.name, models)
        axes.plot(curves.quantiles, CED_SHARES, color=color, label=curves.cell.name)
    # Beyond the worst twentieth of the worst model there is nothing but outliers.
    far = max(float(curves.quantiles[95]) for curves in group)
    if np.isfinite(far) and far > 0:
        axes.set_xlim(0, 1.05 * far)
    axes.set(xlabel=f"NME {group[0].cell.normalizer} (%)", ylabel="faces (%)", ylim=(0, 101))


def plot_calibration(axes: Axes, group: Sequence[CellCurves], models: Sequence[str]) -> None:
    """The true distance against the predicted one, a line for each model of a dataset."""
    with_signal = [curves for curves in group if curves.calibration]
    far = max(float(v.max()) for curves in with_signal for v in curves.calibration.values())
    axes.axline((0, 0), slope=1, color="#7f7f7f", linestyle=":")
    for curves in with_signal:
        color = model_color(curves.cell.name, models)
        signal, distance = curves.calibration["signal"], curves.calibration["distance"]
        axes.plot(signal, distance, ".-", color=color, label=curves.cell.name, markersize=5)
    axes.set(xlim=(0, 1.05 * far), ylim=(0, 1.05 * far))
    axes.set(xlabel="predicted distance (px)", ylabel="true distance (px)")


def plot_landmarks(axes: Axes, group: Sequence[CellCurves], models: Sequence[str]) -> None:
    """The error of each landmark, a line for each model of a dataset; names where they fit."""
    for curves in group:
        color = model_color(curves.cell.name, models)
        axes.plot(curves.by_landmark, ".-", color=color, linewidth=0.8, markersize=4)
    names = group[0].names
    if 0 < len(names) <= NAMED:
        short = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in names]
        axes.set_xticks(range(len(names)), short, rotation=90, fontsize=6)
    else:
        axes.set_xlabel("landmark")
    axes.set_ylim(bottom=0)
    axes.set(ylabel=f"NME {group[0].cell.normalizer} (%)")


def plot_shares(
    axes: Axes, names: Sequence[str], faces: Sequence[float], draws: Sequence[float]
) -> None:
    """The share of each subset among the training faces and among LPBB's draws."""
    y = np.arange(len(names))
    axes.barh(y - 0.2, faces, 0.38, color=FACES_COLOR, label="faces")
    axes.barh(y + 0.2, draws, 0.38, color=DRAWS_COLOR, label="draws")
    axes.set_yticks(y, names)
    axes.set_ylim(max(len(names), 4) - 0.5, -0.5)
    axes.set_axisbelow(True)
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="share (%)")


def plot_severities(
    axes: Axes,
    lines: Mapping[str, Sequence[tuple[int, float]]],
    colors: Mapping[str, str],
    kind: str,
    normalizer: str,
) -> None:
    """NME over the severity of a corruption, 0 being none: a line for each model."""
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), ".-", color=colors[name], label=name)
    axes.set(xlabel=f"severity of {kind}", ylabel=f"NME {normalizer} (%)")
    axes.set_ylim(bottom=0)


def plot_rise(
    axes: Axes, points: Mapping[str, Sequence[tuple[float, float]]], colors: Mapping[str, str]
) -> None:
    """Mean signal against mean error of conditions, as multiples of clean faces'."""
    axes.axline((1, 1), slope=1, color="#7f7f7f", linestyle=":")
    for name, each in points.items():
        axes.plot(*zip(*each, strict=True), ".", color=colors[name], label=name, markersize=7)
    axes.set(xlabel="mean error, times clean", ylabel="mean signal, times clean")
    axes.set_ylim(bottom=0)


def plot_discard_curves(curves: Sequence[CellCurves]) -> Figure:
    """All discard curves as one picture: a row a dataset, a column a model or variant of it.

    Without curves (no run has test faces) the picture says that there are none.
    """
    if not curves:
        figure = Figure(figsize=PANEL)
        figure.text(0.5, 0.5, "no test faces, so no curves", ha="center", va="center")
        return figure
    rows = list(dict.fromkeys(_dataset(each.cell) for each in curves))
    models = names_in_order(each.cell for each in curves)
    figure = Figure(figsize=(1.2 + 3.1 * len(models), 1.1 + 2.7 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(models), sharex=True, sharey="row", squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for each in curves:
        cell = each.cell
        axes = grid[rows.index(_dataset(cell)), models.index(cell.name)]
        axes.set_visible(True)
        _plot_scores(axes, CURVE_PERCENTS, each.discard)
        seeds = f" ({each.seeds} seeds)" if each.seeds > 1 else ""
        lines = [f"{cell.dataset}, {cell.model}{seeds}", *wrap(cell.variant, 42)]
        axes.set_title("\n".join(lines), fontsize=11, parse_math=False)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for row, (_, normalizer) in enumerate(rows):
        first = next(axes for axes in grid[row] if axes.get_visible())
        first.set_ylabel(f"NME {normalizer} (%)", parse_math=False)
        first.tick_params(labelleft=True)
    for column in grid.T:
        last = [axes for axes in column if axes.get_visible()][-1]
        last.set_xlabel("landmarks discarded (%)")
        last.tick_params(labelbottom=True)
    plotted = {line.get_label(): line for axes in grid.flat for line in axes.get_lines()}
    names = [label for label, _, _ in SCORES.values() if label in plotted]
    handles, columns = [plotted[name] for name in names], 4 if len(models) > 1 else 2
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False)
    return figure


def _dataset(cell: Cell) -> tuple[str, str]:
    return cell.dataset, cell.normalizer
