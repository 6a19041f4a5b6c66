"""The augmentation's rival: the same operations by kornia's modules in one container."""

import math

from kornia.augmentation import (
    AugmentationSequential,
    CenterCrop,
    RandomAffine,
    RandomContrast,
    RandomErasing,
    RandomGaussianBlur,
    RandomGaussianNoise,
)


def kornia_container(side: int) -> AugmentationSequential:
    """Section 5 of the paper on (B, 1, C, C) images in [0, 1] and (B, L, 2) keypoints.

    Args:
        side: Pixels of the input, cut out of the middle of a crop of about twice the side.
    """
    return AugmentationSequential(
        RandomAffine(degrees=math.degrees(1.0), translate=(0.1, 0.1), p=1.0),
        CenterCrop((side, side)),
        RandomGaussianNoise(std=0.1, p=1.0),
        RandomGaussianBlur((9, 9), (1.0, 1.3), p=0.5),
        RandomErasing(scale=(0.0, 0.5), ratio=(0.5, 2.0), p=1.0),
        RandomContrast((0.8, 1.25), p=1.0),
        data_keys=["input", "keypoints"],
    )
