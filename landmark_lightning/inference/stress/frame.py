"""Where on a crop the parts of a face are, by its true landmarks."""

from dataclasses import dataclass

import numpy as np

from landmark_lightning.inference.stress.canvas import Array, turned, way_from
from landmark_lightning.landmark_parts import Parts

NEEDED = ("eyes", "mouth")
"""Parts that a frame is made of."""

_NARROWEST = 0.45


@dataclass(frozen=True)
class Frame:
    """A face's own axes, in pixels of its crop.

    A place (a, b) of the face is ``middle + a across + b down``: the eyes' centres are at
    (-0.5, 0) and (0.5, 0) and the mouth's at a b of 1.

    Attributes:
        middle: (2,) halfway between the eyes.
        across: (2,) from the one eye to the other; of a face in profile at least 0.45 of its
            height.
        down: (2,) from there to the level of the mouth, square to ``across``.
        points: (L, 2) the landmarks; NaN where one is not labelled.
        parts: Landmarks by part.
    """

    middle: Array
    across: Array
    down: Array
    points: Array
    parts: Parts

    @classmethod
    def of(cls, points: Array, parts: Parts) -> "Frame | None":
        """The frame of (L, 2) landmarks.

        None where an eye or the mouth is not labelled, or the mouth lies less than a pixel from
        the eyes.
        """
        points = points.astype(np.float32)
        first, second = np.split(points[list(parts["eyes"])], 2)
        groups = (first, second, points[list(parts["mouth"])])
        if not all(np.isfinite(group).all(axis=1).any() for group in groups):
            return None
        one, other, mouth = (np.nanmean(group, axis=0) for group in groups)
        middle = (one + other) / 2
        across, drop = other - one, mouth - middle
        height = float(np.hypot(*drop))
        if height < 1:
            return None
        if float(np.hypot(*across)) < 0.1 * height:  # one eye behind the other
            across = np.array([drop[1], -drop[0]])
        unit = across / np.hypot(*across)
        square = np.array([-unit[1], unit[0]])
        deep = float(drop @ square)
        if abs(deep) < 1:
            return None
        width = max(float(np.hypot(*across)), _NARROWEST * abs(deep))
        return cls(
            middle, (unit * width).astype(np.float32), (square * deep).astype(np.float32),
            points, parts,
        )  # fmt: skip

    @property
    def width(self) -> float:
        """Pixels between the eyes' centres."""
        return float(np.hypot(*self.across))

    @property
    def height(self) -> float:
        """Pixels from the eyes down to the mouth."""
        return float(np.hypot(*self.down))

    @property
    def axes(self) -> Array:
        """(2, 2) unit vectors across and down."""
        return np.stack([self.across / self.width, self.down / self.height])

    def at(self, *places: tuple[float, float]) -> Array:
        """(n, 2) pixels of places of the face."""
        axes = np.stack([self.across, self.down])
        return (self.middle + np.array(places, np.float32) @ axes).astype(np.float32)

    def places(self, grid: Array) -> Array:
        """The places, a and b, (2, C, C) of pixels (2, C, C)."""
        scale = np.array([[self.width], [self.height]], np.float32)
        return turned(self.axes / scale, way_from(grid, self.middle))

    def part(self, name: str) -> Array:
        """(n, 2) labelled landmarks of a part, in order; none where there is no such part."""
        points = self.points[list(self.parts.get(name, ()))]
        return points[np.isfinite(points).all(axis=1)]

    def eyes(self) -> tuple[Array, Array]:
        """(n, 2) labelled landmarks of each eye."""
        one, other = np.split(self.points[list(self.parts["eyes"])], 2)
        return one[np.isfinite(one).all(axis=1)], other[np.isfinite(other).all(axis=1)]
