"""What the augmentation does to images: plain functions on batches, each face with its own values.

A value of each face is a (B, 1, 1, 1) tensor, which spreads over the (B, 1, S, S) images. Nothing
here looks at a value on the host, so a GPU is never waited for.
"""

import torch
from torch import Tensor
from torch.nn import functional


def warp(images: Tensor, center: Tensor, linear: Tensor, side: int) -> Tensor:
    """Cuts squares out of images, between pixels by bilinear weights; outside lies 0.

    Args:
        images: (B, 1, C, C) float32.
        center: (B, 1, 2) where the square's middle lies, pixels of the image.
        linear: (B, 2, 2) pixels of the image that a step of one pixel of the square makes.
        side: Pixels S of the square.

    Returns:
        (B, 1, S, S).
    """
    unit = 2 / (images.shape[-1] - 1)  # of grid_sample, whose image spans -1 to 1
    end = unit * (side - 1) / 2
    steps = torch.linspace(-end, end, side, device=images.device)
    across, down = (linear.mT[..., None, None] * steps).unbind(1)
    # x and y apart, each the sum of a row and a column: a fifth of affine_grid's time.
    grid = across + (down + (center * unit - 1).mT[..., None]).mT
    return functional.grid_sample(images, grid.permute(0, 2, 3, 1), align_corners=True)


def blur(image: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Gaussian blur of each image with its own sigma, mirrored at the border.

    Args:
        image: (B, 1, S, S).
        sigma: (B, 1, 1, 1) pixels; near 0 it leaves an image exactly as it is.
        radius: Pixels of the kernel to either side.
    """
    distance = torch.arange(-radius, radius + 1, device=image.device)
    kernel = (distance.square() / (-2 * sigma.square())).softmax(dim=-1)
    faces = functional.pad(image, (radius,) * 4, mode="reflect").transpose(0, 1)
    faces = faces.contiguous(memory_format=torch.channels_last)  # faster on a CPU
    faces = functional.conv2d(faces, kernel, groups=len(sigma))
    faces = functional.conv2d(faces, kernel.mT, groups=len(sigma))
    return faces.transpose(0, 1)


def occlude(image: Tensor, start: Tensor, size: Tensor, gray: Tensor) -> Tensor:
    """Covers a rectangle of each image.

    Args:
        image: (B, 1, S, S).
        start: (2, B, 1, 1, 1) left and top edge, pixels; 0 is the outer edge of the first pixel.
        size: (2, B, 1, 1, 1) width and height, pixels; covered is what has its centre inside.
        gray: (B, 1, 1, 1) gray of the rectangle.
    """
    place = torch.arange(0.5, image.shape[-1], device=image.device)
    across, down = ((place > start) & (place < start + size)).to(image.dtype).unbind()
    return torch.lerp(image, gray, across * down.mT)  # weights 0 and 1 are exact


def contrast(image: Tensor, change: Tensor) -> Tensor:
    """The contrast curve f = 259 (c + 255) / (255 (259 - c)) about the middle gray.

    Args:
        image: (B, 1, S, S) in [0, 1].
        change: (B, 1, 1, 1) c, on the scale of -255 to 255.

    Returns:
        (B, 1, S, S) in [-1, 1], twice what lies about the middle gray, clipped.
    """
    factor = (change + 255) / (259 - change) * (2 * 259 / 255)
    return ((image - 0.5) * factor).clamp_(-1, 1)
