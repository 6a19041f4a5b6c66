"""Boxes, crops, distances and the affine maps between photo, stored crop and network input.

Coordinates are pixels, x then y, pixel centres at whole numbers. A map is (..., 2, 3): its left
part turns and scales, its last column shifts. Every function takes and gives tensors, any leading
batch dimensions, in the input's dtype.
"""

import torch
from torch import Tensor


def landmark_box(landmarks: Tensor) -> Tensor:
    """The tight box (..., 4) x0, y0, x1, y1 of landmarks (..., L, 2).

    A landmark of NaN is passed over; without any other, the box is NaN.
    """
    unlabelled = landmarks.isnan()
    low = landmarks.masked_fill(unlabelled, torch.inf).amin(dim=-2)
    high = landmarks.masked_fill(unlabelled, -torch.inf).amax(dim=-2)
    box = torch.cat([low, high], dim=-1)
    return box.masked_fill(box.isinf(), torch.nan)


def square_side(box: Tensor) -> Tensor:
    """The longer side (...) of boxes (..., 4)."""
    return torch.maximum(box[..., 2] - box[..., 0], box[..., 3] - box[..., 1])


def box_center(box: Tensor) -> Tensor:
    """The centre (..., 2) of boxes (..., 4)."""
    return (box[..., :2] + box[..., 2:]) / 2


def apply_affine(affine: Tensor, points: Tensor) -> Tensor:
    """Maps points (..., L, 2) by affine maps (..., 2, 3)."""
    return points @ affine[..., :2].mT + affine[..., None, :, 2]


def compose_affine(outer: Tensor, inner: Tensor) -> Tensor:
    """The map (..., 2, 3) that applies ``inner`` first, then ``outer``."""
    linear = outer[..., :2] @ inner[..., :2]
    shift = outer[..., :2] @ inner[..., 2:] + outer[..., 2:]
    return torch.cat([linear, shift], dim=-1)


def invert_affine(affine: Tensor) -> Tensor:
    """The inverse (..., 2, 3) of affine maps (..., 2, 3)."""
    a, b, c, d = (affine[..., i, j] for i in (0, 1) for j in (0, 1))
    determinant = a * d - b * c
    inverse = torch.stack([d, -b, -c, a], dim=-1) / determinant[..., None]
    linear = inverse.unflatten(-1, (2, 2))
    return torch.cat([linear, -(linear @ affine[..., 2:])], dim=-1)


def similarity(center: Tensor, target: float, scale: Tensor, angle: Tensor) -> Tensor:
    """The map (..., 2, 3) from a square image's pixels into another image.

    The square's middle (``target``, ``target``) goes to ``center`` (..., 2); a step of one pixel
    becomes ``scale`` (...) pixels, turned by ``angle`` (...) radians (clockwise on the screen).
    """
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    linear = torch.stack([cos, -sin, sin, cos], dim=-1).unflatten(-1, (2, 2))
    middle = torch.full_like(center, target)[..., None]
    return torch.cat([linear, center[..., None] - linear @ middle], dim=-1)


def crop_to_photo(center: Tensor, extent: Tensor, side: int) -> Tensor:
    """The map (..., 2, 3) from a ``side`` x ``side`` crop to the photo it is cut from.

    In photo pixels the crop's middle is ``center`` (..., 2) and its side ``extent`` (...).
    """
    return similarity(center, (side - 1) / 2, extent / side, torch.zeros_like(extent))


def input_to_crop(
    crop_side: int, margin: float, input_side: int, shift: Tensor, angle: Tensor
) -> Tensor:
    """The map (B, 2, 3) from network input pixels to stored-crop pixels.

    Args:
        crop_side: Pixels C of the stored crop.
        margin: How many times the input's extent the stored crop shows.
        input_side: Pixels S of the network's input.
        shift: (B, 2) displacement as a share of the input's extent (0: the face box's middle).
        angle: (B,) rotation in radians.
    """
    extent = crop_side / margin
    center = (crop_side - 1) / 2 + shift * extent
    scale = torch.full_like(angle, extent / input_side)
    return similarity(center, (input_side - 1) / 2, scale, angle)


def manhattan(prediction: Tensor, target: Tensor) -> Tensor:
    """|dx| + |dy|, the distance of Eq. 3: (B, L, 2) twice -> (B, L)."""
    return (prediction - target).abs().sum(dim=-1)


def euclidean(prediction: Tensor, target: Tensor) -> Tensor:
    """sqrt(dx^2 + dy^2), section 4's alternative: (B, L, 2) twice -> (B, L)."""
    return torch.linalg.vector_norm(prediction - target, dim=-1)
