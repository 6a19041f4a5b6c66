"""The figures of the page: a panel for each cell or for each dataset, with its legend."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from numpy.typing import NDArray
from tqdm import tqdm

from landmark_lightning.plots import curves as plots
from landmark_lightning.plots.curves import LARGE, SCORES, model_color, panel
from landmark_lightning.plots.history import plot_history
from landmark_lightning.report.balancing import BalancingEffect
from landmark_lightning.report.columns import by_dataset
from landmark_lightning.report.formats import identifier
from landmark_lightning.runs.curves import COVERAGES, CellCurves, Curves
from landmark_lightning.runs.figures import CURVE_PERCENTS
from landmark_lightning.runs.history import PLOTTED, History
from landmark_lightning.runs.results import Cell, names_in_order

SCORED = {
    "discard": ("discard", "NME with 30% discarded", CURVE_PERCENTS.index(30)),
    "pooled": ("coverage-pooled", "NME with 70% of the landmarks kept", COVERAGES.index(70)),
    "faces": ("coverage-faces", "NME with 70% of the faces kept", COVERAGES.index(70)),
}
"""Name of the panels for each kind of ``SHARES``, and which value of the curves tells of them."""


@dataclass(frozen=True)
class Panel:
    """One panel of a figure.

    Attributes:
        name: Short and unique on the page, such as ``figure4-300w-bb``.
        caption: The text below it.
        alt: What it shows, in words, for readers who can't see it.
        svg: The picture.
    """

    name: str
    caption: str
    alt: str
    svg: str

    @property
    def markup(self) -> Markup:
        """The picture with ``alt`` in it, its ids unique among the panels of the page."""
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{identifier(self.name)}-", self.svg)
        opening = Markup('<svg role="img" aria-label="{}" ').format(self.alt)
        return Markup(svg.replace("<svg ", opening, 1))


@dataclass(frozen=True)
class Panels:
    """The panels of one figure.

    Attributes:
        legend: Label, colour and line style of each kind of line.
        rows: The panels; those of a row stand side by side.
        large: Whether they are shown large.
    """

    legend: Sequence[tuple[str, str, str]]
    rows: Sequence[Sequence[Panel]]
    large: bool = False


def plot_figures(
    curves: Sequence[CellCurves],
    effects: Sequence[BalancingEffect],
    histories: Sequence[History] = (),
) -> dict[str, Panels]:
    """All figures of the page, by name; one that has nothing to show has no rows."""
    of_curves = {
        "discards": discards_panels,
        "figure4": figure4_panels, **{kind: partial(score_panels, kind=kind) for kind in SCORED},
        "ced": ced_panels, "landmarks": landmark_panels, "calibration": calibration_panels,
    }  # fmt: skip
    bar = tqdm(of_curves.items(), desc="plotting", unit="figure", leave=False)
    plotted = {name: plot(curves) for name, plot in bar}
    history, histories_ = history_panels(histories)
    return plotted | {
        "shares": share_panels(effects),
        "history": history,
        "histories": histories_,
    }


def _called(cell: Cell) -> str:
    return f"{cell.dataset}, {cell.name}"


def _with_seeds(curves: CellCurves) -> str:
    return _called(curves.cell) + (f", mean of {curves.seeds} seeds" if curves.seeds > 1 else "")


def _cell_panels(
    curves: Iterable[CellCurves],
    kind: str,
    legend: Iterable[tuple[str, str, str]],
    describe: Callable[[CellCurves], str],
    plot: Callable[[Axes, CellCurves], None],
    caption: Callable[[CellCurves], str] = _with_seeds,
    values: Callable[[CellCurves], Curves] | None = None,
) -> Panels:
    """A panel for each cell, a row or more for each dataset.

    Where ``values`` gives curves, the panels of a dataset share their y axis, which begins and
    ends with the curves.
    """

    def plot_limited(axes: Axes, each: CellCurves, limits: tuple[float, float] | None) -> None:
        plot(axes, each)
        if limits is not None:
            axes.set_ylim(*limits)

    rows = []
    for group in by_dataset(curves).values():
        shown = [c for each in group if values for c in values(each).values()]
        limits, row = _limits(shown), []
        for each in group:
            cell = each.cell
            name = "-".join((kind, cell.dataset, cell.normalizer, cell.name))
            svg = panel(plot_limited, each, limits)
            row.append(Panel(name, caption(each), f"{_called(cell)}: {describe(each)}", svg))
        rows.append(row)
    return Panels([*legend], rows)


def _limits(curves: Sequence[NDArray[np.float64]]) -> tuple[float, float] | None:
    """Where an axis begins and ends that shows curves, a twentieth apart from them; None: free."""
    if not curves:
        return None
    low, high = (float(f(np.concatenate(curves))) for f in (np.min, np.max))
    margin = 0.05 * (high - low)
    return (low - margin, high + margin) if 0 < margin < math.inf else None


def score_panels(curves: Sequence[CellCurves], kind: str) -> Panels:
    """Curves of each cell by each of ``SCORES``: ``kind`` is one of ``SCORED``."""
    name, what, place = SCORED[kind]
    values: Callable[[CellCurves], Curves] = attrgetter(kind)

    def describe(each: CellCurves) -> str:
        known = ((label, values(each).get(name)) for name, (label, _, _) in SCORES.items())
        return f"{what}: " + ", ".join(f"{k} {v[place]:.2f}" for k, v in known if v is not None)

    plot = partial(plots.plot_scores, kind=kind)
    return _cell_panels(curves, name, SCORES.values(), describe, plot, values=values)


def figure4_panels(curves: Sequence[CellCurves]) -> Panels:
    """Figure 4 of each cell."""

    def describe(each: CellCurves) -> str:
        errors = each.sorted_errors
        if errors.signal is None:
            return "errors ascending; no signal"
        return f"errors ascending and the signal beside them, Spearman {errors.spearman:.2f}"

    def caption(each: CellCurves) -> str:
        return f"{_called(each.cell)}, seed {each.sorted_errors.seed}"

    legend = [
        ("error", plots.ERROR_COLOR, "-"),
        ("signal, and its mean as a line", plots.SIGNAL_COLOR, ":"),
    ]
    return _cell_panels(curves, "figure4", legend, describe, plots.plot_figure4, caption)


def _dataset_panels(
    curves: Iterable[CellCurves],
    kind: str,
    describe: Callable[[CellCurves], str],
    plot: Callable[[Axes, Sequence[CellCurves], Sequence[str]], None],
) -> Panels:
    """A large panel for each dataset, a line in it for each model."""
    groups = by_dataset(curves)
    models = names_in_order(each.cell for group in groups.values() for each in group)
    row = [
        Panel(
            name=f"{kind}-{dataset}-{normalizer}",
            caption=f"{dataset}, {normalizer}",
            alt=f"{dataset}: {'; '.join(f'{each.cell.name} {describe(each)}' for each in group)}",
            svg=panel(plot, group, models, size=LARGE),
        )
        for (dataset, normalizer), group in groups.items()
    ]
    legend = [(model, model_color(model, models), "-") for model in models]
    return Panels(legend, [row] if row else [], large=True)


def discards_panels(curves: Sequence[CellCurves]) -> Panels:
    """Discard curves of each dataset, the models in one panel."""

    def describe(each: CellCurves) -> str:
        by = "signal" if "signal" in each.discard else "prior"
        return f"{each.discard[by][CURVE_PERCENTS.index(30)]:.2f} with 30% discarded by its {by}"

    made = _dataset_panels(curves, "discards", describe, plots.plot_discards)
    legend = [*made.legend, ("thin: by the static prior", plots.FACES_COLOR, "--")]
    return Panels(legend, made.rows, large=True)


def history_panels(histories: Sequence[History]) -> tuple[Panels, Panels]:
    """The trainings of each dataset: validation NME and loss, then whatever else is known."""
    groups = by_dataset(histories)
    models = names_in_order(each.cell for each in histories)
    legend = [(model, model_color(model, models), "-") for model in models]
    first: list[Panel] = []
    more: list[Panel] = []
    for (dataset, normalizer), group in groups.items():
        for column, what in PLOTTED.items():
            having = [each for each in group if column in each.points]
            if not having:
                continue
            ends = (f"{e.cell.name} seed {e.seed} {e.points[column][1][-1]:.3g}" for e in having)
            name = f"history-{column}-{dataset}-{normalizer}"
            svg = panel(plot_history, having, column, models, size=LARGE)
            alt = f"{dataset}, {what} over the epochs; at the end {', '.join(ends)}"
            made = Panel(name, f"{dataset}: {what}", alt, svg)
            (first if column in ("val/nme", "train/loss") else more).append(made)
    main, rest = (Panels(legend, [row] if row else [], large=True) for row in (first, more))
    return main, rest


def ced_panels(curves: Sequence[CellCurves]) -> Panels:
    """Cumulative error distributions of each dataset."""

    def describe(each: CellCurves) -> str:
        return f"half of the faces below an NME of {each.quantiles[50]:.2f}"

    return _dataset_panels(curves, "ced", describe, plots.plot_ced)


def landmark_panels(curves: Sequence[CellCurves]) -> Panels:
    """The error of each landmark of each dataset."""

    def describe(each: CellCurves) -> str:
        worst = int(np.nan_to_num(each.by_landmark, nan=-1).argmax())
        name = f" ({each.names[worst]})" if each.names else ""
        return f"is worst at landmark {worst}{name}, {each.by_landmark[worst]:.2f}"

    return _dataset_panels(curves, "landmarks", describe, plots.plot_landmarks)


def calibration_panels(curves: Sequence[CellCurves]) -> Panels:
    """Calibration of the signal of each dataset."""

    def describe(each: CellCurves) -> str:
        signal, distance = (each.calibration[name][-1] for name in ("signal", "distance"))
        return f"promises {signal:.1f} px where it is {distance:.1f} px"

    with_signal = [each for each in curves if each.calibration]
    return _dataset_panels(with_signal, "calibration", describe, plots.plot_calibration)


def share_panels(effects: Sequence[BalancingEffect]) -> Panels:
    """Share of each subset among training faces and draws, of each cell that LPBB balanced."""
    row = []
    for effect in (effect for effect in effects if effect.subsets):
        cell, faces, draws = effect.cell, effect.shares("faces"), effect.shares("draws")
        alt = "; ".join(
            f"{name}: {share:.1f}% of the faces, {drawn:.1f}% of the draws"
            for name, share, drawn in zip(effect.subsets, faces, draws, strict=True)
        )
        svg = panel(plots.plot_shares, effect.subsets, faces, draws)
        name = f"balancing-{cell.dataset}-{cell.normalizer}-{cell.name}"
        row.append(Panel(name, _called(cell), alt, svg))
    legend = [("training faces", plots.FACES_COLOR, "-"), ("draws", plots.DRAWS_COLOR, "-")]
    return Panels(legend, [row] if row else [])
