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
from tqdm import tqdm

from landmark_lightning.plots import curves as plots
from landmark_lightning.plots.curves import SCORES, model_color, panel
from landmark_lightning.report.balancing import BalancingEffect
from landmark_lightning.report.columns import by_dataset
from landmark_lightning.report.formats import identifier
from landmark_lightning.runs.curves import COVERAGES, CellCurves, Curves
from landmark_lightning.runs.figures import CURVE_PERCENTS
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
    """

    legend: Sequence[tuple[str, str, str]]
    rows: Sequence[Sequence[Panel]]


def plot_figures(
    curves: Sequence[CellCurves], effects: Sequence[BalancingEffect]
) -> dict[str, Panels]:
    """All figures of the page, by name; one that has nothing to show has no rows."""
    of_curves = {
        "figure4": figure4_panels, **{kind: partial(score_panels, kind=kind) for kind in SCORED},
        "ced": ced_panels, "landmarks": landmark_panels, "calibration": calibration_panels,
    }  # fmt: skip
    bar = tqdm(of_curves.items(), desc="plotting", unit="figure", leave=False)
    return {name: plot(curves) for name, plot in bar} | {"shares": share_panels(effects)}


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

    Where ``values`` gives curves, the panels of a dataset share their y axis.
    """

    def plot_limited(axes: Axes, each: CellCurves, highest: float) -> None:
        plot(axes, each)
        if 0 < highest < math.inf:
            axes.set_ylim(0, 1.05 * highest)

    rows = []
    for group in by_dataset(curves).values():
        tops = [float(c.max()) for each in group if values for c in values(each).values()]
        highest, row = max((0.0, *tops)), []
        for each in group:
            cell = each.cell
            name = "-".join((kind, cell.dataset, cell.normalizer, cell.name))
            svg = panel(plot_limited, each, highest)
            row.append(Panel(name, caption(each), f"{_called(cell)}: {describe(each)}", svg))
        rows.append(row)
    return Panels([*legend], rows)


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
    """A panel for each dataset, a line in it for each model."""
    groups = by_dataset(curves)
    models = names_in_order(each.cell for group in groups.values() for each in group)
    row = [
        Panel(
            name=f"{kind}-{dataset}-{normalizer}",
            caption=f"{dataset}, {normalizer}",
            alt=f"{dataset}: {'; '.join(f'{each.cell.name} {describe(each)}' for each in group)}",
            svg=panel(plot, group, models),
        )
        for (dataset, normalizer), group in groups.items()
    ]
    legend = [(model, model_color(model, models), "-") for model in models]
    return Panels(legend, [row] if row else [])


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
