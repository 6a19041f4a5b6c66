"""Occluders: shapes that cover parts of faces, and which landmarks they cover.

All shapes of a batch are made at once. The host never waits for a value.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.config.schema import FILLS, PLACES, SHAPES
from landmark_lightning.distributed import Part
from landmark_lightning.schemes import EyeGroups, Scheme

GRAYS = ((0.0, 30.0), (200.0, 255.0), (0.0, 255.0))
"""Ranges of an occluder's gray: dark, bright, any (section 5)."""

CELLS = 6
"""Cells along a side of the low-frequency noise."""

TEXTURES = {
    "gray": (0.0, 0.0, 0.0, 0.0),
    "shaded": (0.8, 0.0, 0.0, 0.0),
    "noise": (0.2, 0.6, 0.0, 0.0),
    "smooth": (0.2, 0.1, 1.2, 0.0),
    "face": (0.0, 0.0, 0.0, 1.0),
}
"""Of each fill the widest range of what is added to its gray, of the gray range: shade from one
edge to the other, noise, low-frequency noise; and the share of another face."""


class Draw(NamedTuple):
    """Random values of K shapes a face, (B, K, 1) each, ``at`` and ``size`` (B, K, 2), in 0..1."""

    covered: Tensor
    number: Tensor
    shape: Tensor
    place: Tensor
    landmark: Tensor
    angle: Tensor
    fill: Tensor
    range: Tensor
    gray: Tensor
    shade: Tensor
    strength: Tensor
    at: Tensor
    size: Tensor


class Frame(NamedTuple):
    """From pixels of the input to the axes of shapes, (B, K, 1, 1) each.

    Along a shape's first axis x, y lies at ``across_x`` x + ``across_y`` y + ``across``, along its
    second one at ``down_x`` x + ``down_y`` y + ``down``; both are between -1 and 1 inside it.
    Where ``apart`` is above 0 the shape is there twice, so far to either side along the first.
    """

    across_x: Tensor
    across_y: Tensor
    across: Tensor
    down_x: Tensor
    down_y: Tensor
    down: Tensor
    apart: Tensor

    def distance(self, x: Tensor, y: Tensor, is_round: Tensor) -> tuple[Tensor, Tensor]:
        """How far places lie from shapes' middles, below 1 inside; and where on the second axis.

        The distance is a square: of the length in an ellipse (``is_round`` is 1), of the longer
        of both coordinates in a rectangle (it is 0).
        """
        # Each a term of x and one of y, so that on a grid a row and a column are added.
        first = self.across_x * x + (self.across_y * y + self.across)
        second = self.down_x * x + (self.down_y * y + self.down)
        first, squared = first.abs_().sub_(self.apart).square_(), second.square()
        shorter = torch.minimum(first, squared)
        return torch.maximum(first, squared).addcmul_(is_round, shorter), second


class Occluders(nn.Module):
    """Covers parts of faces with up to K shapes each.

    Args:
        scheme: Scheme of the landmarks.
        side: Pixels S of the input.
        probability: Of a face to be covered.
        last_phase: What it is multiplied by in the last of several phases of a training: with
            fewer covered faces there, the error on those that nothing covers ends lower.
        most: Most shapes K on a face; how many they are is drawn evenly.
        shapes: ``rectangle``, ``ellipse``, and ``stripe``, which crosses the whole picture. What
            stands twice in a list comes twice as often.
        places: ``anywhere``, a random ``landmark``, a ``part`` of the face (where none is known,
            a landmark), or both ``eyes`` at once.
        fills: ``gray`` as the paper's occluder, ``shaded`` from edge to edge, with ``noise`` of a
            pixel or ``smooth`` noise of several, or a piece of another ``face`` of the batch.
        size: Smallest and largest width and height of a shape, as shares of the side; those on a
            part or on the eyes go by its size instead.
        parts: Groups of landmarks that are the parts of the face.
        eyes: The two eyes, a group each; None: those of ``eyes_of``, and where a scheme has none
            a landmark takes their place.

    Raises:
        UserError: A value out of range; it is named.
    """

    lowest: Tensor
    span: Tensor
    grays: Tensor
    groups: Tensor
    left: Tensor
    right: Tensor
    textures: Tensor
    shapes: Tensor
    places: Tensor
    pixels: Tensor
    between: Tensor
    share: Tensor

    def __init__(
        self,
        scheme: Scheme,
        side: int,
        probability: float = 0.0,
        last_phase: float = 1.0,
        most: int = 3,
        shapes: Sequence[str] = SHAPES,
        places: Sequence[str] = PLACES,
        fills: Sequence[str] = FILLS,
        size: Sequence[float] = (0.06, 0.6),
        parts: Sequence[Sequence[int]] = (),
        eyes: EyeGroups | None = None,
    ) -> None:
        super().__init__()
        check(
            schema.Occluders, probability=probability, last_phase=last_phase, most=most,
            shapes=list(shapes), places=list(places), fills=list(fills), size=list(size),
        )  # fmt: skip
        self.side, self.most, self.fills = side, most, tuple(fills)
        self.probability, self.last_phase = probability, last_phase
        self.landmarks, self.parts = scheme.landmarks, len(parts)
        eyes = eyes or eyes_of(scheme)
        self.has_eyes = eyes is not None and "eyes" in places
        groups = [[i] for i in range(scheme.landmarks)] + [list(part) for part in parts]
        longest = max(map(len, groups))
        shortest, largest = (torch.full((2,), share * side / 2) for share in size)
        forms = {  # 1 where it is round; by what width and height are multiplied; what is added
            "rectangle": (0.0, 1.0, 1.0, 0.0, 0.0),
            "ellipse": (1.0, 1.0, 1.0, 0.0, 0.0),
            "stripe": (0.0, 0.0, 0.5, 3.0 * side, 0.0),
        }
        tensors = {
            "lowest": shortest,
            "span": largest - shortest,
            "grays": torch.tensor(GRAYS) / 255,
            "groups": torch.tensor([g + g[:1] * (longest - len(g)) for g in groups]),
            "left": torch.tensor(eyes[0] if eyes else [0]),
            "right": torch.tensor(eyes[1] if eyes else [0]),
            "textures": torch.tensor([TEXTURES[fill] for fill in fills]),
            "shapes": torch.tensor([forms[shape] for shape in shapes]),
            "places": torch.tensor([PLACES.index(place) for place in places]),
            "pixels": torch.arange(float(side)),
            "between": _bilinear(CELLS, side),
            "share": torch.tensor(float(probability)),  # of faces, in place where a graph reads it
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor, persistent=False)

    def enter(self, last_phase: bool) -> None:
        """Sets the share of faces that are covered: that of the last phase, or of the others."""
        self.share.fill_(self.probability * (self.last_phase if last_phase else 1.0))

    def forward(
        self, image: Tensor, points: Tensor, part: Part | None = None
    ) -> tuple[Tensor, Tensor]:
        """Covers faces.

        Args:
            image: (B, 1, S, S) in [0, 1].
            points: (B, L, 2) landmarks in its pixels; NaN where one is not labelled.
            part: Where the faces are a rank's part of a batch, as of an ``Augmentation``; pieces
                of other faces are those of that part.

        Returns:
            (B, 1, S, S) in [0, 1], and (B, L) bool which landmarks are covered.
        """
        faces = len(image)
        whole = faces if part is None else part.faces
        uniform = torch.rand((whole, self.most, 15), device=image.device)
        fine = torch.rand((self.side, self.side), device=image.device)  # the same for all faces
        coarse = torch.rand((whole, 1, CELLS, CELLS), device=image.device)
        if part is not None:
            uniform, coarse = part.of(uniform), part.of(coarse)
        drawn = Draw(*uniform.split((1,) * 11 + (2, 2), dim=-1))
        form = _chosen(self.shapes, drawn.shape)
        is_round, frame, sharp = self._frame(drawn, form, points)
        order = self.pixels[: self.most, None]
        wanted = order < 1 + (drawn.number[:, :1] * self.most).floor()
        there = ((drawn.covered[:, :1] < self.share) & wanted)[..., None]
        across, down = points[:, None, None].unbind(-1)  # (B, 1, 1, L)
        distance, _ = frame.distance(across, down, is_round)
        covered = ((distance < 1) & there).any(dim=1)[:, 0]
        distance, height = frame.distance(self.pixels, self.pixels[:, None], is_round)
        fill = self._fill(drawn, height, image, fine, coarse)
        # Edges a pixel wide; weights 0 and 1 are exact, and no comparison of pixels is as fast.
        weight = distance.mul_(-sharp).add_(sharp + 0.5).clamp_(0, 1).mul_(there)
        for k in range(self.most):
            image = image.lerp_(fill[:, k, None], weight[:, k, None])
        return image.clamp_(0, 1), covered

    def _frame(self, drawn: Draw, form: Tensor, points: Tensor) -> tuple[Tensor, Frame, Tensor]:
        """Whether shapes are round, where they lie, and half their shorter sides; (B, K, 1, 1)."""
        spot = self._spots(drawn, points)[..., None, None]
        form = form[..., None, None]
        x, y, _, _, angle, apart = spot.unbind(2)
        half = spot[:, :, 2:4] * form[:, :, 1:3] + form[:, :, 3:]
        cos, sin = angle.cos(), angle.sin()
        width, height = half.unbind(2)
        across_x, across_y, down_x, down_y = cos / width, sin / width, -sin / height, cos / height
        frame = Frame(
            across_x, across_y, -(across_x * x + across_y * y),
            down_x, down_y, -(down_x * x + down_y * y), apart / width,
        )  # fmt: skip
        return form[:, :, 0], frame, half.amin(dim=2) / 2

    def _spots(self, drawn: Draw, points: Tensor) -> Tensor:
        """Where shapes lie: middle, half width and height, angle, and how far two lie apart.

        One that is to lie on what a face lacks lies anywhere.

        Returns:
            (B, K, 6) input pixels and radians.
        """
        size = torch.addcmul(self.lowest, self.span, drawn.size)
        angle = (drawn.angle - 0.5) * math.pi
        alone = torch.zeros_like(angle)
        anywhere = torch.cat([drawn.at * (self.side - 1), size, angle, alone], dim=-1)
        place = _chosen(self.places, drawn.place)[..., None]
        index, small = drawn.landmark * self.landmarks, torch.ones_like(angle)
        if self.parts:
            on_part = place == PLACES.index("part")
            chosen = self.landmarks + drawn.landmark * self.parts
            index, small = torch.where(on_part, chosen, index), 1 - 0.8 * on_part.float()
        members = self.groups[index[..., 0].long()]  # (B, K, M)
        rows = members.flatten(1)[..., None].expand(-1, -1, 2)
        group = points.gather(1, rows).view(*members.shape, 2)
        first, last = group.amin(dim=2), group.amax(dim=2)
        half = torch.addcmul(size * small, last - first, 0.4 + 0.4 * drawn.size)
        middle = torch.addcmul((first + last) / 2, drawn.at - 0.5, half, value=0.5)
        found = torch.cat([middle, half, angle * small, alone], dim=-1)
        if self.has_eyes:
            eyes = self._eyes(drawn, points)
            found = torch.where(place == PLACES.index("eyes"), eyes, found)
        usable = found.isfinite().all(dim=-1, keepdim=True) & (place != PLACES.index("anywhere"))
        return torch.where(usable, found, anywhere)

    def _eyes(self, drawn: Draw, points: Tensor) -> Tensor:
        """(B, K, 6) shapes over both eyes at once, as of ``_spots``."""
        left, right = (points[:, eye].mean(dim=1)[:, None] for eye in (self.left, self.right))
        away = (right - left) / 2
        apart = torch.linalg.vector_norm(away, dim=-1, keepdim=True)
        angle = torch.atan2(away[..., 1:], away[..., :1]) + (drawn.angle - 0.5) * 0.3
        middle = torch.addcmul((left + right) / 2, drawn.at - 0.5, 0.3 * apart)
        half = (drawn.size * 0.7 + 0.3) * apart
        return torch.cat([middle, half, angle, 0.85 * apart.expand_as(angle)], dim=-1)

    def _fill(
        self, drawn: Draw, height: Tensor, image: Tensor, fine: Tensor, coarse: Tensor
    ) -> Tensor:
        """(B, K, S, S) grays of the shapes.

        Args:
            drawn: The random values.
            height: (B, K, S, S) -1 at one edge of a shape, 1 at the other.
            image: (B, 1, S, S) the faces, pieces of which are taken.
            fine: (S, S) uniform in 0..1.
            coarse: (B, 1, c, c) uniform in 0..1.
        """
        shade, noise, smooth, face = _chosen(self.textures, drawn.fill)[..., None, None].unbind(2)
        strength = drawn.strength[..., None]
        darkest, brightest = _chosen(self.grays, drawn.range)[..., None, None].unbind(2)
        gray = torch.lerp(darkest, brightest, drawn.gray[..., None]) * (1 - face)
        fill = torch.addcmul(gray, shade * (drawn.shade[..., None] - 0.5), height)
        fill.addcmul_(noise * strength, fine - 0.5)
        if "smooth" in self.fills:
            clouds = self.between @ (coarse - 0.5) @ self.between.T
            fill.addcmul_(smooth * strength, clouds)
        if "face" in self.fills:  # half a picture further down: no eye lies on an eye
            fill.addcmul_(face, image.roll((1, self.side // 2), (0, 2)))
        return fill


def _chosen(table: Tensor, uniform: Tensor) -> Tensor:
    """Entries of an (n, ...) table for (B, K, 1) numbers uniform in 0..1."""
    return table[(uniform[..., 0] * len(table)).long()]


def _bilinear(cells: int, side: int) -> Tensor:
    """(side, cells) weights that stretch a row of cells to one of pixels, linearly between."""
    place = torch.linspace(0, cells - 1, side)[:, None]
    return (1 - (place - torch.arange(cells)).abs()).clamp(min=0)


def eyes_of(scheme: Scheme) -> EyeGroups | None:
    """The two eyes of a scheme, a group of landmarks each; None: it has none.

    Where the scheme names no eyes they are the groups that its normalizer lies between; of several
    normalizers the one of most landmarks: the eyes rather than their corners.
    """
    if named := scheme.parts.get("eyes"):
        half = len(named) // 2
        return named[:half], named[half:]
    pairs = [rule for rule in scheme.normalizers.values() if not isinstance(rule, str)]
    return max(pairs, key=lambda rule: len(rule[0]) + len(rule[1]), default=None)
