"""What covers are made of: shapes by their signed distance, and a crop that takes them.

A distance is (C, C), in pixels, negative inside; an edge is one pixel wide, so that it is smooth.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.floating[Any]]


class Canvas:
    """A gray crop that covers are rendered on.

    Args:
        image: (C, C) uint8.

    Attributes:
        gray: (C, C) in 0..1.
        hidden: (C, C) share of each pixel that is covered, 0..1.
        grid: (2, C, C) x and y of the pixels.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.gray: Array = image.astype(np.float32) / 255
        self.hidden: Array = np.zeros_like(self.gray)
        y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
        self.grid: Array = np.stack([x, y])

    @property
    def image(self) -> NDArray[np.uint8]:
        """(C, C) what has become of the crop."""
        return (self.gray.clip(0, 1) * 255).round().astype(np.uint8)

    def put(self, distance: Array, gray: "Array | float", opacity: float = 1) -> None:
        """Lays a shape on the crop.

        Args:
            distance: (C, C).
            gray: (C, C), or one for all, in 0..1.
            opacity: How much of what lies below it hides.
        """
        share = opacity * (0.5 - distance).clip(0, 1)
        self.gray += share * (np.clip(gray, 0, 1) - self.gray)
        self.hidden = np.maximum(self.hidden, share)

    def shadow(self, distance: Array, reach: float, depth: "Array | float") -> None:
        """Darkens what lies around a shape that is laid on next; it hides nothing.

        Args:
            distance: (C, C).
            reach: Pixels at which the shadow has fallen to a third.
            depth: Share of the light that it takes at the shape's edge; (C, C), or one for all.
        """
        self.gray *= 1 - depth * np.exp(-distance.clip(0) / reach)

    def hides(self, points: Array) -> NDArray[np.bool_]:
        """Which of (L, 2) points, in pixels, are covered by more than half; of NaN, none."""
        side = len(self.gray)
        known = np.isfinite(points).all(axis=1, keepdims=True)
        x, y = np.where(known, points, -1).clip(-1, side).round().astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < side) & (y < side)
        covered = self.hidden[y.clip(0, side - 1), x.clip(0, side - 1)] > 0.5
        return np.asarray(inside & covered)


def way_from(grid: Array, point: Array) -> Array:
    """(2, C, C) pixels from a point (2,) to each pixel of a grid (2, C, C)."""
    return grid - point.astype(np.float32)[:, None, None]


def turned(axes: Array, way: Array) -> Array:
    """(2, C, C) how far ways (2, C, C) go along each of (2, 2) axes."""
    return np.tensordot(axes.astype(np.float32), way, 1)


def polygon(grid: Array, corners: Array) -> Array:
    """Distance of a polygon of (n, 2) corners, which may be dented."""
    square, inside = np.full(grid.shape[1:], np.inf, np.float32), np.zeros(grid.shape[1:], bool)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        (dx, dy), (x, y) = end - start, way_from(grid, start)
        along = ((x * dx + y * dy) / max(float(dx**2 + dy**2), 1e-6)).clip(0, 1)
        square = np.minimum(square, (x - along * dx) ** 2 + (y - along * dy) ** 2)
        between = (grid[1] >= start[1]) != (grid[1] >= end[1])
        inside ^= between & ((x * dy < y * dx) == (dy > 0))
    return np.where(inside, -1, 1) * np.sqrt(square)


def smooth(corners: Array, steps: int = 3) -> Array:
    """A closed Catmull-Rom curve through (n, 2) corners: (n steps, 2)."""
    a, b, c, d = (np.roll(corners, k, axis=0)[:, None] for k in (1, 0, -1, -2))
    t = (np.arange(steps, dtype=np.float32) / steps)[None, :, None]
    curve = b + t * ((c - a) + t * ((2 * a - 5 * b + 4 * c - d) + t * (3 * b - a - 3 * c + d))) / 2
    return curve.reshape(-1, 2).astype(np.float32)


def finger(
    grid: Array, start: Array, end: Array, radii: tuple[float, float]
) -> tuple[Array, Array, Array]:
    """A rod with round ends, whose radius changes from start to end.

    Returns:
        Its distance; how far along it a pixel lies, 0 at start and 1 at end; and how far across,
        from -1 at one edge over 0 on the axis to 1 at the other.
    """
    axis, way = (end - start).astype(np.float32), way_from(grid, start)
    if (length := float(np.hypot(*axis))) < 1e-3:
        axis, length = np.array([1e-3, 0]), 1e-3
    along, aside = turned(np.array([axis, [-axis[1], axis[0]]]) / length, way)
    beyond = along - along.clip(0, length)
    along /= length
    radius = radii[0] + (radii[1] - radii[0]) * along.clip(0, 1)
    return np.hypot(aside, beyond) - radius, along, (aside / radius).clip(-1, 1)


def rounded(
    grid: Array, center: Array, axes: Array, radii: tuple[float, float], power: float
) -> Array:
    """Distance, roughly, of |x / a|^power + |y / b|^power <= 1 along (2, 2) unit axes.

    A power of 2 is an ellipse, larger ones come near a rectangle.
    """
    x, y = np.abs(turned(axes, way_from(grid, center)))
    size = (x / radii[0]) ** power + (y / radii[1]) ** power
    return (size ** (1 / power) - 1) * min(radii)


def blob(grid: Array, center: Array, radius: float, waves: Sequence[tuple[float, float]]) -> Array:
    """Distance, roughly, of a round shape whose edge goes in waves.

    Args:
        grid: (2, C, C).
        center: (2,).
        radius: Pixels, the mean over all directions.
        waves: Height, as a share of the radius, and phase of the waves that go round the shape
            twice, three times and so on.
    """
    x, y = way_from(grid, center)
    angle, edge = np.arctan2(y, x), np.ones_like(x)
    for times, (height, phase) in enumerate(waves, 2):
        edge += height * np.cos(times * angle + phase)
    return np.hypot(x, y) - radius * edge


def clouds(rng: np.random.Generator, side: int, cells: int) -> Array:
    """(side, side) noise without fine detail, about 0 with a deviation of about 1."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
