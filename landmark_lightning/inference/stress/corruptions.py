"""Blur, noise and dark, in the five severities of a benchmark.

They are those of Tiny ImageNet-C (Hendrycks and Dietterich 2019, Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations), whose pictures have 64 pixels a side as our
default input has; in a larger input the blur reaches over as much of the face.
"""

import torch
from kornia.enhance import adjust_brightness
from kornia.filters import gaussian_blur2d
from torch import Tensor

SIDE = 64
"""Pixels of the benchmark's pictures."""

BLUR = (0.5, 0.75, 1.0, 1.25, 1.5)
"""Standard deviation of the Gaussian, pixels of a picture of ``SIDE``."""

NOISE = (0.04, 0.08, 0.12, 0.15, 0.18)
"""Standard deviation of Gaussian noise on grays in 0..1."""

DARK = (0.1, 0.2, 0.3, 0.4, 0.5)
"""What is taken off the grays in 0..1: the benchmark's brightness with its sign changed."""


def corrupt(kind: str, severity: int, images: Tensor, noise: Tensor) -> Tensor:
    """Makes what the network sees worse.

    Args:
        kind: ``blur``, ``noise`` or ``dark``.
        severity: 1 to 5.
        images: (B, 1, S, S) in [-1, 1].
        noise: (B, 1, S, S) standard normal numbers.

    Returns:
        (B, 1, S, S) in [-1, 1].
    """
    gray, level = (images + 1) / 2, severity - 1
    if kind == "blur":
        sigma = BLUR[level] * images.shape[-1] / SIDE
        reach = min(2 * round(4 * sigma) + 1, images.shape[-1] - 1 | 1)
        gray = gaussian_blur2d(gray, reach, (sigma, sigma))
    elif kind == "noise":
        gray = torch.clamp(gray + NOISE[level] * noise, 0, 1)
    else:
        gray = adjust_brightness(gray, -DARK[level])
    return 2 * gray - 1
