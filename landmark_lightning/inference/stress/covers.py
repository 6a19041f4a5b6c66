"""Covers of a face: a mask of cloth, sunglasses, a hand before the mouth, a patch anywhere.

They are placed by the true landmarks and are not of the kinds that augmentation covers faces with:
their outlines follow the face (or, of a patch, are no rectangle, ellipse or stripe), and they are
filled with pleated cloth, tinted glass, lit skin and woven patterns.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.inference.stress.canvas import (
    Array,
    Canvas,
    blob,
    clouds,
    finger,
    polygon,
    rounded,
    smooth,
    turned,
    way_from,
)
from landmark_lightning.inference.stress.frame import Frame
from landmark_lightning.landmark_parts import Parts

OUTLINE = (
    (-1.05, 0.45), (-0.95, 1.1), (-0.55, 1.6), (0.0, 1.8), (0.55, 1.6), (0.95, 1.1), (1.05, 0.45),
)  # fmt: skip
"""The lower edge of a mask on a face whose scheme has hardly a jaw, as places of a ``Frame``."""

CLOTHS = (0.2, 0.45, 0.72, 0.95)
"""Grays of a mask's cloth."""


def cover(
    kind: str,
    image: NDArray[np.uint8],
    points: Array,
    parts: Parts,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
    """Covers a face.

    Args:
        kind: One of ``COVERS``, or ``patch``.
        image: (C, C) uint8 crop.
        points: (L, 2) true landmarks in pixels of the crop; NaN where one is not labelled.
        parts: Landmarks by part of the face; a patch needs none.
        rng: What is random comes from here.

    Returns:
        The covered crop, and (L,) which landmarks are covered; None for a face that lacks the
        landmarks by which the cover is placed.
    """
    canvas = Canvas(image)
    if kind == "patch":
        known = points[np.isfinite(points).all(axis=1)]
        if not len(known):
            return None
        patch(canvas, known, rng)
    else:
        frame = Frame.of(points, parts)
        if frame is None:
            return None
        COVERS[kind](canvas, frame, rng)
    return canvas.image, canvas.hides(points)


def mask(canvas: Canvas, face: Frame, rng: np.random.Generator) -> None:
    """A pleated mask from cheek to cheek, over chin and nose, with its straps."""
    light = _light(canvas, face)
    jaw, ears = _jaw(face)
    bridge = face.at((0.6 * _aside(face, face.part("nose")), rng.uniform(0.22, 0.36)))[0]
    cheeks = [(0.5 * jaw[end] + 0.5 * bridge + 0.05 * face.down)[None] for end in (-1, 0)]
    outline = smooth(np.concatenate([jaw, cheeks[0], bridge[None], cheeks[1]]))
    distance = polygon(canvas.grid, outline)
    base = rng.choice(CLOTHS) * rng.uniform(0.9, 1.1) * light
    for ear, places in ((ears[0], (0, 2)), (ears[1], (-1, -3))):
        for place in places:
            strap, _, _ = finger(canvas.grid, jaw[place], ear, (face.height * 0.018,) * 2)
            canvas.put(strap, 0.9 * base)
    a, b = face.places(canvas.grid)
    cloth = base * (1 - 0.3 * a.clip(-1.3, 1.3) ** 2 * 0.6 + rng.choice([-0.12, 0.12]) * a)
    first = rng.uniform(0.6, 0.72)
    for pleat in first + np.array([0.0, 0.24, 0.48]):
        fold = b - pleat - 0.12 * a**2
        cloth *= 1 - 0.3 * np.exp(-np.square(fold / 0.025))
        cloth *= 1 + 0.1 * np.exp(-np.square((fold + 0.06) / 0.03))
    cloth *= 1 + 0.04 * np.sin(110 * a) * np.sin(110 * b) + 0.05 * clouds(rng, len(a), 6)
    seam = face.height * 0.07
    cloth *= 1 - 0.2 * np.exp(-np.square((distance + seam) / (0.25 * seam)))
    canvas.shadow(distance, 0.05 * face.height, 0.35)
    canvas.put(distance, cloth)


def sunglasses(canvas: Canvas, face: Frame, rng: np.random.Generator) -> None:
    """Two tinted lenses in a frame, with a bridge and temples."""
    light, axes = _light(canvas, face), face.axes
    power, deep = rng.uniform(2.4, 4.5), rng.uniform(0.24, 0.33) * face.height
    tint, rim = rng.uniform(0.03, 0.2), rng.uniform(0.0, 0.6) * light
    thick = rng.uniform(0.025, 0.06) * face.height
    lenses, inner = [], []
    for eye, side in zip(face.eyes(), (-1, 1), strict=True):
        reach = np.ptp(eye @ axes[0]) / 2 + 0.12 * face.width
        wide = max(0.38 * face.width, float(reach))
        center = eye.mean(axis=0) + side * 0.04 * face.across + 0.05 * face.down
        lenses.append((center, wide, rounded(canvas.grid, center, axes, (wide, deep), power)))
        inner.append(center - side * axes[0] * wide * 0.9 - axes[1] * deep * 0.3)
    bars = [(inner[0], inner[1])]
    for (center, wide, _), side in zip(lenses, (-1, 1), strict=True):
        hinge = center + side * axes[0] * wide * 0.95 - axes[1] * deep * 0.45
        end = side * max(1.15, abs(_aside(face, center[None])) + 0.6)
        bars.append((hinge, face.at((end, 0.02))[0]))
    whole = np.minimum(lenses[0][2], lenses[1][2])
    canvas.shadow(whole, 0.05 * face.height, 0.25)
    for start, end in bars:
        canvas.put(finger(canvas.grid, start, end, (1.2 * thick, thick))[0], rim)
    canvas.put(whole - thick, rim)
    _, b = face.places(canvas.grid)
    glare, slant = rng.uniform(0.1, 0.5) * light, rng.uniform(-1, 1)
    for center, _, distance in lenses:
        x, y = turned(axes, way_from(canvas.grid, center))
        glass = tint * (1 + 1.2 * (b + 0.3).clip(0, 1))
        streak = (x + slant * y) / face.width + 0.1
        glass = glass + glare * np.exp(-np.square(streak / 0.06)) * (b < 0.05)
        canvas.put(distance, glass, rng.uniform(0.9, 0.98))


def hand(canvas: Canvas, face: Frame, rng: np.random.Generator) -> None:
    """Four fingers and the back of a hand from one side, before mouth and chin."""
    skin, height = _skin(canvas, face) * rng.uniform(0.85, 1.15), face.height
    side, angle = rng.choice([-1.0, 1.0]), rng.uniform(-0.15, 0.6)
    ahead = -side * np.cos(angle) * face.axes[0] - np.sin(angle) * face.axes[1]
    square = np.array([-ahead[1], ahead[0]])
    if square @ face.axes[1] < 0:
        square = -square
    radius = rng.uniform(0.12, 0.145) * height
    center = face.part("mouth").mean(axis=0) + rng.uniform(-0.05, 0.12) * face.down
    texture = 1 + 0.03 * clouds(rng, len(canvas.gray), 24)
    lit = rng.choice([-0.2, 0.2])
    knuckles = center - ahead * (0.75 * height)
    palm, _, _ = finger(
        canvas.grid, knuckles - ahead * radius, knuckles - ahead * (4 * height),
        (4.1 * radius, 3.2 * radius),
    )  # fmt: skip
    canvas.shadow(palm, 0.08 * height, 0.3)
    canvas.put(palm, skin * texture * (0.88 + 0.12 * (-palm / radius).clip(0, 1)))
    for number in (3, 0, 2, 1):
        length = (0.5, 0.72, 0.62, 0.3)[number] + rng.uniform(-0.06, 0.06)
        offset = (number - 1.5) * 2.05 * radius
        tip = center + square * offset * 1.05 + ahead * length * height
        start = knuckles + square * offset
        shape, along, across = finger(canvas.grid, start, tip, (radius, 0.82 * radius))
        apart = (along / 0.3).clip(0, 1)  # at the knuckles the finger is one with the hand
        dome = 1 - apart * (0.45 - 0.45 * np.sqrt(1 - across**2) - lit * across)
        gray = skin * texture * dome
        for joint in (0.42, 0.74):
            for crease in (joint - 0.015, joint + 0.02):
                gray *= 1 - 0.16 * np.exp(-np.square((along - crease) / 0.008))
        canvas.shadow(shape, 0.12 * radius, 0.4 * apart)
        canvas.put(shape, gray)
        nail = rounded(
            canvas.grid, tip - ahead * 0.05 * radius, np.stack([ahead, square]),
            (0.55 * radius, 0.45 * radius), 2.8,
        )  # fmt: skip
        canvas.put(nail, (1.15 * skin * dome).clip(0, 0.97), 0.8)


def patch(canvas: Canvas, points: Array, rng: np.random.Generator) -> None:
    """A wavy piece of patterned cloth around one of (n, 2) labelled landmarks."""
    extent = max(float(np.sqrt(np.prod(np.ptp(points, axis=0) + 1))), len(canvas.gray) / 8)
    center = points[rng.integers(len(points))] + rng.normal(0, 0.05 * extent, 2)
    radius = rng.uniform(0.2, 0.36) * extent
    waves = [(rng.uniform(0.04, 0.16) / k, rng.uniform(0, 2 * np.pi)) for k in (1, 1, 1.5, 2)]
    distance = blob(canvas.grid, center, radius, waves)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.1, 0.22) * extent
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    bend = 0.15 * period * clouds(rng, len(canvas.gray), 5)
    across, down = (turned(turn, canvas.grid) + bend) * (2 * np.pi / period)
    kind = rng.integers(3)
    if kind == 0:  # a plaid of two widths
        pattern = 0.5 * (np.sin(across) > 0.2) + 0.5 * (np.sin(down) > 0.4)
    elif kind == 1:  # dots in a row
        pattern = (np.sin(across) * np.sin(down) > 0.35).astype(float)
    else:  # zigzag
        pattern = (np.sin(across + 1.5 * np.arcsin(np.sin(down))) > 0).astype(float)
    low, high = np.sort(rng.uniform(0.05, 0.95, 2))
    high = max(high, low + 0.25)
    gray = (low + (high - low) * pattern) * (1 - 0.15 * (1 + distance / radius).clip(0, 1) ** 2)
    canvas.shadow(distance, 0.08 * radius, 0.3)
    canvas.put(distance, gray)


COVERS: dict[str, Callable[[Canvas, Frame, np.random.Generator], None]] = {
    "mask": mask, "sunglasses": sunglasses, "hand": hand,
}  # fmt: skip
"""The covers that need the parts of a face."""


def _aside(face: Frame, points: Array) -> float:
    """How far across the face the mean of (n, 2) points lies; 0 of none."""
    if not len(points):
        return 0.0
    return float((points.mean(axis=0) - face.middle) @ face.axes[0]) / face.width


def _jaw(face: Frame) -> tuple[Array, Array]:
    """(n, 2) the lower edge of a mask, and (2, 2) where its straps end."""
    jaw = face.part("jaw")
    if len(jaw) < 6:
        return face.at(*OUTLINE), face.at((-1.35, 0.15), (1.35, 0.15))
    middle = face.part("mouth").mean(axis=0)
    ears = middle + 1.06 * (jaw[[0, -1]] - middle)
    most = len(jaw) - 1
    ends = round(most / 8), round(most * 7 / 8)
    chosen = np.linspace(*ends, min(13, ends[1] - ends[0] + 1)).round().astype(int)
    return middle + 1.04 * (jaw[chosen] - middle), ears


def _grays(canvas: Canvas, points: Array) -> Array:
    """(n,) grays of the crop at (n, 2) points."""
    x, y = points.round().astype(int).clip(0, len(canvas.gray) - 1).T
    return canvas.gray[y, x]


def _light(canvas: Canvas, face: Frame) -> float:
    """How bright white cloth is in a photo, by the brightest of the face."""
    known = face.points[np.isfinite(face.points).all(axis=1)]
    return float(np.clip(np.quantile(_grays(canvas, known), 0.9) / 0.75, 0.35, 1.05))


def _skin(canvas: Canvas, face: Frame) -> float:
    """The gray of a face's cheeks and nose."""
    places = face.at((-0.4, 0.5), (0.4, 0.5), (0.0, 0.45), (-0.25, 0.4), (0.25, 0.4))
    return float(np.clip(np.median(_grays(canvas, places)), 0.1, 0.85))
