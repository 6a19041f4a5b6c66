"""Renders faces: a parametric 3D head under many poses and lights.

The landmarks are projected points of the head, exact and in all three built-in schemes. The
subsets are the six attributes of WFLW, taken from the true factors of each picture. Poses are as
unbalanced as in real sets: most faces look at the camera, few are profiles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from landmark_lightning.config.limits import whole
from landmark_lightning.datasets.face import SPLITS, Face, Rejection, visibility
from landmark_lightning.datasets.synthetic import scenery
from landmark_lightning.datasets.synthetic.camera import Pose, render
from landmark_lightning.datasets.synthetic.head import Expression, FloatArray, Head, Identity
from landmark_lightning.datasets.synthetic.head_landmarks import landmarks
from landmark_lightning.datasets.synthetic.portrait import Look
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import SCHEMES, Scheme

RENDERED = True
"""The source needs no folder: it makes its faces."""

ATTRIBUTES = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")
"""The attributes of WFLW, in its order."""

SUBSETS = ATTRIBUTES

MOST = 10**9
"""Faces of a split, and the largest seed; more are a slip, and no disk holds them."""

_OVERSAMPLING = 2


@dataclass(frozen=True)
class RenderedFace:
    """One rendered face with everything that is known of it.

    Attributes:
        image: (H, W) uint8 gray photo.
        points: Landmarks (L, 2) float64 in photo pixels, by the name of the scheme.
        box: (4,) float64 square around the face, x0, y0, x1, y1 in photo pixels.
        attributes: Those of ``ATTRIBUTES`` that the face has, in their order.
        yaw: Degrees; positive looks to the picture's right.
        visible: (19,) bool: which landmarks of aflw19 are hidden neither by the head itself nor
            by something before it.
    """

    image: NDArray[np.uint8]
    points: dict[str, FloatArray]
    box: FloatArray
    attributes: tuple[str, ...]
    yaw: float
    visible: NDArray[np.bool_]


def read(
    root: Path | None, scheme: Scheme, *, train: int = 2000, test: int = 500, seed: int = 0
) -> Iterator[Face | Rejection]:
    """Renders the faces of both splits, train first.

    Args:
        root: Not used: nothing is read.
        scheme: One of the built-in schemes.
        train: Number of training faces.
        test: Number of test faces.
        seed: Whole number from which every face's own random stream starts. Face i of a split is
            the same however many are rendered.

    Raises:
        UserError: A scheme that is not built in, or a number out of range.
    """
    check_source(root, scheme, train=train, test=test, seed=seed)
    return _faces(scheme.name, {"train": train, "test": test}, seed)


def check_source(root: Path | None, scheme: Scheme | None, **numbers: object) -> None:
    """Checks the arguments of ``read``, as far as it can without rendering.

    Raises:
        UserError: As ``read``.
    """
    if scheme is not None and scheme.name not in SCHEMES:
        raise UserError(
            f"scheme={scheme.name!r} can't be rendered; synthetic faces have {', '.join(SCHEMES)}"
        )
    for name, number in numbers.items():
        whole(0, MOST).check(number, f"dataset.source.{name}")


def _faces(scheme: str, counts: dict[str, int], seed: int) -> Iterator[Face]:
    for split in SPLITS:
        for index in range(counts[split]):
            rendered = render_face(split, index, seed)
            photo = f"{split}/{index:05d}.png"
            yield Face(
                photo=photo,
                split=split,
                landmarks=rendered.points[scheme],
                where=f"synthetic {photo}",
                subsets=rendered.attributes,
                box=rendered.box,
                visible=visibility(rendered.visible) if scheme == "aflw19" else None,
                image=rendered.image,
            )


def render_face(split: str, index: int, seed: int = 0) -> RenderedFace:
    """Renders face ``index`` of a split.

    Raises:
        UserError: An unknown split.
    """
    if split not in SPLITS:
        raise UserError(f"split={split!r} must be one of {', '.join(SPLITS)}")
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    chances = dict(zip(ATTRIBUTES, rng.random(len(ATTRIBUTES)), strict=True))
    expressive, harsh = chances["expression"] < 0.14, chances["illumination"] < 0.25
    made_up, blurred = chances["makeup"] < 0.09, chances["blur"] < 0.25
    identity = Identity(*np.clip(rng.normal(size=len(fields(Identity))), -2.2, 2.2).tolist())
    head, look = Head(identity, _expression(rng, expressive)), _look(rng, made_up, harsh)
    shape = {name: landmarks(head, name) for name in SCHEMES}
    width, height = (int(side) for side in rng.integers(140, 181, 2))
    pose = _placed(shape["ibug68"], _pose(rng), width, height, rng)

    large = pose.enlarged(_OVERSAMPLING)
    scene = scenery.background(width * _OVERSAMPLING, height * _OVERSAMPLING, rng)
    scenery.body(scene, large, rng)
    if look.hair_length > 0.3:
        scenery.hair_behind(scene, large, look)
    canvas = np.asarray(scene) / 255
    depth = render(canvas, head, look, large, rng)
    scene = Image.fromarray(np.clip(255 * canvas, 0, 255).astype(np.uint8))
    if look.glasses:
        scenery.glasses(scene, head, large, look.glasses, int(rng.integers(5, 120)))
    hidden = np.zeros(depth.shape, dtype=np.bool_)
    if chances["occlusion"] < 0.29:
        overlay = scenery.occluder(scene.size, head, large, look, rng)
        hidden = np.asarray(overlay) > 0
        scene.paste(overlay, mask=Image.fromarray(hidden))

    points = {name: pose.project(place)[:, :2] for name, place in shape.items()}
    low, high = points["ibug68"].min(axis=0), points["ibug68"].max(axis=0)
    middle, half = (low + high) / 2, 0.55 * (high - low).max()
    covered = _at(hidden, large.project(shape["ibug68"])).mean()
    turned = abs(pose.yaw) > 35 or abs(pose.pitch) > 22
    flags = (turned, expressive, harsh, made_up, covered > 0.05, blurred)
    nineteen = large.project(shape["aflw19"])
    in_front = nineteen[:, 2] > _at(depth, nineteen) - 0.25 * large.scale
    return RenderedFace(
        image=_photograph(scene, blurred, harsh, rng),
        points=points,
        box=np.concatenate([middle - half, middle + half]),
        attributes=tuple(name for name, flag in zip(ATTRIBUTES, flags, strict=True) if flag),
        yaw=pose.yaw,
        visible=in_front & ~_at(hidden, nineteen),
    )


def _at(picture: NDArray[Any], points: FloatArray) -> NDArray[Any]:
    """The pixels (P,) of a picture (H, W) at points (P, 2 or more), the border's if outside."""
    column, row = np.rint(points[:, :2]).astype(np.int64).T
    height, width = picture.shape
    return picture[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]


def _expression(rng: np.random.Generator, strong: bool) -> Expression:
    """A face at rest or with a slight smile, or one of four strong expressions."""
    gaze = (float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.25, 0.35)))
    lids = float(rng.uniform(0.75, 1.15))
    slight = Expression(
        mouth_open=float(max(rng.uniform(-0.3, 0.3), 0)),
        smile=float(rng.uniform(-0.35, 0.75)),
        brow_raise=float(rng.normal(0, 0.25)),
        eye_open=(lids, lids),
        gaze=gaze,
        skew=float(rng.normal(0, 0.2)),
    )
    if not strong:
        return slight
    strength, kind = float(rng.uniform(0.6, 1.0)), int(rng.integers(0, 4))
    side = float(rng.choice([-1.0, 1.0]))
    if kind == 0:  # surprise
        wide = (1.1 + 0.2 * strength,) * 2
        return Expression(strength, 0.0, strength, wide, gaze, slight.skew)
    if kind == 1:  # laughter
        narrow = (1 - 0.6 * strength,) * 2
        return Expression(0.55 * strength, strength, slight.brow_raise, narrow, gaze, slight.skew)
    if kind == 2:  # anger
        narrow = (1 - 0.4 * strength,) * 2
        return Expression(slight.mouth_open, -strength, -strength, narrow, gaze, slight.skew)
    winking = (0.0, lids) if side < 0 else (lids, 0.0)
    if rng.random() < 0.5:
        winking = (0.0, 0.0)
    return Expression(slight.mouth_open, slight.smile, 0.3, winking, gaze, side * strength)


def _pose(rng: np.random.Generator) -> Pose:
    kind = rng.random()
    if kind < 0.76:
        yaw = rng.normal(0, 9)
    elif kind < 0.925:
        yaw = rng.normal(0, 26)
    else:
        yaw = rng.uniform(40, 80) * rng.choice([-1, 1])
    pitch, roll = np.clip(rng.normal(0, [9, 8]), -28, 28)
    return Pose(float(np.clip(yaw, -80, 80)), float(pitch), float(roll))


def _placed(
    shape: FloatArray, pose: Pose, width: int, height: int, rng: np.random.Generator
) -> Pose:
    """The pose with the scale and shift that put the landmarks near the photo's middle."""
    points = pose.project(shape)[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    share = rng.uniform(0.37, 0.48) * min(width, height)
    scale = float(share / (high - low).max())
    target = np.array([width, height]) * (0.5 + rng.uniform(-0.05, 0.05, 2)) - 0.5
    x, y = target - scale * (low + high) / 2
    return Pose(pose.yaw, pose.pitch, pose.roll, scale, (float(x), float(y)))


def _look(rng: np.random.Generator, made_up: bool, harsh: bool) -> Look:
    skin = float(rng.uniform(0.3, 0.85))
    side = rng.uniform(50, 85) * rng.choice([-1, 1]) if harsh else rng.normal(0, 25)
    above = rng.uniform(-20, 50)
    turn, lift = np.radians([side, above])
    light = (np.sin(turn) * np.cos(lift), -np.sin(lift), np.cos(turn) * np.cos(lift))
    bearded = not made_up and rng.random() < 0.2
    return Look(
        skin=skin,
        hair=float(rng.choice([rng.uniform(0.04, 0.25), rng.uniform(0.2, 0.75)])),
        iris=float(rng.uniform(0.08, 0.4)),
        lips=float(rng.uniform(0.3, 0.5) if made_up else rng.uniform(0.65, 0.92)),
        eye_shadow=float(rng.uniform(0.5, 1.0)) if made_up else 0.0,
        beard=float(rng.uniform(0.2, 1.0)) if bearded else 0.0,
        hairline=float(rng.uniform(-0.6, 0.75)),
        hair_length=float(rng.choice([0.0, rng.uniform(0, 1)])),
        hair_volume=float(rng.uniform(0.02, 0.22)),
        glasses=float(rng.choice([0.0, rng.uniform(0.02, 0.06)], p=[0.85, 0.15])),
        light=(float(light[0]), float(light[1]), float(light[2])),
        ambient=float(rng.uniform(0.08, 0.25) if harsh else rng.uniform(0.35, 0.65)),
        gloss=float(rng.uniform(0, 0.2)),
    )


def _photograph(
    canvas: Image.Image, blurred: bool, harsh: bool, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The photo of an oversampled canvas: blur, exposure and noise of a camera."""
    sigma = rng.uniform(1.3, 2.6) if blurred else rng.uniform(0.0, 0.7)
    small = canvas.reduce(_OVERSAMPLING).filter(ImageFilter.GaussianBlur(float(sigma)))
    gain = rng.uniform(0.45, 1.5) if harsh else rng.uniform(0.85, 1.15)
    curve = 255 * gain * (np.arange(256) / 255) ** rng.uniform(0.8, 1.25)
    noise = rng.standard_normal((small.height, small.width), dtype=np.float32)
    values = curve.astype(np.float32)[np.asarray(small)] + rng.uniform(0.5, 7) * noise
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
