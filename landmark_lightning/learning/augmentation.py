"""Augmentation: the paper's section 5 on whole batches, image and landmarks by the same map."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import kornia
import torch
from kornia.augmentation import AugmentationSequential
from torch import Tensor, nn

from landmark_lightning import geometry
from landmark_lightning.schemes import Scheme
from landmark_lightning.targets import build

# Elastic, thin-plate and fisheye warps leave the landmarks where they were; a flip swaps left and
# right without renaming the landmarks (``mirror`` does both); the mixes join two faces.
REFUSED = (
    "Elastic",
    "ThinPlate",
    "Fisheye",
    "Flip",
    "MixUp",
    "CutMix",
    "Mosaic",
    "Jigsaw",
    "Transplant",
)

OCCLUDER_GRAYS = ((0.0, 30.0), (200.0, 255.0), (0.0, 255.0))
"""Ranges of an occluder's gray: dark, bright, any (section 5)."""


class Augmentation(nn.Module):
    """Cuts the network's input out of stored crops; in training mode, with random changes.

    One warp shifts, turns, mirrors and crops; then noise, blur, occlusion and contrast, in the
    paper's order; then ``extra``. In evaluation mode only the middle of the crop is cut out.

    Args:
        scheme: Scheme of the landmarks.
        crop_side: Pixels C of the stored crop.
        margin: Side of the stored crop over the input's extent.
        side: Pixels S of the input.
        shift: Largest shift along x and along y, as a share of the input's extent.
        rotation: Largest turn either way, radians.
        mirror: Probability of a mirrored face.
        noise: Largest amplitude a, as a share of the gray range; pixels get U(-a, a).
        blur: Range of the Gaussian's sigma, input pixels.
        blur_probability: Probability that a face is blurred.
        occlusion: Largest share of the area that one rectangle covers.
        contrast: Largest contrast change c either way, on the scale of -255 to 255.
        extra: kornia augmentations, as modules or as mappings with a ``_target_``.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        ValueError: A value out of range, or an extra augmentation that would part image and
            landmarks; it is named.
    """

    permutation: Tensor
    grays: Tensor

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
        allow_targets: Sequence[str] = (),
    ) -> None:
        super().__init__()
        for name, value, high in (
            ("shift", shift, 0.5), ("rotation", rotation, math.pi), ("mirror", mirror, 1.0),
            ("noise", noise, 1.0), ("blur_probability", blur_probability, 1.0),
            ("occlusion", occlusion, 0.9), ("contrast", contrast, 250.0),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(f"augmentation.{name}={value!r} must be a number")
            if not 0 <= value <= high:
                raise ValueError(f"augmentation.{name}={value!r} must lie between 0 and {high:g}")
        if (
            not isinstance(blur, Sequence)
            or len(blur) != 2
            or not all(isinstance(s, (int, float)) for s in blur)
        ):
            raise ValueError(f"augmentation.blur={blur!r} must be two numbers")
        if not 0 < blur[0] <= blur[1] <= side / 8:
            raise ValueError(
                f"augmentation.blur={list(blur)} must be 0 < low <= high <= {side / 8:g}"
            )
        self.crop_side, self.margin, self.side = crop_side, margin, side
        self.shift, self.rotation, self.mirror = shift, rotation, mirror
        self.noise, self.occlusion, self.contrast = noise, occlusion, contrast
        self.blur, self.blur_probability = tuple(blur), blur_probability
        self.extra = _extra(extra, allow_targets, side)
        self.register_buffer("permutation", torch.tensor(scheme.mirror), persistent=False)
        self.register_buffer("grays", torch.tensor(OCCLUDER_GRAYS) / 255, persistent=False)

    def use_crop(self, side: int, margin: float) -> None:
        """Reads stored crops of another side and margin from now on."""
        self.crop_side, self.margin = side, margin

    def forward(self, images: Tensor, landmarks: Tensor) -> tuple[Tensor, Tensor]:
        """Makes the network's input.

        Args:
            images: (B, 1, C, C) uint8 stored crops.
            landmarks: (B, L, 2) in crop pixels.

        Returns:
            (B, 1, S, S) float32 in [-1, 1], and (B, L, 2) in input pixels.
        """
        to_crop, mirrored = self._draw_maps(len(images), images.device)
        from_crop = geometry.invert_affine(to_crop)
        image = kornia.geometry.warp_affine(
            images.to(torch.float32) / 255, from_crop, (self.side, self.side), align_corners=True
        )
        points = geometry.apply_affine(from_crop, landmarks)
        points = torch.where(mirrored[:, None, None], points[:, self.permutation], points)
        if self.training:
            image = self._contrast(self._occlude(self._blur(self._noise(image))))
            if self.extra is not None:
                image, points = self.extra(image, points)
        return image * 2 - 1, points

    def _draw_maps(self, faces: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """(B, 2, 3) maps from input to stored crop, and (B,) which faces are mirrored."""
        if self.training:
            drawn = torch.rand((4, faces), device=device) * 2 - 1
            shift, angle = drawn[:2].T * self.shift, drawn[2] * self.rotation
            mirrored = (drawn[3] + 1) / 2 < self.mirror
        else:
            shift = torch.zeros((faces, 2), device=device)
            angle = torch.zeros(faces, device=device)
            mirrored = torch.zeros(faces, device=device, dtype=torch.bool)
        to_crop = geometry.input_to_crop(self.crop_side, self.margin, self.side, shift, angle)
        flip = torch.tensor([[-1.0, 0.0, self.side - 1.0], [0.0, 1.0, 0.0]], device=device)
        flipped = geometry.compose_affine(to_crop, flip.expand(faces, 2, 3))
        return torch.where(mirrored[:, None, None], flipped, to_crop), mirrored

    def _noise(self, image: Tensor) -> Tensor:
        amplitude = torch.rand((len(image), 1, 1, 1), device=image.device) * self.noise
        return (image + (torch.rand_like(image) * 2 - 1) * amplitude).clamp(0, 1)

    def _blur(self, image: Tensor) -> Tensor:
        low, high = self.blur
        sigma, chance = torch.rand((2, len(image)), device=image.device)
        sigma = (low + sigma * (high - low))[:, None].expand(-1, 2)
        size = 2 * math.ceil(3 * high) + 1
        blurred = kornia.filters.gaussian_blur2d(image, (size, size), sigma)
        return torch.where((chance < self.blur_probability)[:, None, None, None], blurred, image)

    def _occlude(self, image: Tensor) -> Tensor:
        area, aspect, left, top, gray = torch.rand((5, len(image)), device=image.device)
        area = area * self.occlusion
        aspect = torch.exp((aspect * 2 - 1) * math.log(2.0))  # width over height, 1/2 to 2
        width = (area * aspect).sqrt().clamp(max=1) * self.side
        height = (area / aspect).sqrt().clamp(max=1) * self.side
        left, top = left * (self.side - width), top * (self.side - height)
        place = torch.arange(self.side, device=image.device) + 0.5
        across = (place > left[:, None]) & (place < (left + width)[:, None])
        down = (place > top[:, None]) & (place < (top + height)[:, None])
        covered = (down[:, :, None] & across[:, None, :])[:, None]
        grays = self.grays[torch.randint(len(self.grays), (len(image),), device=image.device)]
        value = grays[:, 0] + gray * (grays[:, 1] - grays[:, 0])
        return torch.where(covered, value[:, None, None, None], image)

    def _contrast(self, image: Tensor) -> Tensor:
        change = (torch.rand(len(image), device=image.device) * 2 - 1) * self.contrast
        factor = 259 * (change + 255) / (255 * (259 - change))
        centered = kornia.enhance.adjust_contrast(image - 0.5, factor, clip_output=False)
        return (centered + 0.5).clamp(0, 1)


def _extra(
    modules: Sequence[nn.Module | Mapping[str, Any]], allow: Sequence[str], side: int
) -> AugmentationSequential | None:
    """The user's own kornia augmentations as one module on (image, landmarks)."""
    built: list[Any] = [build(m, allow=allow) if isinstance(m, Mapping) else m for m in modules]
    for inner in (part for module in built for part in module.modules()):
        name = type(inner).__name__
        if any(word in name for word in REFUSED):
            raise ValueError(
                f"augmentation.extra: {name} would part image and landmarks"
                + ("; use augmentation.mirror" if "Flip" in name else "")
            )
    if not built:
        return None
    extra = AugmentationSequential(*built, data_keys=["input", "keypoints"])
    with torch.random.fork_rng(devices=[]):
        tried, _ = extra(torch.zeros(2, 1, side, side), torch.zeros(2, 1, 2))
    if tried.shape != (2, 1, side, side):
        raise ValueError(
            f"augmentation.extra makes {tuple(tried.shape[1:])} of an image of (1, {side}, {side})"
        )
    return extra
