"""Pictures of a dataset: histograms of its measures, and its scheme."""

import numpy as np
from matplotlib.figure import Figure

from landmark_lightning.inspection.measures import MEASURES, Inspection
from landmark_lightning.inspection.shapes import Shapes
from landmark_lightning.schemes import Scheme

MOST_BINS = 40
_COLORS = {"train": "#0072b2", "test": "#e69f00"}


def plot_distributions(found: Inspection, title: str) -> Figure:
    """A panel a measure: the share of each split's faces, train and test over each other.

    Args:
        found: What ``inspect_faces`` found.
        title: What stands above.
    """
    names = [name for name in MEASURES if all(name in m for m in found.measures.values())]
    fewest = min(len(measures["padding"]) for measures in found.measures.values())
    bins = min(max(8, round(fewest**0.5)), MOST_BINS)
    figure = Figure(figsize=(3.4 * len(names), 3.2), layout="constrained")
    figure.suptitle(title, parse_math=False)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        values = {
            split: measures[name][~np.isnan(measures[name])]
            for split, measures in found.measures.items()
            if not np.isnan(measures[name]).all()
        }
        if not values:
            continue
        low, high = min(v.min() for v in values.values()), max(v.max() for v in values.values())
        for split, of_split in values.items():
            axes.hist(
                of_split,
                bins=bins,
                range=(low, high if high > low else low + 1),
                weights=[100 / len(of_split)] * len(of_split),
                histtype="step",
                linewidth=1.6,
                color=_COLORS[split],
                label=f"{split}, {len(of_split):,} faces",
            )
        axes.set_xlabel(f"{name.replace('_', ' ')} ({MEASURES[name]})")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("faces (%)")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


SIDE = 7.0
"""Inches of the figure's longer side."""

_POINT, _PAIR = "#0072b2", "#e69f00"


def plot_scheme(scheme: Scheme, mean: Shapes) -> Figure:
    """Each landmark where it lies on the mean shape, and a line between mirror partners.

    Args:
        scheme: The landmark scheme.
        mean: (L,) shape, x + iy, y downwards.
    """
    wide, high = (max(float(np.ptp(part)), 1e-9) for part in (mean.real, mean.imag))
    larger = max(wide, high)
    # Names need room beside a narrow shape.
    size = [max(SIDE * extent / larger, SIDE / 2) for extent in (wide, high)]
    figure = Figure(figsize=(size[0], size[1]), layout="constrained")
    axes = figure.subplots()
    for i, j in scheme.pairs:
        axes.plot(mean.real[[i, j]], mean.imag[[i, j]], "-", color=_PAIR, linewidth=0.7)
    axes.plot(mean.real, mean.imag, "o", color=_POINT, markersize=4)
    for landmark, point in enumerate(mean):
        name = scheme.names[landmark] if scheme.names else ""
        axes.annotate(
            f"{landmark} {name}".rstrip(),
            (point.real, point.imag),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=8,
            parse_math=False,
        )
    pairs = len(scheme.pairs)
    message = f"{pairs} mirror pair{'' if pairs == 1 else 's'}" if pairs else "no mirror pairs"
    title = f"{scheme.name}: {scheme.landmarks} landmarks, {message}"
    axes.set_title(title, fontsize=11, parse_math=False)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    axes.invert_yaxis()
    axes.set_axis_off()
    return figure
