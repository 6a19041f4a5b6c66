"""Augmentation: the paper's section 5 on whole batches, image and landmarks by the same map.

The parameters of all faces are drawn in one call; one warp does shift, turn, mirror and crop, the
blur is two 1-D convolutions, and the rest is pointwise. The host never waits for a value.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from landmark_lightning.config import schema
from landmark_lightning.config.read import check, speaking_of
from landmark_lightning.datasets.boxes import jitter_of
from landmark_lightning.distributed import Part
from landmark_lightning.errors import UserError
from landmark_lightning.landmark_parts import covered_parts
from landmark_lightning.model.extras import extras
from landmark_lightning.model.image_ops import blur, contrast, occlude, warp
from landmark_lightning.model.occluders import GRAYS, Occluders
from landmark_lightning.schemes import Scheme


class Draw(NamedTuple):
    """Random values, (B, 1, 1, 1) each, uniform in the range that ``Augmentation`` gives them."""

    shift_x: Tensor
    shift_y: Tensor
    angle: Tensor
    mirror: Tensor
    noise: Tensor
    sigma: Tensor
    blurred: Tensor
    area: Tensor
    stretch: Tensor
    left: Tensor
    top: Tensor
    gray: Tensor
    kind: Tensor
    contrast: Tensor


class Box(NamedTuple):
    """Where the box that a crop is cut around lies to the true one, whose square is the measure.

    Attributes:
        shift: (B, 1, 2) of its middle, in sides of the true square.
        stretch: (B, 1, 2) its width and height over the side of the true square.
    """

    shift: Tensor
    stretch: Tensor


class Augmentation(nn.Module):
    """Cuts the network's input out of stored crops; in training mode, with random changes.

    One warp shifts, turns, mirrors and crops; then come occluders, where they are wanted, and
    noise, blur, occlusion and contrast, in the paper's order; then ``extra``. In evaluation mode
    only the middle of the crop is cut out.

    With ``box_jitter`` and ``detector_boxes`` all this is done to a crop around another box than
    the true one, as a face detector's is.

    Args:
        scheme: Scheme of the landmarks.
        crop_side: Pixels C of the stored crop.
        margin: Side of the stored crop over the input's extent.
        side: Pixels S of the input.
        shift: Largest shift along x and along y, as a share of the input's extent.
        rotation: Largest turn either way, radians.
        mirror: Probability of a mirrored face.
        mirror_offset: How far all labels lie to the right of the points, as a share of the
            normalizer. On a mirrored face they are put as far to the right again, where those who
            made them would have put them; one without a normalizer is not mirrored then. ``auto``:
            what the buffer ``label_offset`` says, which a task measures; before, none is mirrored.
        noise: Largest amplitude a, as a share of the gray range; pixels get U(-a, a).
        blur: Range of the Gaussian's sigma, input pixels.
        blur_probability: Probability that a face is blurred.
        occlusion: Largest share of the area that one rectangle covers.
        contrast: Largest contrast change c either way, on the scale of -255 to 255.
        box_jitter: How much the box that a crop is cut around is moved at random, as ``jitter_of``
            reads it; 0: not at all.
        detector_boxes: Share of the faces that are cut around the box that a detector found.
        occluders: Arguments of ``Occluders`` but scheme, side and parts, which are the scheme's;
            None: there are none.
        scale: Side of the input's extent over the side of the box's square.
        extra: kornia augmentations, as modules or as mappings with a ``_target_``; a module of
            another kind must leave the picture where it is.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        UserError: A value out of range, a mirror without pairs of landmarks to swap, or an extra
            augmentation that would part image and landmarks; it is named.
    """

    permutation: Tensor
    grays: Tensor
    lowest: Tensor
    span: Tensor
    jitter: Tensor
    label_offset: Tensor

    def __init__(
        self,
        scheme: Scheme,
        crop_side: int,
        margin: float,
        side: int,
        shift: float = 0.2,
        rotation: float = 1.0,
        mirror: float = 0.0,
        noise: float = 0.2,
        blur: Sequence[float] = (1.0, 1.3),
        blur_probability: float = 0.5,
        occlusion: float = 0.5,
        contrast: float = 30.0,
        extra: Sequence[nn.Module | Mapping[str, Any]] = (),
        box_jitter: float | str | Sequence[float] = 0,
        detector_boxes: float = 0,
        occluders: Mapping[str, Any] | None = None,
        scale: float = 1.2,
        mirror_offset: float | str = 0,
        allow_targets: Sequence[str] = (),
    ) -> None:
        super().__init__()
        check(
            schema.Augmentation, shift=shift, rotation=rotation, mirror=mirror, noise=noise,
            blur=blur, blur_probability=blur_probability, occlusion=occlusion, contrast=contrast,
            box_jitter=box_jitter, mirror_offset=mirror_offset,
        )  # fmt: skip
        if mirror and scheme.landmarks > 1 and scheme.mirror == tuple(range(scheme.landmarks)):
            raise UserError(
                f"mirror={mirror} mirrors faces, but scheme {scheme.name} names no mirror pairs: "
                "left would be learned as right; give it its pairs, or pass mirror=0"
            )
        if blur[1] > side / 8:
            raise UserError(
                f"blur={list(blur)} must be at most {side / 8:g}, an eighth of the input's side"
            )
        check(schema.Data, detector_boxes=detector_boxes)
        self.crop_side, self.margin, self.side = crop_side, margin, side
        jitter = jitter_of(box_jitter)
        self.jittered, self.detector_boxes, self.scale = any(jitter), detector_boxes, scale
        self.mirror, self.noise, self.occlusion = mirror, noise, occlusion
        self.moves_labels = bool(mirror and mirror_offset)
        self.measures_labels = self.moves_labels and mirror_offset == "auto"
        known = torch.tensor(torch.nan if mirror_offset == "auto" else float(mirror_offset))
        self.register_buffer("label_offset", known, persistent=self.measures_labels)
        self.blur_probability, self.blur_radius = blur_probability, math.ceil(3 * blur[1])
        self.extra = extras(extra, allow_targets, side)
        with speaking_of("occluders"):
            made = Occluders(scheme, side, parts=covered_parts(scheme.parts), **(occluders or {}))
        self.occluders = made if made.probability else None
        half_octave = math.log(2.0) / 2  # an occluder's sides differ by up to a factor of two
        ranges = {
            "shift_x": (-shift, shift), "shift_y": (-shift, shift), "angle": (-rotation, rotation),
            "noise": (0, noise), "sigma": blur, "area": (0, occlusion),
            "stretch": (-half_octave, half_octave), "kind": (0, len(GRAYS)),
            "contrast": (-contrast, contrast),
        }  # fmt: skip
        limits = torch.tensor([ranges.get(name, (0, 1)) for name in Draw._fields])
        lowest, highest = limits.T.reshape(2, -1, 1, 1, 1, 1)
        self.register_buffer("lowest", lowest, persistent=False)
        self.register_buffer("span", highest - lowest, persistent=False)
        self.register_buffer("jitter", torch.tensor(jitter), persistent=False)
        self.register_buffer("permutation", torch.tensor(scheme.mirror), persistent=False)
        self.register_buffer("grays", torch.tensor(GRAYS).T / 255, persistent=False)

    def use_crop(self, side: int, margin: float) -> None:
        """Reads stored crops of another side and margin from now on."""
        self.crop_side, self.margin = side, margin

    @torch.no_grad()
    def forward(
        self,
        images: Tensor,
        landmarks: Tensor,
        part: Part | None = None,
        offset: Tensor | None = None,
        length: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Makes the network's input.

        Args:
            images: (B, 1, C, C) uint8 stored crops.
            landmarks: (B, L, 2) in crop pixels.
            part: Where the faces are a rank's part of a batch: random numbers are drawn for the
                whole batch, so that each face gets what it would in a single process (not so
                those of ``extra``). None: they are the whole.
            offset: (B, 3) how far a detector's box lies from the true one, as ``BoxMap.offsets``
                tells; NaN: there is none.
            length: (B,) the normalizer of each face in crop pixels, which ``mirror_offset`` is a
                share of; None: no label is moved.

        Returns:
            (B, 1, S, S) float32 in [-1, 1], and (B, L, 2) in input pixels.
        """
        image, points, _ = self.with_covered(images, landmarks, None, part, offset, length)
        return image, points

    @torch.no_grad()
    def with_covered(
        self,
        images: Tensor,
        landmarks: Tensor,
        hidden: Tensor | None,
        part: Part | None = None,
        offset: Tensor | None = None,
        length: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """As ``forward``, and says which landmarks are covered.

        Args:
            images: As of ``forward``.
            landmarks: As of ``forward``.
            hidden: (B, L) bool landmarks that something covers in the crops already; None: it is
                not asked what is covered.
            part: As of ``forward``.
            offset: As of ``forward``.
            length: As of ``forward``.

        Returns:
            What ``forward`` returns, and (B, L) bool landmarks that something covers in the crop
            or since; None where it is not asked.
        """
        # Gray levels and pixels are too fine for the 8 bits of a bfloat16.
        with torch.autocast(images.device.type, enabled=False):
            if self.training:
                length = length if self.moves_labels else None
                return self._change(images, landmarks, hidden, part, offset, length)
            return *self.cut(images, landmarks), hidden

    @property
    def _scale(self) -> float:
        """Pixels of the stored crop in a pixel of the input."""
        return self.crop_side / (self.margin * self.side)

    def cut(self, images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """The middle of the crops in any mode, arguments and results as those of ``forward``."""
        middle = (self.crop_side - 1) / 2
        center = torch.full((len(images), 1, 2), middle, device=images.device)
        linear = self._scale * torch.eye(2, device=images.device).expand(len(images), 2, 2)
        image = warp(images.to(torch.float32), center, linear, self.side)
        points = (landmarks - middle) / self._scale + (self.side - 1) / 2
        return image * (2 / 255) - 1, points

    def _change(
        self,
        images: Tensor,
        landmarks: Tensor,
        covered: Tensor | None,
        part: Part | None,
        offset: Tensor | None,
        length: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """A random change of each face, as ``with_covered`` returns it."""
        drawn = self._draw(len(images), images.device, part)
        beside = None if length is None else (self.label_offset * length)[:, None, None]
        center, turn, mirrored = self._map(drawn, beside)
        if beside is not None:  # to the right; in a mirror it would be to the left
            moved = 2 * beside.where(mirrored, 0)
            landmarks = landmarks - torch.cat([moved, torch.zeros_like(moved)], dim=-1)
        box, linear = self._box(len(images), images.device, part, offset), turn
        if box is not None:
            middle = (self.crop_side - 1) / 2
            shift = box.shift * (self.crop_side / (self.margin * self.scale))
            center = (center - middle) * box.stretch + middle + shift
            linear = turn * box.stretch.mT
        image = warp(images.to(torch.float32), center, linear, self.side).mul_(1 / 255)
        # turn is a turn (and mirror) times the scale: its inverse is its transpose / scale^2.
        away = landmarks - center if box is None else (landmarks - center) / box.stretch
        points = torch.bmm(away, turn).div_(self._scale**2)
        points += (self.side - 1) / 2
        if self.mirror:
            points = torch.where(mirrored, points[:, self.permutation], points)
            if covered is not None:
                covered = torch.where(mirrored[..., 0], covered[:, self.permutation], covered)
        if self.occluders is not None:
            image, under = self.occluders(image, points, part)
            covered = None if covered is None else covered | under
        if covered is not None and self.occlusion:
            start, size = (pair[..., 0] for pair in self._rectangle(drawn))  # (2, B, 1, 1)
            place = points.permute(2, 0, 1)[:, :, None] + 0.5
            inside = ((place > start) & (place < start + size)).all(dim=0)
            covered = covered | inside[:, 0]
        image = self._change_grays(image, drawn, part)
        if self.extra is not None:
            image, points = self.extra((image + 1) / 2, points)
            image = image * 2 - 1
        return image, points, covered

    def _draw(self, faces: int, device: torch.device, part: Part | None = None) -> Draw:
        whole = faces if part is None else part.faces
        uniform = torch.rand((len(self.span), whole, 1, 1, 1), device=device)
        if part is not None:
            uniform = part.of(uniform, dim=1)
        return Draw(*torch.addcmul(self.lowest, self.span, uniform).unbind())

    def _box(
        self, faces: int, device: torch.device, part: Part | None, offset: Tensor | None
    ) -> Box | None:
        """Which other boxes the crops are cut around; None: the true ones.

        Nothing is drawn but for what is on.
        """
        whole = faces if part is None else part.faces
        shift, log_side = torch.zeros((), device=device), torch.zeros((), device=device)
        if self.detector_boxes and offset is not None:
            uniform = torch.rand((whole, 1), device=device)
            mine = uniform if part is None else part.of(uniform)
            taken = (mine < self.detector_boxes) & offset.isfinite()
            offset = torch.where(taken, offset, 0)[:, None]
            shift, log_side = offset[..., :2], offset[..., 2:]
        elif not self.jittered:
            return None
        stretch = log_side.exp()
        if self.jittered:
            normal = torch.randn((whole, 1, 4), device=device) * self.jitter
            mine = normal if part is None else part.of(normal)
            shift = shift + mine[..., :2] * stretch
            half = mine[..., 3:] / 2  # of the logarithm of width over height
            stretch = stretch * (mine[..., 2:3] + torch.cat([half, -half], dim=-1)).exp()
        return Box(shift, stretch.expand(faces, 1, 2))

    def _map(self, drawn: Draw, beside: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Center (B, 1, 2) and linear map (B, 2, 2) for ``warp``, (B, 1, 1) who is mirrored."""
        shift = torch.cat([drawn.shift_x, drawn.shift_y], dim=-1)[:, 0]
        center = shift * (self.crop_side / self.margin) + (self.crop_side - 1) / 2
        cos, sin = drawn.angle.cos(), drawn.angle.sin()
        linear = torch.cat([cos, -sin, sin, cos], dim=1).view(-1, 2, 2) * self._scale
        mirrored = (drawn.mirror < self.mirror)[:, 0]
        if beside is not None:
            mirrored = mirrored & beside.isfinite()
        if self.mirror:
            linear[:, :, :1] *= 1 - 2 * mirrored.to(linear.dtype)
        return center, linear, mirrored

    def _change_grays(self, image: Tensor, drawn: Draw, part: Part | None) -> Tensor:
        """Noise, blur, occluder and contrast: [0, 1] to [-1, 1]."""
        if self.noise:
            whole = len(image) if part is None else part.faces
            signs = image.new_empty((whole, *image.shape[1:])).uniform_(-1, 1)
            if part is not None:
                signs = part.of(signs)
            image = image.addcmul_(signs, drawn.noise).clamp_(0, 1)
        if len(image) == 0:  # of a small last batch a rank may have no face
            return image
        if self.blur_probability:
            sigma = torch.where(drawn.blurred < self.blur_probability, drawn.sigma, 1e-3)
            image = blur(image, sigma, self.blur_radius)
        if self.occlusion:
            start, size = self._rectangle(drawn)
            darkest, brightest = self.grays[:, drawn.kind.long()].unbind()
            image = occlude(image, start, size, torch.lerp(darkest, brightest, drawn.gray))
        return contrast(image, drawn.contrast)

    def _rectangle(self, drawn: Draw) -> tuple[Tensor, Tensor]:
        """Start and size of the paper's occluder, as ``occlude`` takes them."""
        root, stretch = drawn.area.sqrt(), drawn.stretch.exp()
        size = torch.stack([root * stretch, root / stretch]).clamp_(max=1) * self.side
        return torch.stack([drawn.left, drawn.top]) * (self.side - size), size
