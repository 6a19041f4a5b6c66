"""distributions.png: histograms of what ``inspecting`` measures."""

import numpy as np
from matplotlib.figure import Figure

from landmark_lightning.data.inspecting import MEASURES, Inspection

MOST_BINS = 40
_COLORS = {"train": "#0072b2", "test": "#e69f00"}


def draw_distributions(found: Inspection, title: str) -> Figure:
    """A panel a measure: the share of each split's faces, train and test over each other.

    Args:
        found: What ``inspect_faces`` found.
        title: What stands above.
    """
    names = [name for name in MEASURES if all(name in m for m in found.measures.values())]
    fewest = min(len(measures["padding"]) for measures in found.measures.values())
    bins = min(max(8, round(fewest**0.5)), MOST_BINS)
    figure = Figure(figsize=(3.4 * len(names), 3.2), layout="constrained")
    figure.suptitle(title)
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
