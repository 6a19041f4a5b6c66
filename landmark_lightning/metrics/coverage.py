"""How well a network tells which landmarks are covered, on what a dataset itself says of that."""

import torch
from torch import Tensor

from landmark_lightning.metrics.nme import COVERED
from landmark_lightning.metrics.signal import auroc

SELF_HIDDEN = ("aflw19",)
"""Schemes whose covered landmarks are those that the head itself hides, which nothing covers."""


def own_covers(visible: Tensor, scheme: str) -> Tensor:
    """Which landmarks something covers, as a dataset says it.

    Args:
        visible: (N, L) uint8 as of a Face: 0 not labelled, 1 covered, 2 visible.
        scheme: Name of the landmark scheme.

    Returns:
        (N, L) bool; all false where the dataset's covered landmarks are hidden by the head itself.

    Examples:
        >>> own_covers(torch.tensor([[0, 1, 2]]), "ibug68")
        tensor([[False,  True, False]])
    """
    return (visible == COVERED) & (scheme not in SELF_HIDDEN)


def coverage_auroc(score: Tensor, covered: Tensor, labelled: Tensor) -> Tensor:
    """Probability that a covered landmark has a higher score than one that is not covered.

    Args:
        score: (N, L).
        covered: (N, L) bool.
        labelled: (N, L) bool which landmarks count.

    Returns:
        Scalar in 0..1; NaN where all or none are covered.

    Examples:
        >>> score, covered = torch.tensor([[0.1, 0.9, 0.8]]), torch.tensor([[False, True, False]])
        >>> coverage_auroc(score, covered, torch.ones_like(covered))
        tensor(1., dtype=torch.float64)
    """
    return auroc(covered[labelled], score[labelled])


def coverage_by_landmark(score: Tensor, covered: Tensor, labelled: Tensor) -> Tensor:
    """The mean over landmarks of ``coverage_auroc`` across faces.

    What is known of each landmark for all faces alike, such as that jaws are covered more often
    than noses, gains nothing here: a constant for each landmark has 0.5.

    Returns:
        Scalar in 0..1, of the landmarks that some faces have covered and others not; NaN where
        there are none.

    Examples:
        >>> score = torch.tensor([[0.1, 0.9], [0.2, 0.1]])
        >>> covered = torch.tensor([[False, True], [True, False]])
        >>> coverage_by_landmark(score, covered, torch.ones_like(covered))
        tensor(1., dtype=torch.float64)
    """
    columns = zip(score.T, covered.T, labelled.T, strict=True)
    return torch.stack([coverage_auroc(*column) for column in columns]).nanmean()
