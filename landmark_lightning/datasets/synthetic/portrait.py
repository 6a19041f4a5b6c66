"""Paints the parametric head: its skin, features, hair and beard.

A gray texture is painted on a fixed grid of the surface's positions and angles, in the layout
that the head gives its features, so that every landmark lies on what it names.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from landmark_lightning.datasets.synthetic.head import CROWN, FloatArray, Head, through

ROWS = 184

POSITION = np.linspace(CROWN, 0, ROWS)
# Denser on the nose, whose sides are steep.
ANGLE = np.radians(
    np.concatenate(
        [
            np.linspace(-180, -90, 44, endpoint=False),
            np.linspace(-90, -18, 54, endpoint=False),
            np.linspace(-18, 18, 49),
            np.linspace(90, 18, 54, endpoint=False)[::-1],
            np.linspace(180, 90, 44, endpoint=False)[::-1],
        ]
    )
)

Layout = list[tuple[float, float]]


@dataclass(frozen=True)
class Look:
    """How a head is painted and lit; tones are shares of white.

    Attributes:
        skin: Tone of the skin.
        hair: Tone of hair and brows.
        iris: Tone of the iris.
        lips: Tone of the lips, as a share of the skin's.
        eye_shadow: 0 none to 1 dark lids (make-up).
        beard: 0 shaved to 1 full.
        hairline: Height of the forehead's hairline, 0 high to 1 down to the brows.
        hair_length: How far hair falls at the sides: 0 above the ears, 1 down to the chin.
        hair_volume: How far the hair stands out of the head.
        glasses: 0 none, else the thickness of the frame.
        light: (3,) unit vector to the light: x right, y down, z to the viewer.
        ambient: Share of light that comes from everywhere, 0..1.
        gloss: Strength of highlights.
    """

    skin: float = 0.65
    hair: float = 0.2
    iris: float = 0.25
    lips: float = 0.75
    eye_shadow: float = 0.0
    beard: float = 0.0
    hairline: float = 0.0
    hair_length: float = 0.0
    hair_volume: float = 0.1
    glasses: float = 0.0
    light: tuple[float, float, float] = (0.0, -0.3, 0.95)
    ambient: float = 0.4
    gloss: float = 0.1


class _Texture:
    """A gray picture on the surface's grid, painted in the head's frontal layout."""

    def __init__(self, head: Head, tone: float) -> None:
        self.head = head
        self.image = Image.new("L", (len(ANGLE), ROWS), int(255 * tone))
        self.pen = ImageDraw.Draw(self.image)

    def place(self, points: FloatArray) -> Layout:
        """The whole grid coordinates next to points (P, 2) as seen from the front.

        Pillow cuts what is not whole towards 0, which moves a face to the left and up.
        """
        position, angle = self.head.locate(points)
        column = np.interp(angle, ANGLE, np.arange(len(ANGLE)))
        row = (1 - position / CROWN) * (ROWS - 1)
        return list(zip(column.round().tolist(), row.round().tolist(), strict=True))

    def area(self, points: FloatArray, tone: float) -> None:
        self.pen.polygon(self.place(points), fill=_gray(tone))

    def line(self, points: FloatArray, tone: float, width: int = 1) -> None:
        self.pen.line(self.place(points), fill=_gray(tone), width=width, joint="curve")

    def mask(self, points: FloatArray) -> Image.Image:
        """A mask of the grid, full inside points (P, 2)."""
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon(self.place(points), fill=255)
        return mask

    def shade(self, points: FloatArray, tone: float, strength: float, blur: int) -> None:
        """Blends a tone softly into the area inside points (P, 2)."""
        outline = np.array(self.place(points))
        corner = np.floor(outline.min(axis=0)).astype(int) - 2 * blur
        size = np.ceil(outline.max(axis=0)).astype(int) + 2 * blur + 1 - corner
        mask = Image.new("L", (int(size[0]), int(size[1])))
        inside = [(float(x), float(y)) for x, y in outline - corner]
        ImageDraw.Draw(mask).polygon(inside, fill=int(255 * strength))
        mask = mask.filter(ImageFilter.BoxBlur(blur))
        self.image.paste(_gray(tone), (int(corner[0]), int(corner[1])), mask)


def _gray(tone: float) -> int:
    return int(np.clip(255 * tone, 0, 255))


def _ellipse(centre: FloatArray, wide: float, high: float) -> FloatArray:
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return centre + np.stack([wide * np.cos(turn), high * np.sin(turn)], axis=-1)


def _ring(*edges: FloatArray) -> FloatArray:
    """A closed outline of two edges that run the same way."""
    return np.concatenate([edges[0], edges[1][::-1]])


def _paint_eye(texture: _Texture, look: Look, side: int) -> None:
    head = texture.head
    along = np.linspace(0, 1, 17)
    upper, lower = head.eye(side, along)
    open_upper, _ = Head(head.identity).eye(side, along)
    skin, lid = look.skin, np.minimum(upper, open_upper) - [0, 0.05]
    texture.shade(_ring(lid - [0, 0.05], lower), 0.6 * skin, 0.3, 4)
    if look.eye_shadow:
        texture.shade(_ring(lid - [0, 0.03], upper), 0.15, 0.75 * look.eye_shadow, 1)
    texture.line(lid[2:-1], 0.72 * skin)
    texture.line(lower + [0, 0.05], 0.85 * skin)
    eye, pupil = texture.mask(_ring(upper, lower)), head.pupil(side)
    texture.image.paste(_gray(0.45 + 0.45 * skin), mask=eye)
    glint = pupil + [0.025, -0.025]
    discs = (pupil, 0.078, look.iris), (pupil, 0.032, 0.02), (glint, 0.015, 0.9)
    for centre, radius, tone in discs:
        disc = texture.mask(_ellipse(centre, radius, radius))
        texture.image.paste(_gray(tone), mask=ImageChops.darker(eye, disc))
    lash = 0.05 if look.eye_shadow else 0.3 * skin
    texture.line(upper, lash, 2 if head.expression.eye_open[side > 0] > 0.3 else 3)
    texture.line(lower, 0.65 * skin)


def _paint_mouth(texture: _Texture, look: Look) -> None:
    head = texture.head
    left, right = head.mouth(-1), head.mouth(1)

    def edge(*indices: int) -> FloatArray:
        """The smooth edge through a corner, points beside the middle, the middle, and back."""
        back = list(indices[-2::-1])
        return through(np.concatenate([left[list(indices)], right[back]]), 25)

    upper, lower = edge(0, 1, 2, 3), edge(0, 4, 5, 6)
    inner_upper, inner_lower = edge(7, 8, 9), edge(7, 10, 11)
    lips = look.lips * look.skin
    texture.shade(_ring(lower + [0, 0.02], lower + [0, 0.09]), 0.6 * look.skin, 0.6, 3)
    texture.area(_ring(upper, np.concatenate([left[:1], inner_upper, right[:1]])), 0.92 * lips)
    texture.area(_ring(np.concatenate([left[:1], inner_lower, right[:1]]), lower), lips)
    texture.shade(_ring(lower * [0.5, 1] - [0, 0.1], lower * [0.5, 1] - [0, 0.05]), 1, 0.2, 2)
    gap = head.jaw_drop
    if gap > 0.01:
        hole = _ring(inner_upper, inner_lower)
        texture.area(hole, 0.1)
        teeth = np.minimum(inner_upper + [0, min(0.09, 0.6 * gap)], inner_lower)
        if gap > 0.06 or head.expression.smile > 0.3:
            texture.area(_ring(inner_upper[4:-4], teeth[4:-4]), 0.85)
        if gap > 0.2:
            tongue = np.maximum(inner_lower - [0, 0.1], inner_upper)
            texture.area(_ring(tongue[5:-5], inner_lower[5:-5]), 0.35)
    texture.line(inner_upper, 0.3 * lips)
    for side, half in ((-1, left), (1, right)):
        wing = head.nostrils(side)[0]
        fold = np.array([wing + [0.05 * side, -0.05], (wing + half[0]) / 2, half[0]])
        fold[1:, 0] += side * np.array([0.09, 0.07])
        depth = 0.93 - 0.25 * max(head.expression.smile, 0)
        texture.line(through(fold, 9), depth * look.skin, 2)


def _paint_nose(texture: _Texture, look: Look) -> None:
    head = texture.head
    base, wide = head.nose_base, head.nose_width
    under = np.array([[-0.2, -0.02], [0.2, -0.02], [0.14, 0.05], [-0.14, 0.05]])
    texture.shade(under * [wide, 1] + [0, base], 0.45 * look.skin, 0.6, 2)
    for side in (-1, 1):
        hole = np.array([side * 0.085 * wide, base - 0.025])
        texture.area(_ellipse(hole, 0.05 * wide, 0.022), 0.2 * look.skin)
        wing = np.array([[0.17, -0.15], [0.205, -0.1], [0.215, -0.05], [0.19, -0.015]])
        texture.line(through(wing * [side * wide, 1] + [0, base], 9), 0.6 * look.skin, 2)
        bridge = np.array([[0.07, -0.7], [0.17, -0.55], [0.12, -0.25], [0.08, -0.5]])
        texture.shade(bridge * [side, 1], 0.5 * look.skin, 0.5, 3)


def _streaks(image: Image.Image, hair: Image.Image, rng: np.random.Generator) -> FloatArray:
    """The tones of a texture, darker and lighter along strands where there is hair."""
    strands = np.repeat(rng.normal(0, 0.22 / 255, (14, image.width)), -(-ROWS // 14), axis=0)
    coat = strands[:ROWS].astype(np.float32) * np.asarray(hair)
    return np.asarray(image) * (coat + 1) / 255


def paint(head: Head, look: Look, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Paints a head's texture.

    Returns:
        Tones (ROWS, columns) as shares of white, and a mask in 0..1 of the hair on the head.
    """
    texture = _Texture(head, look.skin)
    mottled = rng.integers(0, 256, (12, 12), dtype=np.uint8)
    blotches = Image.fromarray(mottled).resize(texture.image.size, Image.Resampling.BICUBIC)
    texture.image = Image.blend(texture.image, blotches, 0.05)
    texture.pen = ImageDraw.Draw(texture.image)
    if look.beard:
        jaw = [[-1, -0.2], [-0.75, 0.15], [-0.5, 0.2], [0.5, 0.2], [0.75, 0.15], [1, -0.2]]
        chin = [[1, 0.5], [0.8, 1.0], [0, 1.4], [-0.8, 1.0], [-1, 0.5]]
        texture.shade(np.array(jaw + chin), look.hair, 0.85 * look.beard, 5)
    _paint_nose(texture, look)
    for side in (-1, 1):
        _paint_eye(texture, look, side)
        upper, lower = head.brow(side)
        outline = _ring(through(upper, 13), through(lower, 13))
        tone = min(0.8 * look.hair + 0.05, 0.75 * look.skin)
        texture.shade(outline, tone, 0.92, 1)
    _paint_mouth(texture, look)
    hair = _hair_mask(look, rng)
    texture.image.paste(_gray(look.hair), mask=hair)
    soft = texture.image.filter(ImageFilter.BoxBlur(0.6))
    volume = hair.filter(ImageFilter.BoxBlur(4))
    return _streaks(soft, hair, rng), np.asarray(volume, dtype=np.float64) / 255


def _hair_mask(look: Look, rng: np.random.Generator) -> Image.Image:
    """Where hair covers the grid: above a hairline that falls behind the ears."""
    mask = Image.new("L", (len(ANGLE), ROWS))
    front = 11.6 - 2.0 * look.hairline
    side = 8.4 - 2.5 * look.hair_length
    back = 6.0 - 3.0 * look.hair_length
    angles = np.radians([0, 30, 55, 72, 88, 95, 125, 135, 180])
    line = np.array(
        [front, front, front - 0.2, front - 0.8, side, side + 0.6, side + 0.4, back, back]
    )
    parted = rng.normal(0, 0.12, (2, len(line)))
    ends = [
        (float(np.interp(sign * angle, ANGLE, np.arange(len(ANGLE)))), position)
        for sign, wave in ((-1, parted[0]), (1, parted[1]))
        for angle, position in zip(angles, line + wave, strict=True)
    ]
    left, right = ends[:9][::-1], ends[9:]
    outline = [(column, (1 - position / CROWN) * (ROWS - 1)) for column, position in left + right]
    ImageDraw.Draw(mask).polygon([(0, 0), *outline, (len(ANGLE), 0)], fill=255)
    return mask.filter(ImageFilter.BoxBlur(1))
