"""landmarks.png: the landmarks of a scheme with their numbers and names, on the mean shape."""

import numpy as np
from matplotlib.figure import Figure

from landmark_lightning.data.shapes import Shapes
from landmark_lightning.schemes import Scheme

SIDE = 7.0
"""Inches of the figure's longer side."""

_POINT, _PAIR = "#0072b2", "#e69f00"


def draw_scheme(scheme: Scheme, mean: Shapes) -> Figure:
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
    told = f"{pairs} mirror pair{'' if pairs == 1 else 's'}" if pairs else "no mirror pairs"
    title = f"{scheme.name}: {scheme.landmarks} landmarks, {told}"
    axes.set_title(title, fontsize=11, parse_math=False)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.12)
    axes.invert_yaxis()
    axes.set_axis_off()
    return figure
