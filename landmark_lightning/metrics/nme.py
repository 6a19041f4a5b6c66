"""Errors of landmarks and faces: normalized mean error, failure rate, area under the curve.

A normalized error is in **percent** of the face's normalizer, and so is a failure rate; thresholds
are fractions of the normalizer, and an area under the curve is a fraction too. A landmark that is
not labelled has a target of NaN and counts in nothing. A figure that can't be computed is NaN: an
empty set, a face whose normalizer is zero or not finite, or one without a labelled landmark.
"""

import torch
from torch import Tensor

from landmark_lightning.geometry import euclidean

COVERED, VISIBLE = 1, 2
"""What ``visible`` says of a labelled landmark: something covers it, or it can be seen."""

THRESHOLDS = (0.08, 0.10)
"""Usual thresholds of failure rate and area under the curve, as fractions of the normalizer."""


def landmark_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Euclidean error of each landmark, in the unit of the coordinates.

    Args:
        prediction: (..., L, 2).
        target: (..., L, 2); NaN where a landmark is not labelled.

    Returns:
        (..., L); NaN where a landmark is not labelled.

    Examples:
        >>> landmark_error(torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2))
        tensor([[5.]])
    """
    return euclidean(prediction, target)


def measurable(target: Tensor, normalizer: Tensor) -> Tensor:
    """Which faces have a normalized mean error: all others count in none of its figures.

    Args:
        target: (N, L, 2); NaN where a landmark is not labelled.
        normalizer: (N, R) lengths.

    Returns:
        (N, R) bool, whether at least one landmark of the face is labelled, and its length is
        finite and positive.

    Examples:
        >>> measurable(torch.zeros(2, 1, 2), torch.tensor([[50.0], [torch.nan]]))
        tensor([[ True],
                [False]])
    """
    labelled = ~target.isnan().any(dim=-1).all(dim=-1)
    return labelled[:, None] & normalizer.isfinite() & (normalizer > 0)


def normalized_error(prediction: Tensor, target: Tensor, normalizer: Tensor) -> Tensor:
    r"""Error of each landmark in percent: :math:`100 \, \|p_{nl} - t_{nl}\|_2 / d_n`.

    Args:
        prediction: (N, L, 2) in any pixels.
        target: (N, L, 2) in the same pixels.
        normalizer: (N,) length d of each face in the same pixels.

    Returns:
        (N, L); NaN where d is not finite and positive, and where a landmark is not labelled.

    Examples:
        >>> prediction, target = torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2)
        >>> normalized_error(prediction, target, torch.tensor([50.0]))
        tensor([[10.]])
    """
    usable = normalizer.isfinite() & (normalizer > 0)
    length = torch.where(usable, normalizer, torch.nan)
    return 100 * landmark_error(prediction, target) / length[:, None]


def normalized_mean_error(prediction: Tensor, target: Tensor, normalizer: Tensor) -> Tensor:
    r"""NME of each face in percent: :math:`\frac{100}{L d_n} \sum_l \|p_{nl} - t_{nl}\|_2`.

    L are the landmarks that are labelled. The NME of a set is the mean of its faces.

    Args:
        prediction: (N, L, 2) in any pixels.
        target: (N, L, 2) in the same pixels.
        normalizer: (N,) length d of each face in the same pixels.

    Returns:
        (N,); NaN where d is not finite and positive, or no landmark is labelled.

    Examples:
        >>> prediction = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])
        >>> normalized_mean_error(prediction, torch.zeros(1, 2, 2), torch.tensor([50.0]))
        tensor([5.])
    """
    return normalized_error(prediction, target, normalizer).nanmean(dim=1)


def visible_mean_error(
    prediction: Tensor, target: Tensor, normalizer: Tensor, visible: Tensor
) -> Tensor:
    r"""NME of each face in percent over its visible landmarks only.

    With :math:`V_n` the visible landmarks of face n:
    :math:`\frac{100}{|V_n| d_n} \sum_{l \in V_n} \|p_{nl} - t_{nl}\|_2`.

    Args:
        prediction: (N, L, 2) in any pixels.
        target: (N, L, 2) in the same pixels.
        normalizer: (N,) length d of each face in the same pixels.
        visible: (N, L) uint8: 0 not labelled, 1 covered, 2 visible.

    Returns:
        (N,); NaN where d is not finite and positive, and where no landmark is visible.

    Examples:
        >>> prediction = torch.tensor([[[3.0, 4.0], [0.0, 9.0]]])
        >>> target, normalizer = torch.zeros(1, 2, 2), torch.tensor([50.0])
        >>> seen = torch.tensor([[2, 1]], dtype=torch.uint8)
        >>> visible_mean_error(prediction, target, normalizer, seen)
        tensor([10.])
    """
    error = normalized_error(prediction, target, normalizer)
    return error.masked_fill(visible != VISIBLE, torch.nan).nanmean(dim=1)


def failure_rate(nme: Tensor, threshold: float) -> Tensor:
    r"""Percentage of faces that fail: :math:`\frac{100}{N} |\{n : NME_n > 100 t\}|`.

    Args:
        nme: (N,) in percent; faces of NaN are left out.
        threshold: t as a fraction of the normalizer, such as 0.08.

    Returns:
        Scalar in percent.

    Examples:
        >>> failure_rate(torch.tensor([3.0, 5.0, 8.0, 12.0]), 0.08)
        tensor(25.)
    """
    failed = torch.where(nme.isnan(), nme, (nme > 100 * threshold).to(nme.dtype))
    return 100 * failed.nanmean()


def area_under_curve(nme: Tensor, threshold: float) -> Tensor:
    r"""Area under the cumulative error distribution up to t, divided by t.

    It equals :math:`\frac{1}{N} \sum_n \max(0, 1 - NME_n / (100 t))`.

    Args:
        nme: (N,) in percent; faces of NaN are left out.
        threshold: t as a fraction of the normalizer, such as 0.08.

    Returns:
        Scalar in 0..1: 1 when every error is zero.

    Examples:
        >>> area_under_curve(torch.tensor([4.0, 8.0, 12.0, 0.0]), 0.08)
        tensor(0.3750)
    """
    return (1 - nme / (100 * threshold)).clamp(min=0).nanmean()
