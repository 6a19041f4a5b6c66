"""The curves of trainings."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

from landmark_lightning.plots.curves import model_color
from landmark_lightning.runs.history import PLOTTED, History

TENFOLD = 3.0
"""From this ratio of the largest to the smallest value on, the axis is logarithmic."""
MANY = 1000.0
"""Up to this ratio there is room for three numbers a power of ten."""


def plot_history(
    axes: Axes, histories: Sequence[History], column: str, models: Sequence[str]
) -> None:
    """One column of metrics.csv over the epochs, a line for each run, coloured by its model."""
    values = []
    for history in histories:
        epochs, of_run = history.points[column]
        values.append(of_run)
        color = model_color(history.cell.name, models)
        axes.plot(epochs, of_run, color=color, linewidth=1.1, alpha=0.85)
    every = np.concatenate(values)
    if every.min() > 0 and every.max() > TENFOLD * every.min() and column != "train/lr":
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        if every.max() < MANY * every.min():
            axes.set_yticks(_round(every.min(), every.max()))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel=PLOTTED[column])
    axes.set_xlim(left=0)


def _round(low: float, high: float) -> list[float]:
    """Round numbers of a logarithmic axis: 1, 2 and 5 times powers of ten, between two values."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [f * 10.0**p for p in powers for f in (1, 2, 5) if low <= f * 10.0**p <= high]
