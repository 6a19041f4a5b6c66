"""The figures of the page: a panel for each cell or for each dataset, with its legend."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes

from landmark_lightning.plots import curves as plots
from landmark_lightning.plots.curves import SCORES, model_color, panel
from landmark_lightning.report.balancing import BalancingEffect
from landmark_lightning.report.markup import Panel, legend, panels_html
from landmark_lightning.runs.curves import COVERAGES, CellCurves, Curves
from landmark_lightning.runs.figures import CURVE_PERCENTS
from landmark_lightning.runs.results import Cell, names_in_order


def cell_name(cell: Cell) -> str:
    """Dataset, model and, where there are several, variant of a cell."""
    return f"{cell.dataset}, {cell.name}"


def _cell_panels(
    curves: Iterable[CellCurves],
    kind: str,
    told: Callable[[CellCurves], str],
    draw: Callable[[Axes, CellCurves], None],
    caption: Callable[[CellCurves], str],
    values: Callable[[CellCurves], Curves] | None = None,
) -> str:
    """A panel for each cell, a row or more for each dataset.

    Where ``values`` gives curves, the panels of a dataset share their y axis.
    """
    curves = list(curves)
    highest: dict[tuple[str, str], float] = {}
    for each in curves if values else ():
        assert values is not None
        top = max(float(curve.max()) for curve in values(each).values())
        of_dataset = each.cell.dataset, each.cell.normalizer
        highest[of_dataset] = max(highest.get(of_dataset, 0.0), top)
    rows: dict[tuple[str, str], list[Panel]] = {}
    for each in curves:
        cell = each.cell
        limit = highest.get((cell.dataset, cell.normalizer), 0.0)

        def drawn(axes: Axes, each: CellCurves = each, limit: float = limit) -> None:
            draw(axes, each)
            if 0 < limit < math.inf:
                axes.set_ylim(0, 1.05 * limit)

        made = Panel(
            name="-".join((kind, cell.dataset, cell.normalizer, cell.name)),
            caption=caption(each),
            alt=f"{cell_name(cell)}: {told(each)}",
            svg=panel(drawn),
        )
        rows.setdefault((cell.dataset, cell.normalizer), []).append(made)
    return "\n".join(map(panels_html, rows.values()))


def _with_seeds(curves: CellCurves) -> str:
    return cell_name(curves.cell) + (f", mean of {curves.seeds} seeds" if curves.seeds > 1 else "")


def _of_figure4(curves: CellCurves) -> str:
    errors = curves.sorted_errors
    if errors.signal is None:
        return "errors ascending; no signal"
    return f"errors ascending and the signal beside them, Spearman {errors.spearman:.2f}"


def _of_calibration(curves: CellCurves) -> str:
    highest = {name: values[-1] for name, values in curves.calibration.items()}
    return f"promises {highest['signal']:.1f} px where it is {highest['distance']:.1f} px"


def _at(x: Sequence[int], place: int, values: Curves) -> str:
    """What curves say at one place, in words."""
    return ", ".join(
        f"{label} {values[name][x.index(place)]:.2f}"
        for name, (label, _, _) in SCORES.items()
        if name in values
    )


def figure4_panels(curves: Sequence[CellCurves]) -> str:
    """Figure 4 of each cell."""
    key = legend(
        [
            ("error", plots.ERROR_COLOR, "-"),
            ("signal, and its mean as a line", plots.SIGNAL_COLOR, ":"),
        ]
    )
    made = _cell_panels(
        curves,
        "figure4",
        _of_figure4,
        plots.plot_figure4,
        lambda each: f"{cell_name(each.cell)}, seed {each.sorted_errors.seed}",
    )
    return key + made if made else ""


def discard_panels(curves: Sequence[CellCurves]) -> str:
    """Discard curves of each cell."""
    made = _cell_panels(
        curves,
        "discard",
        lambda each: f"NME with 30% discarded: {_at(CURVE_PERCENTS, 30, each.discard)}",
        plots.plot_discard,
        _with_seeds,
        lambda each: each.discard,
    )
    return legend(SCORES.values()) + made if made else ""


def coverage_panels(curves: Sequence[CellCurves]) -> str:
    """Risk-coverage curves of each cell, of landmarks and of faces."""
    pooled = _cell_panels(
        curves,
        "coverage-pooled",
        lambda each: f"NME with 70% of the landmarks kept: {_at(COVERAGES, 70, each.pooled)}",
        plots.plot_pooled,
        _with_seeds,
        lambda each: each.pooled,
    )
    faces = _cell_panels(
        curves,
        "coverage-faces",
        lambda each: f"NME with 70% of the faces kept: {_at(COVERAGES, 70, each.faces)}",
        plots.plot_faces,
        _with_seeds,
        lambda each: each.faces,
    )
    made = [
        f"<h3>All landmarks of the test set, pooled</h3>\n{pooled}",
        f"<h3>Whole faces, by their mean signal</h3>\n{faces}",
    ]
    return legend(SCORES.values()) + "\n".join(made) if curves else ""


def _dataset_panels(
    curves: Iterable[CellCurves],
    kind: str,
    told: Callable[[CellCurves], str],
    draw: Callable[[Axes, Sequence[CellCurves], Sequence[str]], None],
) -> str:
    """A panel for each dataset, a line in it for each model."""
    groups: dict[tuple[str, str], list[CellCurves]] = {}
    for each in curves:
        groups.setdefault((each.cell.dataset, each.cell.normalizer), []).append(each)
    models = names_in_order(each.cell for group in groups.values() for each in group)
    made = [
        Panel(
            name=f"{kind}-{dataset}-{normalizer}",
            caption=f"{dataset}, {normalizer}",
            alt=f"{dataset}: {'; '.join(f'{each.cell.name} {told(each)}' for each in group)}",
            svg=panel(draw, group, models),
        )
        for (dataset, normalizer), group in groups.items()
    ]
    key = legend([(model, model_color(model, models), "-") for model in models])
    return key + panels_html(made) if made else ""


def ced_panels(curves: Sequence[CellCurves]) -> str:
    """Cumulative error distributions of each dataset."""
    return _dataset_panels(
        curves,
        "ced",
        lambda each: f"half of the faces below an NME of {each.quantiles[50]:.2f}",
        plots.plot_ced,
    )


def _hardest(curves: CellCurves) -> str:
    landmark = int(np.nan_to_num(curves.by_landmark, nan=-1).argmax())
    name = f" ({curves.names[landmark]})" if curves.names else ""
    return f"is worst at landmark {landmark}{name}, {curves.by_landmark[landmark]:.2f}"


def landmark_panels(curves: Sequence[CellCurves]) -> str:
    """The error of each landmark of each dataset."""
    return _dataset_panels(curves, "landmarks", _hardest, plots.plot_landmarks)


def calibration_panels(curves: Sequence[CellCurves]) -> str:
    """Calibration of the signal of each dataset."""
    with_signal = [each for each in curves if each.calibration]
    return _dataset_panels(
        with_signal,
        "calibration",
        _of_calibration,
        plots.plot_calibration,
    )


def share_panels(effects: Sequence[BalancingEffect]) -> str:
    """Share of each subset among training faces and draws, of each cell that LPBB balanced."""
    made = []
    for effect in (effect for effect in effects if effect.subsets):
        cell, faces, draws = effect.cell, effect.shares("faces"), effect.shares("draws")
        told = "; ".join(
            f"{name}: {share:.1f}% of the faces, {drawn:.1f}% of the draws"
            for name, share, drawn in zip(effect.subsets, faces, draws, strict=True)
        )
        svg = panel(plots.plot_shares, effect.subsets, faces, draws)
        name = f"balancing-{cell.dataset}-{cell.normalizer}-{cell.name}"
        made.append(Panel(name, cell_name(cell), told, svg))
    colors = (("training faces", plots.FACES_COLOR), ("draws", plots.DRAWS_COLOR))
    key = legend([(label, color, "-") for label, color in colors])
    return key + panels_html(made) if made else ""
