"""Sheets of faces: the annotated points, or predicted beside true points coloured by the signal.

Coordinates are pixels of the image that they are plotted on, pixel centres at whole numbers.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from landmark_lightning.plots.overlays import INK, PAPER, SHADE, color_of

SHEET_SIDE = 192
"""Side in pixels that a face of a contact sheet has at least, where no scale is given."""

PREDICTED_SIDE = 288
"""The same of a face with predicted points, which needs more room."""

GAP = 6
FONT_SIZE = 13
LINE = 20
DOT = (255, 200, 0)
TRUE = (0, 140, 255)

# Marks are plotted twice as large and scaled down, since Pillow does not smooth edges.
_SMOOTH = 2


def contact_sheet(
    images: Tensor,
    landmarks: Tensor,
    captions: Sequence[str],
    columns: int = 6,
    scale: int | None = None,
) -> Image.Image:
    """Plots faces with their landmarks as small dots, a caption below each.

    Args:
        images: (N, C, C) uint8 gray.
        landmarks: (N, L, 2) in pixels of the images; NaN is left out.
        captions: N lines; one that is too long is cut.
        columns: Faces in a row.
        scale: How many times the images are enlarged; by default what makes them ``SHEET_SIDE``
            wide.

    Raises:
        ValueError: No face, another dtype or shape, or a ``columns`` or ``scale`` below 1.
    """
    scale = _check(images, columns, scale, SHEET_SIDE, landmarks=landmarks)
    if len(captions) != len(images):
        raise ValueError(f"captions has {len(captions)} lines, expected {len(images)}")
    faces = []
    for image, points in zip(images, landmarks, strict=True):
        face = _enlarge(image, scale)
        canvas = ImageDraw.Draw(face)
        for x, y in _places(points, face, scale):
            if not math.isnan(x):
                canvas.circle((x, y), _SMOOTH * 1.6, fill=DOT, outline=SHADE)
        faces.append(face.reduce(_SMOOTH))
    return _sheet(faces, captions, columns)


def stacked(sheets: Mapping[str, Image.Image]) -> Image.Image:
    """Puts sheets below each other, a title above each.

    Args:
        sheets: The sheets by their titles.

    Raises:
        ValueError: No sheet.
    """
    if not sheets:
        raise ValueError("sheets is empty, expected at least one")
    width = max(sheet.width for sheet in sheets.values())
    height = sum(LINE + sheet.height for sheet in sheets.values())
    whole = Image.new("RGB", (width, height), PAPER)
    canvas, y = ImageDraw.Draw(whole), 0
    for title, sheet in sheets.items():
        canvas.text((GAP, y + LINE / 2), title, fill=INK, font=_font(), anchor="lm")
        whole.paste(sheet, (0, y + LINE))
        y += LINE + sheet.height
    return whole


def predicted_faces(
    images: Tensor,
    target: Tensor,
    prediction: Tensor,
    signal: Tensor | None,
    captions: Sequence[str] = (),
    columns: int = 4,
    scale: int | None = None,
) -> Image.Image:
    """Plots true points as rings and predicted points as dots in the colour of their signal.

    A thin line joins the two. One scale of colours, from 0 to the 98th percentile of the signal,
    serves the whole sheet; the legend below shows it in pixels.

    Args:
        images: (N, S, S) uint8 gray.
        target: (N, L, 2) in pixels of the images; NaN for a landmark that is not labelled, whose
            predicted point stands alone.
        prediction: (N, L, 2) in pixels of the images.
        signal: (N, L) in pixels of the images; None: all dots in one colour.
        captions: N lines, or none at all.
        columns: Faces in a row.
        scale: How many times the images are enlarged; by default what makes them
            ``PREDICTED_SIDE`` wide.

    Raises:
        ValueError: No face, another dtype or shape, or a ``columns`` or ``scale`` below 1.
    """
    scale = _check(images, columns, scale, PREDICTED_SIDE, target=target, prediction=prediction)
    if signal is not None and signal.shape != target.shape[:2]:
        raise ValueError(
            f"signal has shape {tuple(signal.shape)}, expected {tuple(target.shape[:2])}"
        )
    if captions and len(captions) != len(images):
        raise ValueError(f"captions has {len(captions)} lines, expected {len(images)} or none")
    top = 0.0 if signal is None else max(float(signal.float().quantile(0.98)), 0.1)
    faces = []
    for n, image in enumerate(images):
        face = _enlarge(image, scale)
        true = _places(target[n], face, scale)
        predicted = _places(prediction[n], face, scale)
        colors = [DOT] * len(true)
        if signal is not None:
            colors = [color_of(value / top) for value in signal[n].tolist()]
        canvas = ImageDraw.Draw(face)
        for (x, y), (u, v) in zip(true, predicted, strict=True):
            if math.isnan(x):
                continue
            canvas.line((x, y, u, v), fill=TRUE, width=_SMOOTH)
            canvas.circle((x, y), _SMOOTH * 2.5, outline=TRUE, width=_SMOOTH)
        for point, color in zip(predicted, colors, strict=True):
            canvas.circle(point, _SMOOTH * 2.2, fill=color, outline=SHADE)
        faces.append(face.reduce(_SMOOTH))
    sheet, legend = _sheet(faces, captions, columns), _legend(None if signal is None else top)
    width, height = max(sheet.width, legend.width + GAP), sheet.height + legend.height + GAP
    whole = Image.new("RGB", (width, height), PAPER)
    whole.paste(sheet, (0, 0))
    whole.paste(legend, (GAP, sheet.height))
    return whole


def nme_caption(nme: float) -> str:
    """A face's NME in percent as a caption; of a face without a normalizer, that it has none."""
    return "no NME" if math.isnan(nme) else f"NME {nme:.1f}%"


def _check(images: Tensor, columns: int, scale: int | None, side: int, **points: Tensor) -> int:
    if images.dim() != 3 or images.numel() == 0 or images.dtype != torch.uint8:
        raise ValueError(
            f"images is {images.dtype} of shape {tuple(images.shape)}, expected uint8 (N, C, C) "
            "with at least one face"
        )
    for name, tensor in points.items():
        if tensor.dim() != 3 or len(tensor) != len(images) or tensor.shape[2] != 2:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, expected ({len(images)}, L, 2)"
            )
        if bool(tensor.isinf().any()) or (name == "prediction" and bool(tensor.isnan().any())):
            raise ValueError(f"{name} holds a number that is not finite")
    scale = math.ceil(side / images.shape[2]) if scale is None else scale
    for name, value in (("columns", columns), ("scale", scale)):
        if value < 1:
            raise ValueError(f"{name}={value} must be at least 1")
    return scale


def _enlarge(image: Tensor, scale: int) -> Image.Image:
    gray = Image.fromarray(image.cpu().numpy())
    side = (gray.width * scale * _SMOOTH, gray.height * scale * _SMOOTH)
    return gray.resize(side, Image.Resampling.BICUBIC).convert("RGB")


def _places(points: Tensor, face: Image.Image, scale: int) -> list[tuple[float, float]]:
    """Where points (L, 2) lie on their enlarged face; one far outside is put just outside.

    NaN, of a landmark that is not labelled, stays NaN.
    """
    factor = scale * _SMOOTH
    places = ((points + 0.5) * factor - 0.5).clamp(-face.width, 2 * face.width)
    return [(x, y) for x, y in places.tolist()]


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FONT_SIZE)


def _cut(canvas: ImageDraw.ImageDraw, text: str, width: float) -> str:
    font = _font()
    if canvas.textlength(text, font=font) <= width:
        return text
    while text and canvas.textlength(f"{text}...", font=font) > width:
        text = text[:-1]
    return f"{text}..."


def _sheet(faces: Sequence[Image.Image], captions: Sequence[str], columns: int) -> Image.Image:
    columns = min(columns, len(faces))
    rows = math.ceil(len(faces) / columns)
    width, height = faces[0].size
    step = height + GAP + (LINE if captions else 0)
    sheet = Image.new("RGB", (columns * (width + GAP) + GAP, rows * step + GAP), PAPER)
    canvas = ImageDraw.Draw(sheet)
    for n, face in enumerate(faces):
        x, y = GAP + n % columns * (width + GAP), GAP + n // columns * step
        sheet.paste(face, (x, y))
        if captions:
            text = _cut(canvas, captions[n], width)
            canvas.text((x, y + height + 2), text, fill=INK, font=_font())
    return sheet


def _legend(top: float | None) -> Image.Image:
    """The marks by name and, for a signal, its colours from 0 to ``top`` pixels."""
    font, bar = _font(), 100
    legend = Image.new("RGB", (190 if top is None else 460, LINE), PAPER)
    canvas = ImageDraw.Draw(legend)
    middle, marks = LINE / 2, legend.resize((legend.width * _SMOOTH, LINE * _SMOOTH))
    ring, dot = ((x * _SMOOTH, middle * _SMOOTH) for x in (8, 98))
    color = DOT if top is None else color_of(0.5)
    ImageDraw.Draw(marks).circle(ring, 5 * _SMOOTH, outline=TRUE, width=_SMOOTH)
    ImageDraw.Draw(marks).circle(dot, 5 * _SMOOTH, fill=color, outline=SHADE)
    legend.paste(marks.reduce(_SMOOTH))
    canvas.text((18, middle), "annotated", fill=INK, font=font, anchor="lm")
    canvas.text((108, middle), "predicted", fill=INK, font=font, anchor="lm")
    if top is not None:
        canvas.text((190, middle), "signal 0", fill=INK, font=font, anchor="lm")
        for step in range(bar):
            x = 248 + step
            canvas.line((x, 4, x, LINE - 5), fill=color_of(step / (bar - 1)))
        canvas.text((248 + bar + 6, middle), f"{top:.1f} px", fill=INK, font=font, anchor="lm")
    return legend
