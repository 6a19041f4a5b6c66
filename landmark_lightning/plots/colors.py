"""The colours in which pictures show a predicted error, from pale to dark red."""

from functools import cache

import matplotlib
import numpy as np

Color = tuple[int, int, int]


def error_color(share: float) -> Color:
    """The colour of an error that is this share, 0 to 1, of the largest that is told apart."""
    colors = _colors()
    return colors[min(max(int(share * len(colors)), 0), len(colors) - 1)]


@cache
def _colors() -> list[Color]:
    """The colours in their order; matplotlib makes them anew whenever it is asked for one."""
    table = matplotlib.colormaps["YlOrRd"](np.arange(256), bytes=True)
    return [(int(red), int(green), int(blue)) for red, green, blue, _ in table]
