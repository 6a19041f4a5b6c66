"""A parametric 3D head with exact landmarks in the three built-in schemes.

The head is a smooth closed surface. Its silhouette seen from the front is one curve from the chin
(position 0) over the ears to the crown (position 15), mirrored; each point of the curve is half
of a horizontal cross-section, and an angle runs around the section (0 the midline of the face, 90
degrees the silhouette, 180 the back). Nose, lips, brows and eye sockets are a relief on its front.

Lengths are in half widths of the mean face: x to the picture's right, y down, z to the viewer,
the origin between the ears at the height of the nose. The mean proportions follow the mean shape
of 300W.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

JAW_END = 8.0
"""Position on the silhouette where the jaw contour of 300W and WFLW ends, beside the eye."""

CROWN = 15.0
"""Position of the crown, the last one of the silhouette."""

_POSITIONS = np.linspace(0, CROWN, 241)

# x, y, and z of the silhouette, of the front's midline and of the back's midline.
_SILHOUETTE = np.array(
    [
        [0.000, 1.050, 0.62, 0.62, 0.62],
        [0.244, 1.023, 0.57, 0.74, 0.35],
        [0.465, 0.916, 0.42, 0.80, 0.10],
        [0.659, 0.770, 0.26, 0.80, -0.15],
        [0.815, 0.580, 0.14, 0.82, -0.35],
        [0.911, 0.355, 0.07, 0.83, -0.50],
        [0.961, 0.108, 0.04, 0.80, -0.65],
        [0.991, -0.149, 0.02, 0.80, -0.85],
        [1.000, -0.406, 0.00, 0.78, -1.05],
        [1.000, -0.680, -0.03, 0.78, -1.20],
        [0.985, -0.950, -0.06, 0.80, -1.25],
        [0.930, -1.230, -0.10, 0.76, -1.20],
        [0.820, -1.500, -0.14, 0.66, -1.10],
        [0.620, -1.770, -0.18, 0.46, -0.90],
        [0.340, -1.960, -0.20, 0.20, -0.60],
        [0.000, -2.030, -0.20, -0.20, -0.20],
    ]
)
_JAW_DROP = np.array([1, 1, 0.95, 0.85, 0.6, 0.3, 0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
_JAW_WIDTH = np.array([0, 0.8, 1, 1, 1, 0.9, 0.6, 0.2, 0, 0, 0, 0, 0, 0, 0, 0])
_CHIN = np.array([1, 0.9, 0.7, 0.5, 0.3, 0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])

# How far the nose stands out of the face, from between the brows down to the upper lip.
_NOSE_HEIGHT = np.array([0, 0.01, 0.04, 0.09, 0.15, 0.21, 0.28, 0.35, 0.42, 0.43, 0.22, 0.03, 0])
_NOSE_WIDTH = np.array([0.1, 0.1, 0.09, 0.1, 0.11, 0.12, 0.14, 0.16, 0.17, 0.17, 0.16, 0.15, 0.15])

_NOSE = np.stack([_NOSE_HEIGHT, _NOSE_WIDTH], axis=-1)

_BROW = np.array([[0.833, -0.672], [0.7, -0.795], [0.515, -0.845], [0.327, -0.83], [0.158, -0.78]])
_BROW_THICKNESS = np.array([0.0, 0.07, 0.09, 0.1, 0.105])
_BROW_ARCH = np.array([0.0, 0.7, 1.0, 0.5, 0.0])
_BROW_RAISE = np.array([0.6, 0.9, 1.0, 1.0, 0.9])
_BROW_FROWN = np.array([0.0, 0.2, 0.5, 0.8, 1.0])


def smooth(control: FloatArray, at: FloatArray) -> FloatArray:
    """A Catmull-Rom spline through all control points but the outer two, which shape its ends.

    Args:
        control: (K + 3, D) control points.
        at: (...) positions; position p of 0..K is control point p + 1.

    Returns:
        (..., D) points on the spline, in the precision of the positions.
    """
    control = control.astype(at.dtype, copy=False)
    first = np.clip(np.floor(at), 0, len(control) - 4).astype(np.int64)
    u = (at - first)[..., None]
    p0, p1, p2, p3 = (control[first + k] for k in range(4))
    cubic = 3 * (p1 - p2) + p3 - p0
    return p1 + u / 2 * (p2 - p0 + u * (2 * p0 - 5 * p1 + 4 * p2 - p3 + u * cubic))


def through(points: FloatArray, count: int) -> FloatArray:
    """``count`` points (count, D) along a smooth open curve through points (K, D)."""
    ends = (2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1])
    at = np.linspace(0, len(points) - 1, count)
    return smooth(np.concatenate([ends[0], points, ends[1]]), at)


@dataclass(frozen=True)
class Identity:
    """What stays of a face, in standard deviations from the mean face."""

    face_width: float = 0.0
    jaw_width: float = 0.0
    chin_length: float = 0.0
    eye_spacing: float = 0.0
    eye_size: float = 0.0
    eye_tilt: float = 0.0
    brow_height: float = 0.0
    brow_thickness: float = 0.0
    brow_arch: float = 0.0
    nose_length: float = 0.0
    nose_width: float = 0.0
    nose_depth: float = 0.0
    mouth_width: float = 0.0
    mouth_height: float = 0.0
    lip_thickness: float = 0.0


@dataclass(frozen=True)
class Expression:
    """What moves in a face.

    Attributes:
        mouth_open: 0 closed to 1 wide open.
        smile: -1 corners down to 1 broad smile.
        brow_raise: -1 frown to 1 raised.
        eye_open: Opening of the picture's left and right eye: 0 closed, 1 usual, 1.3 wide.
        gaze: Shift of both pupils, x and y, as a share of the eye's half width and height.
        skew: -1 to 1, the mouth pulled to one side.
    """

    mouth_open: float = 0.0
    smile: float = 0.0
    brow_raise: float = 0.0
    eye_open: tuple[float, float] = (1.0, 1.0)
    gaze: tuple[float, float] = (0.0, 0.0)
    skew: float = 0.0


MEAN_IDENTITY = Identity()
NEUTRAL = Expression()


def _bump(
    x: FloatArray, y: FloatArray, at: tuple[float, float], wide: float, high: float
) -> FloatArray:
    bump: FloatArray = np.exp(-(((x - at[0]) / wide) ** 2)) * np.exp(-(((y - at[1]) / high) ** 2))
    return bump


class Head:
    """A head of one identity with one expression.

    Its features are laid out as seen from the front, in (x, y); ``locate`` finds such points on
    the surface and ``lift`` gives their place in space.
    """

    def __init__(
        self, identity: Identity = MEAN_IDENTITY, expression: Expression = NEUTRAL
    ) -> None:
        self.identity, self.expression = identity, expression
        table = _SILHOUETTE.copy()
        table[:, 0] *= 1 + 0.04 * identity.face_width + 0.05 * identity.jaw_width * _JAW_WIDTH
        table[:, 1] += 0.05 * identity.chin_length * _CHIN
        table[:, 1] += 0.34 * expression.mouth_open * _JAW_DROP
        table[:, 2:] -= 0.1 * expression.mouth_open * _JAW_DROP[:, None]
        beyond = table[[1, -2]] * [-1, 1, 1, 1, 1]
        self._silhouette = np.concatenate([beyond[:1], table, beyond[1:]])
        self._half_widths, self._heights = smooth(self._silhouette, _POSITIONS)[:, :2].T
        self.nose_base = 0.07 + 0.04 * identity.nose_length
        self.nose_width = 1 + 0.12 * identity.nose_width
        self.mouth_y = 0.385 + 0.03 * identity.mouth_height + 0.02 * identity.nose_length
        self.mouth_x = 0.05 * expression.skew
        self.jaw_drop = 0.46 * expression.mouth_open

    def locate(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Positions (P,) and angles (P,) on the front of points (P, 2) seen from the front."""
        position = np.interp(-points[:, 1], -self._heights, _POSITIONS)
        half_width = np.maximum(np.interp(position, _POSITIONS, self._half_widths), 1e-6)
        return position, np.arcsin(np.clip(points[:, 0] / half_width, -1, 1))

    def lift(self, position: FloatArray, angle: FloatArray) -> FloatArray:
        """Points (..., 3) of the surface at positions and angles (radians) that broadcast."""
        half_width, y, side, front, back = np.moveaxis(smooth(self._silhouette, position), -1, 0)
        x, cos = half_width * np.sin(angle), np.cos(angle)
        z = side + np.where(cos > 0, front - side, side - back) * cos
        z = z + np.clip(4 * cos, 0, 1) * self._relief(x, y)
        ear = _bump(np.abs(angle), y, (1.8, -0.24), 0.13, 0.2)
        x = x + 0.13 * np.sign(angle) * ear
        return np.stack(np.broadcast_arrays(x, y, z), axis=-1)

    def _relief(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """How far the front stands out of the smooth head at (x, y)."""
        who, how = self.identity, self.expression
        along = (y + 0.75) / (self.nose_base + 0.75) * 10
        inside = np.clip(along, 0, len(_NOSE) - 3)
        height, width = np.moveaxis(smooth(_NOSE, inside), -1, 0)
        width = width * self.nose_width
        apart = np.abs(x)
        eye_x = 0.447 + 0.03 * who.eye_spacing
        lip, opening = self.mouth_y - 0.06, self.mouth_y + self.jaw_drop / 2
        lower_lip = self.mouth_y + self.jaw_drop + 0.09
        relief: FloatArray = (1 + 0.15 * who.nose_depth) * height * np.exp(-((x / width) ** 2))
        wing = (0.155 * self.nose_width, self.nose_base - 0.07)
        relief += 0.11 * _bump(apart, y, wing, 0.07, 0.08)
        relief -= 0.11 * _bump(apart, y, (eye_x - 0.04, -0.54), 0.24, 0.17)
        relief += 0.05 * _bump(apart, y, (eye_x, -0.52), 0.12, 0.08)
        relief += 0.05 * _bump(apart, y, (0.45, -0.8), 0.4, 0.1)
        relief += 0.05 * (1 + max(how.smile, 0)) * _bump(apart, y, (0.58, -0.1), 0.25, 0.22)
        relief += 0.07 * _bump(x, y, (self.mouth_x, lip), 0.34, 0.07)
        relief += 0.09 * _bump(x, y, (self.mouth_x, lower_lip), 0.28, 0.075)
        relief += 0.06 * _bump(x, y, (0.0, 0.9 + 0.3 * self.jaw_drop), 0.2, 0.1)
        deep, high = 0.35 * min(1.0, 4 * how.mouth_open), max(0.5 * self.jaw_drop, 0.02)
        relief -= deep * _bump(x, y, (self.mouth_x, opening), 0.25, high)
        return relief

    def eye(self, side: int, fractions: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Upper and lower lid (P, 2) of an eye as seen from the front.

        ``side`` is -1 for the eye on the picture's left, 1 for the other; ``fractions`` (P,) say
        where along the lids, from 0 the outer to 1 the inner corner.
        """
        who, how = self.identity, self.expression
        size = 1 + 0.1 * who.eye_size
        centre = 0.447 + 0.03 * who.eye_spacing
        x = centre + 0.18 * size * (1 - 2 * fractions)
        corner = -0.505 - (0.005 + 0.02 * who.eye_tilt) * (1 - 2 * fractions)
        arch = (4 * fractions * (1 - fractions)) ** 0.75
        lower = corner + (0.045 - 0.02 * max(how.smile, 0)) * size * arch
        upper = lower - 0.122 * size * how.eye_open[0 if side < 0 else 1] * arch
        return np.stack([side * x, upper], -1), np.stack([side * x, lower], -1)

    def pupil(self, side: int) -> FloatArray:
        """The pupil (2,) of an eye as seen from the front; under the lid if the eye is closed."""
        upper, lower = (lid[0] for lid in self.eye(side, np.array([0.5])))
        half_width, half_height = 0.18, max((lower[1] - upper[1]) / 2, 0.0)
        gaze = self.expression.gaze
        shift = np.array([0.9 * half_width * gaze[0], half_height * gaze[1]])
        return (upper + lower) / 2 + shift - [0, 0.15 * half_height]

    def brow(self, side: int) -> tuple[FloatArray, FloatArray]:
        """Upper and lower edge (5, 2) of a brow, outer to inner end, seen from the front."""
        who, how = self.identity, self.expression
        upper = _BROW.copy()
        upper[:, 0] += 0.02 * who.eye_spacing
        upper[:, 1] -= 0.025 * who.brow_height + 0.03 * who.brow_arch * _BROW_ARCH
        raised, frown = max(how.brow_raise, 0.0), max(-how.brow_raise, 0.0)
        upper[:, 1] += -0.13 * raised * _BROW_RAISE + 0.09 * frown * _BROW_FROWN
        upper[-1, 0] -= 0.04 * frown
        lower = upper.copy()
        lower[:, 1] += _BROW_THICKNESS * (1 + 0.15 * who.brow_thickness)
        return upper * [side, 1], lower * [side, 1]

    def mouth(self, side: int) -> FloatArray:
        """The lips of one half (12, 2), seen from the front, corner first and middle last.

        0..3 the upper edge, 4..6 the rest of the lower edge, 7..9 the inner edge of the upper
        lip, 10 and 11 the rest of the inner edge of the lower lip.
        """
        who, how = self.identity, self.expression
        thick = (1 + 0.18 * who.lip_thickness) * (1 - 0.2 * max(how.smile, 0))
        top, bottom = self.mouth_y - 0.08 * self.jaw_drop, self.mouth_y + self.jaw_drop
        wide = 0.385 * (1 + 0.07 * who.mouth_width) + 0.09 * how.smile - 0.08 * how.mouth_open
        corner = self.mouth_y - 0.1 * how.smile + 0.4 * self.jaw_drop
        upper, lower = 0.1 * thick, 0.145 * thick

        def between(share: float, middle: float) -> float:
            return corner + share * (middle - corner)

        points = [
            (1.0, corner),
            (0.61, between(0.7, top) - 0.8 * upper),
            (0.23, between(0.97, top) - 1.15 * upper),
            (0.0, top - 0.95 * upper),
            (0.66, between(0.65, bottom) + 0.65 * lower),
            (0.31, between(0.95, bottom) + 0.95 * lower),
            (0.0, bottom + lower),
            (0.88, corner),
            (0.28, between(0.93, top)),
            (0.0, top),
            (0.28, between(0.93, bottom)),
            (0.0, bottom),
        ]
        layout = np.array(points) * [side * wide, 1]
        return layout + [self.mouth_x, 0]

    def nostrils(self, side: int) -> FloatArray:
        """Wing and the point beside the middle (2, 2) at the nose's base, seen from the front."""
        points = np.array([[0.2, self.nose_base - 0.035], [0.095, self.nose_base + 0.005]])
        return points * [side * self.nose_width, 1]
