"""What surrounds a rendered head: background, shoulders, glasses and what hides the face."""

import numpy as np
from PIL import Image, ImageDraw

from landmark_lightning.datasets.synthetic.camera import Pose
from landmark_lightning.datasets.synthetic.head import FloatArray, Head
from landmark_lightning.datasets.synthetic.portrait import Look

OCCLUDERS = ("hand", "object", "strand", "sunglasses", "scarf")
"""What may hide a part of a face."""


def _pairs(points: FloatArray) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points]


def background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """A gray picture of gradients, clutter and texture."""
    cells = int(rng.integers(2, 7))
    rough = rng.integers(0, 256, (cells, cells), dtype=np.uint8)
    scene = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)
    flat = Image.new("L", (width, height), int(rng.integers(10, 246)))
    scene = Image.blend(flat, scene, float(rng.uniform(0.1, 0.9)))
    pen = ImageDraw.Draw(scene)
    for _ in range(int(rng.integers(0, 14))):
        x0, x1 = np.sort(rng.uniform(-0.2, 1.2, 2)) * width
        y0, y1 = np.sort(rng.uniform(-0.2, 1.2, 2)) * height
        tone, kind = int(rng.integers(0, 256)), int(rng.integers(0, 4))
        if kind == 0:
            pen.rectangle((x0, y0, x1, y1), fill=tone)
        elif kind == 1:
            pen.ellipse((x0, y0, x1, y1), fill=tone)
        elif kind == 2:
            pen.line((x0, y0, x1, y1), fill=tone, width=int(rng.integers(2, 20)))
        else:
            corners = rng.uniform(-0.1, 1.1, (int(rng.integers(3, 6)), 2)) * [width, height]
            pen.polygon(_pairs(corners), fill=tone)
    return scene


def body(scene: Image.Image, pose: Pose, rng: np.random.Generator) -> None:
    """Renders the shoulders under a head; they turn only half as far as the head does."""
    trunk = Pose(0.5 * pose.yaw, 0.0, 0.3 * pose.roll, pose.scale, pose.shift)
    wide, slope = rng.uniform(1.9, 2.6), rng.uniform(0.2, 0.6)
    outline = np.array(
        [[-0.5, 1.35], [0.5, 1.35], [wide - 0.4, 1.5 + slope], [wide, 2.1 + slope], [wide, 5]]
    )
    outline = np.concatenate([outline, outline[:1:-1] * [-1, 1]])
    points = trunk.project(np.c_[outline, np.full(len(outline), -0.4)])
    ImageDraw.Draw(scene).polygon(_pairs(points[:, :2]), fill=int(rng.integers(5, 250)))


def hair_behind(scene: Image.Image, pose: Pose, look: Look) -> None:
    """Renders the long hair that hangs behind a head."""
    wide, bottom = 1.05 + look.hair_volume, 0.2 + 1.6 * look.hair_length
    outline = np.array(
        [[0.6, -1.7], [0.95, -1.2], [wide, -0.4], [wide + 0.1, 0.4], [0.95, bottom], [0.3, bottom]]
    )
    outline = np.concatenate([outline, outline[::-1] * [-1, 1]])
    points = pose.project(np.c_[outline, np.full(len(outline), -0.5)])
    ImageDraw.Draw(scene).polygon(_pairs(points[:, :2]), fill=int(255 * look.hair))


def glasses(scene: Image.Image, head: Head, pose: Pose, thickness: float, tone: int) -> None:
    """Renders the frame of glasses; the temple behind the head stays hidden."""
    pen, width = ImageDraw.Draw(scene), max(1, round(thickness * pose.scale))
    for side in (-1, 1):
        rim = pose.project(_rim(head, side))[:, :2]
        pen.line(_pairs(rim), fill=tone, width=width)
        if side * pose.yaw < 25:
            temple = pose.project(np.array([[side * 0.78, -0.55, 0.72], [side * 1.02, -0.5, 0.0]]))
            pen.line(_pairs(temple[:, :2]), fill=tone, width=width)
    bridge = pose.project(np.array([[-0.15, -0.55, 0.98], [0.15, -0.55, 0.98]]))
    pen.line(_pairs(bridge[:, :2]), fill=tone, width=width)


def _rim(head: Head, side: int) -> FloatArray:
    """The closed outline (P, 3) of one glass."""
    turn = np.linspace(0, 2 * np.pi, 19)
    centre = np.mean([lid[0] for lid in head.eye(side, np.array([0.5]))], axis=0)
    x = centre[0] + 0.31 * np.cos(turn)
    y = centre[1] + 0.03 + 0.23 * np.sin(turn)
    return np.stack([x, y, 1.0 - 0.3 * np.abs(x)], axis=-1)


def occluder(
    size: tuple[int, int], head: Head, pose: Pose, look: Look, rng: np.random.Generator
) -> Image.Image:
    """Renders one of ``OCCLUDERS`` before a face, gray in ``size``; 0 where nothing is hidden."""
    overlay = Image.new("L", size)
    pen, kind = ImageDraw.Draw(overlay), str(rng.choice(OCCLUDERS))
    tone = int(rng.integers(10, 246))
    if kind == "sunglasses":
        for side in (-1, 1):
            pen.polygon(_pairs(pose.project(_rim(head, side))[:, :2]), fill=tone // 5 + 1)
        glasses(overlay, head, pose, 0.04, tone // 3 + 1)
    elif kind == "scarf":
        top = float(rng.uniform(-0.05, 0.3))
        edge = np.array(
            [[-0.95, top - 0.1], [-0.5, top], [0, top - 0.05], [0.5, top], [0.95, top - 0.1]]
        )
        edge3 = head.lift(*head.locate(edge)) + [0, 0, 0.08]
        jaw = head.lift(
            np.array([5.5, 3.0, 1.0, 1.0, 3.0, 5.5]), np.pi / 2 * np.array([1, 1, 1, -1, -1, -1])
        )
        points = pose.project(np.concatenate([edge3, jaw * [1.05, 1.05, 1.0]]))[:, :2]
        pen.polygon(_pairs(points), fill=tone)
    else:
        _before(pen, kind, pose, int(255 * look.skin), tone, rng)
    return overlay


def _before(
    pen: ImageDraw.ImageDraw, kind: str, pose: Pose, skin: int, tone: int, rng: np.random.Generator
) -> None:
    """Renders a hand, an object or a strand of hair at a random place before the face."""
    unit, turn = pose.scale, float(rng.uniform(0, 2 * np.pi))
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    reach = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 1.0), 0.6])
    centre = pose.project(reach)[:2]
    if kind == "hand":
        palm = centre + unit * 0.55 * along
        pen.circle(_pairs(palm[None])[0], 0.36 * unit, fill=skin)
        wrist = np.stack([palm, palm + 4 * unit * along])
        pen.line(_pairs(wrist), fill=skin, width=int(0.5 * unit))
        for k in range(4):
            root = palm + unit * (0.17 * (k - 1.5) * across - 0.2 * along)
            spread, length = 0.06 * (k - 1.5), unit * (0.62 - 0.06 * abs(k - 1.3))
            tip = root - length * (along - spread * across)
            for radius, shade in ((0.1, int(0.6 * skin)), (0.082, skin)):
                width = int(2 * radius * unit)
                pen.line(_pairs(np.stack([root, tip])), fill=max(shade, 1), width=width)
                pen.circle(_pairs(tip[None])[0], radius * unit, fill=max(shade, 1))
    elif kind == "object":
        wide, high = unit * rng.uniform(0.25, 0.6), unit * rng.uniform(0.35, 0.9)
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        outline = np.array([centre + a * high * along + b * wide * across for a, b in corners])
        pen.polygon(_pairs(outline), fill=tone)
        for k in range(int(rng.integers(0, 4))):
            stripe = outline[[0, 3]] + (k + 0.5) / 4 * (outline[[1, 2]] - outline[[0, 3]])
            pen.line(_pairs(stripe), fill=255 - tone or 1, width=max(int(0.08 * unit), 1))
    else:
        for _ in range(int(rng.integers(4, 12))):
            start = np.array([rng.uniform(-0.6, 0.6), -1.5, 0.7])
            end = np.array([reach[0] + rng.normal(0, 0.12), rng.uniform(-0.5, 0.8), 0.95])
            middle = (start + end) / 2 + [rng.normal(0, 0.1), 0, 0.35]
            points = pose.project(np.stack([start, middle, end]))[:, :2]
            shade = int(np.clip(tone // 3 + rng.integers(0, 30), 1, 255))
            pen.line(_pairs(points), fill=shade, width=max(int(0.07 * unit), 1), joint="curve")
