"""Every change of an image, against kornia's function of the same name with the same values."""

import math

import kornia
import pytest
import torch
from torch import Tensor

from landmark_lightning.model.image_ops import blur, contrast, occlude, warp


def _images(faces: int = 6, side: int = 64) -> Tensor:
    torch.manual_seed(0)
    return torch.rand(faces, 1, side, side)


def _by_face(values: Tensor) -> Tensor:
    """(..., B) values as (..., B, 1, 1, 1)."""
    return values[..., None, None, None]


@pytest.mark.parametrize("mirrored", [False, True])
def test_warp_is_kornia_s(mirrored: bool) -> None:
    images = _images(side=96)
    angle = torch.linspace(-1.0, 1.0, 6)
    scale = torch.linspace(0.5, 1.5, 6)
    center = 47.5 + 12 * torch.rand(6, 2)
    linear = kornia.geometry.angle_to_rotation_matrix(angle * 180 / math.pi)
    linear = linear * scale[:, None, None]
    if mirrored:
        linear = linear @ torch.diag(torch.tensor([-1.0, 1.0]))
    to_image = torch.cat([linear, (center - (linear @ torch.full((2,), 31.5)))[..., None]], dim=-1)
    square = torch.eye(3).expand(6, 3, 3).clone()
    square[:, :2] = to_image
    expected = kornia.geometry.warp_affine(
        images, square.inverse()[:, :2], (64, 64), align_corners=True
    )
    assert torch.allclose(warp(images, center[:, None], linear, 64), expected, atol=1e-4)


def test_blur_is_kornia_s() -> None:
    images, sigma = _images(), torch.linspace(0.6, 1.3, 6)
    expected = kornia.filters.gaussian_blur2d(images, (9, 9), sigma[:, None].expand(-1, 2))
    assert torch.allclose(blur(images, _by_face(sigma), 4), expected, atol=1e-6)


def test_a_blur_of_nothing_leaves_an_image_exactly() -> None:
    images = _images()
    assert torch.equal(blur(images, _by_face(torch.full((6,), 1e-3)), 4), images)


def test_occlusion_is_kornia_s() -> None:
    images = _images()
    start, size = torch.randint(0, 30, (2, 6)).float(), torch.randint(0, 34, (2, 6)).float()
    gray = torch.rand(6)
    erasing = kornia.augmentation.RandomErasing(p=1.0)
    erased = {
        "xs": start[0], "ys": start[1], "widths": size[0], "heights": size[1], "values": gray
    }  # fmt: skip
    expected = erasing.apply_transform(images.clone(), erased, {})
    assert torch.equal(occlude(images, _by_face(start), _by_face(size), _by_face(gray)), expected)


def test_contrast_is_kornia_s() -> None:
    images, change = _images(), torch.linspace(-30.0, 30.0, 6)
    factor = 259 * (change + 255) / (255 * (259 - change))
    changed = kornia.enhance.adjust_contrast(images - 0.5, factor, clip_output=False)
    expected = (changed + 0.5).clamp(0, 1)
    assert torch.allclose((contrast(images, _by_face(change)) + 1) / 2, expected, atol=1e-6)
