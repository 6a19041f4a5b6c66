"""A photo with its landmarks in the colour of their predicted error, discarded ones hollow."""

import math
from functools import cache

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Numbers = NDArray[np.float64]

LONGEST = 1600
"""Pixels of the longer side that a photo is shrunk to."""

SHORTEST = 480
"""Pixels of the longer side that a small photo is enlarged to."""

PAPER, INK, SHADE, REJECTED = (255, 255, 255), (20, 20, 20), (0, 0, 0), (150, 150, 150)
BAR, FONT = 22, 14
SMOOTH = 2
COLORS = "YlOrRd"


def overlay(
    grays: NDArray[np.uint8],
    points: Numbers,
    predicted_error: Numbers,
    kept: NDArray[np.bool_],
    box: Numbers,
    rejected: NDArray[np.bool_],
    top: float | None = None,
    covered: Numbers | None = None,
) -> Image.Image:
    """Plots the faces of a photo, with a bar of the colours below.

    The colours go from 0 to ``top``, of which the bar tells the photo pixels.

    Args:
        grays: (H, W) the photo.
        points: (F, L, 2) landmarks in its pixels.
        predicted_error: (F, L) in its pixels.
        kept: (F, L) whether a landmark is kept; others are hollow.
        box: (F, 4) the faces' boxes.
        rejected: (F,) whether a face is called none; it is plotted in gray.
        top: The predicted error of the last colour, photo pixels; None: ``color_top`` of these.
        covered: (F, L) probability that something covers a landmark, which from a half on is a
            square instead of a disc; None or NaN: it is not known.
    """
    longest = max(grays.shape)
    scale = SMOOTH * min(max(1.0, SHORTEST / longest), LONGEST / longest)
    height, width = (max(1, round(length * scale)) for length in grays.shape)
    photo = Image.fromarray(grays).resize((width, height), Image.Resampling.BICUBIC)
    photo = photo.convert("RGB")
    canvas = ImageDraw.Draw(photo)
    top = color_top(predicted_error[~rejected]) if top is None else top
    for f in range(len(points)):
        places = (points[f] + 0.5) * scale - 0.5
        side = (box[f, 2] - box[f, 0]) * scale
        radius = float(np.clip(side / 70, 2.5 * SMOOTH, 7.0 * SMOOTH))
        edge = [float(v) for v in (box[f] + 0.5) * scale - 0.5]
        canvas.rectangle(edge, outline=REJECTED, width=SMOOTH)
        square = np.zeros_like(kept[f]) if covered is None else covered[f] > 0.5
        for (x, y), error, keep, is_square in zip(
            places.tolist(), predicted_error[f], kept[f], square, strict=True
        ):
            color = REJECTED if rejected[f] else color_of(float(error) / top)
            spot = (x - radius, y - radius, x + radius, y + radius)
            shape = canvas.rectangle if is_square else canvas.ellipse
            if keep and not rejected[f]:
                shape(spot, fill=color, outline=SHADE)
            else:
                shape(spot, outline=color, width=SMOOTH)
    return _with_bar(
        photo.reduce(SMOOTH), top, covered is not None and bool(np.isfinite(covered).any())
    )


def color_top(predicted_error: Numbers) -> float:
    """The predicted error of the last colour: what 98% of those given keep, a pixel at least."""
    known = predicted_error[np.isfinite(predicted_error)]
    return max(float(np.quantile(known, 0.98)), 1.0) if known.size else 1.0


def color_of(share: float) -> tuple[int, int, int]:
    """The colour of a share, 0 to 1, of the largest predicted error; gray for NaN."""
    if math.isnan(share):
        return REJECTED
    colors = _colors()
    return colors[min(int(min(max(share, 0.0), 1.0) * len(colors)), len(colors) - 1)]


@cache
def _colors() -> list[tuple[int, int, int]]:
    """The colours in their order; matplotlib makes them anew whenever it is asked for one."""
    table = matplotlib.colormaps[COLORS](np.arange(256), bytes=True)
    return [(int(red), int(green), int(blue)) for red, green, blue, _ in table]


def _with_bar(photo: Image.Image, top: float, covers: bool) -> Image.Image:
    """The photo above a bar of the colours and what they mean."""
    font = ImageFont.load_default(FONT)
    whole = Image.new("RGB", (max(photo.width, 430 + 110 * covers), photo.height + BAR), PAPER)
    whole.paste(photo, (0, 0))
    canvas, middle = ImageDraw.Draw(whole), photo.height + BAR / 2
    canvas.text((4, middle), "predicted error 0", fill=INK, font=font, anchor="lm")
    start = 122
    for step in range(100):
        canvas.line(
            (start + step, photo.height + 4, start + step, photo.height + BAR - 5),
            fill=color_of(step / 99),
        )
    text = f"{top:.1f} px   hollow: discarded" + "   square: covered" * covers
    canvas.text((start + 106, middle), text, fill=INK, font=font, anchor="lm")
    return whole
