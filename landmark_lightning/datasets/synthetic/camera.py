"""The camera: how a head stands before it, and how its lit surface becomes pixels.

The points of the surface's grid that face the viewer are lit and splatted into the picture from
back to front.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.synthetic.head import FloatArray, Head
from landmark_lightning.datasets.synthetic.portrait import ANGLE, POSITION, Look, paint

Planes = NDArray[np.float32]

_REACH = np.radians(130)  # No point further around the head can be seen from the front.
_SKULL = np.array([0.0, -0.7, -0.2], dtype=np.float32)[:, None, None]


@dataclass(frozen=True)
class Pose:
    """How the head stands before the camera (a scaled orthographic one).

    Attributes:
        yaw: Degrees; positive looks to the picture's right.
        pitch: Degrees; positive looks up.
        roll: Degrees; positive turns clockwise on the screen.
        scale: Pixels of one unit of length.
        shift: x, y of the head's origin in pixels.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def rotation(self) -> FloatArray:
        """The (3, 3) matrix that turns the head: yaw first, then pitch, then roll."""
        (cy, sy), (cp, sp), (cr, sr) = (
            (np.cos(angle), np.sin(angle))
            for angle in np.radians([self.yaw, self.pitch, self.roll])
        )
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return roll @ pitch @ yaw

    @property
    def matrix(self) -> FloatArray:
        """The (3, 3) matrix that turns and scales the head."""
        return self.scale * self.rotation

    @property
    def offset(self) -> FloatArray:
        """Where the head's origin goes (3,): x, y in pixels, and 0."""
        return np.array([*self.shift, 0.0])

    def enlarged(self, factor: int) -> "Pose":
        """The same pose in a picture that has factor x factor pixels for each pixel."""
        x, y = (factor * shift + (factor - 1) / 2 for shift in self.shift)
        return replace(self, scale=factor * self.scale, shift=(x, y))

    def project(self, points: FloatArray) -> FloatArray:
        """Points (..., 3) of the head to (..., 3): x, y in pixels and the height to the viewer."""
        projected: FloatArray = points @ self.matrix.T + self.offset
        return projected


def _lit(points: Planes, tones: FloatArray, pose: Pose, look: Look) -> FloatArray:
    """Rows x, y, height and lit tone (4, P) of those grid points (3, R, C) that face us."""
    (ax, ay, az), (bx, by, bz) = np.gradient(points, axis=2), np.gradient(points, axis=1)
    normal = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]).reshape(3, -1)
    view = pose.rotation[2].astype(np.float32)
    seen = np.flatnonzero(view @ normal > 0)
    normal = normal[:, seen]
    normal /= np.sqrt(np.einsum("ij,ij->j", normal, normal)) + 1e-9
    light = (np.array(look.light) @ pose.rotation).astype(np.float32)
    halfway = (light + view) / np.linalg.norm(light + view)
    facing, shine = np.maximum(light @ normal, 0), np.maximum(halfway @ normal, 0) ** 16
    tone = tones.reshape(-1)[seen] * 1.15 * (look.ambient + (1 - look.ambient) * facing)
    placed = pose.matrix.astype(np.float32) @ points.reshape(3, -1)[:, seen]
    placed += pose.offset.astype(np.float32)[:, None]
    return np.concatenate([placed, (tone + look.gloss * shine)[None]])


def _neck(yaw: float) -> Planes:
    """The side (3, 55, 70) of a round neck that faces the viewer of a head turned by a yaw."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 70) - np.radians(yaw)
    down = np.linspace(0.3, 1.75, 55)[:, None]
    x, z = 0.56 * np.sin(turn), 0.56 * np.cos(turn) - 0.45 - 0.15 * (down - 0.3)
    return np.stack(np.broadcast_arrays(x, down, z)).astype(np.float32)


def _grown(ranks: NDArray[np.int32]) -> NDArray[np.int32]:
    """The highest of each pixel's 3 x 3 neighbours."""
    wide = ranks.copy()
    np.maximum(wide[:, :-1], ranks[:, 1:], out=wide[:, :-1])
    np.maximum(wide[:, 1:], ranks[:, :-1], out=wide[:, 1:])
    tall = wide.copy()
    np.maximum(tall[:-1], wide[1:], out=tall[:-1])
    np.maximum(tall[1:], wide[:-1], out=tall[1:])
    return tall


def render(
    canvas: FloatArray, head: Head, look: Look, pose: Pose, rng: np.random.Generator
) -> FloatArray:
    """Renders a head and its neck into a canvas (H, W) of shares of white, in place.

    Returns:
        (H, W) height of the head's surface to the viewer in pixels, -inf beside the head.
    """
    tones, hair = paint(head, look, rng)
    around = (ANGLE + np.radians(pose.yaw) + np.pi) % (2 * np.pi) - np.pi
    columns = np.argsort(around)
    columns = columns[np.abs(around[columns]) < _REACH]
    tones, hair = tones[:, columns], hair[:, columns]
    angle = ANGLE[None, columns].astype(np.float32)
    surface = head.lift(POSITION[:, None].astype(np.float32), angle)
    points: Planes = np.ascontiguousarray(np.moveaxis(surface, -1, 0), dtype=np.float32)
    points += (points - _SKULL) * (look.hair_volume * hair).astype(np.float32)
    neck = _neck(pose.yaw)
    shadow = look.skin * np.clip(0.3 + 0.3 * neck[1], 0, 0.9)
    x, y, depth, tone = np.concatenate(
        [_lit(points, tones, pose, look), _lit(neck, shadow, pose, look)], axis=1
    )
    height, width = canvas.shape
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    inside = np.flatnonzero((column >= 0) & (row >= 0) & (column < width) & (row < height))
    far = depth[inside] - depth.min()
    nearest_last = np.argsort((far * (65535 / far.max())).astype(np.uint16), kind="stable")
    order = inside[nearest_last]
    ranks = np.zeros((height, width), dtype=np.int32)
    # Of several points in a pixel the last one stays; each then covers its neighbours as well,
    # so that no hole is left between two points of the grid.
    ranks[row[order], column[order]] = np.arange(1, len(order) + 1)
    ranks = _grown(ranks)
    covered = ranks > 0
    owner = order[ranks[covered] - 1]
    canvas[covered] = tone[owner]
    heights = np.full((height, width), -np.inf)
    heights[covered] = depth[owner]
    return heights
