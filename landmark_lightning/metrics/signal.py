"""How well the validation signal tells the error of a landmark or of a face.

Every figure is computed in float64, and NaN where it can't be computed. Landmarks that are not
labelled, whose target and error are NaN, count in nothing.

The correlations and the area under the ROC curve are written out here because torchmetrics' rank
correlation takes minutes on many equal values, and its ROC squashes scores beyond 0..1 by a
sigmoid, which makes the large ones equal.
"""

import torch
from torch import Tensor

from landmark_lightning.geometry import euclidean, manhattan
from landmark_lightning.metrics.discarding import kept_means, labelled_mean

FAILURE_THRESHOLD = 0.08
"""A face fails when its NME is above this fraction of the normalizer."""

SIGNAL_FIGURES = ("spearman", "spearman_face", "pearson", "ause", "signal_mae", "failure_auroc")
"""What ``signal_figures`` gives."""


def average_ranks(values: Tensor) -> Tensor:
    """Ranks (n,) from 1 in float64; equal values share the mean of their ranks.

    Examples:
        >>> average_ranks(torch.tensor([10.0, 30.0, 10.0, 20.0]))
        tensor([1.5000, 4.0000, 1.5000, 3.0000], dtype=torch.float64)
    """
    ordered = values.sort().values
    smaller = torch.searchsorted(ordered, values)
    not_larger = torch.searchsorted(ordered, values, right=True)
    return (smaller + not_larger + 1).double() / 2


def pearson(first: Tensor, second: Tensor) -> Tensor:
    r"""Pearson's correlation of (n,) with (n,): :math:`\frac{cov(a, b)}{\sigma_a \sigma_b}`.

    Returns:
        Scalar in -1..1; NaN where one of them is constant.

    Examples:
        >>> pearson(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 3.0, 2.0]))
        tensor(0.5000, dtype=torch.float64)
    """
    first, second = first.double(), second.double()
    first, second = first - first.mean(), second - second.mean()
    scale = first.norm() * second.norm()
    return torch.where(scale > 0, (first @ second / scale).clamp(-1, 1), torch.nan)


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's rank correlation of (n,) with (n,): Pearson's, of the average ranks.

    Returns:
        Scalar in -1..1; NaN where one of them is constant.

    Examples:
        >>> spearman(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 27.0, 8.0]))
        tensor(0.5000, dtype=torch.float64)
    """
    return pearson(average_ranks(first), average_ranks(second))


def signal_distance(prediction: Tensor, target: Tensor, distance: str | None) -> Tensor:
    r"""What the signal is trained to predict for each landmark (Eq. 3).

    Args:
        prediction: (N, L, 2) in input pixels.
        target: (N, L, 2) in input pixels.
        distance: ``manhattan`` (:math:`|\Delta x| + |\Delta y|`) or ``euclidean``.

    Returns:
        (N, L) in input pixels; NaN for a landmark that is not labelled, and for a distance of
        another name.

    Examples:
        >>> signal_distance(torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2), "manhattan")
        tensor([[7.]])
    """
    if distance == "manhattan":
        return manhattan(prediction, target)
    if distance == "euclidean":
        return euclidean(prediction, target)
    return torch.full_like(prediction[..., 0], torch.nan)


def surprise(
    prediction: Tensor, target: Tensor, signal: Tensor, normalizer: Tensor, distance: str | None
) -> Tensor:
    r"""How far a face's distance lies above its signal: :math:`\frac{100}{L d_n} \sum_l (m - s)`.

    The distance m is the one that the signal was trained for, or the Euclidean one where that is
    not known here.

    Args:
        prediction: (N, L, 2) in input pixels.
        target: (N, L, 2) in input pixels.
        signal: (N, L) in input pixels.
        normalizer: (N,) in input pixels.
        distance: Name of the distance that the signal was trained for.

    Returns:
        (N,) in percent of the normalizer; -inf where the normalizer is not finite and positive.

    Examples:
        >>> prediction, target = torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2)
        >>> surprise(prediction, target, torch.ones(1, 1), torch.tensor([50.0]), "manhattan")
        tensor([12.])
    """
    measured = signal_distance(prediction, target, distance)
    if bool(measured.isnan().all()):
        measured = euclidean(prediction, target)
    usable = normalizer.isfinite() & (normalizer > 0)
    excess = 100 * (measured - signal).nanmean(dim=1) / torch.where(usable, normalizer, 1.0)
    return torch.where(usable, excess, -torch.inf)


def auroc(positive: Tensor, score: Tensor) -> Tensor:
    r"""Probability that a positive entry has a higher score than another one.

    With the ranks R of the scores and P positive entries of n (Mann and Whitney):
    :math:`\frac{\sum_{positive} R - P (P + 1) / 2}{P (n - P)}`; equal scores count one half.

    Args:
        positive: (n,) bool.
        score: (n,).

    Returns:
        Scalar in 0..1; NaN where all or none are positive.

    Examples:
        >>> auroc(torch.tensor([False, True, True]), torch.tensor([0.2, 0.1, 0.5]))
        tensor(0.5000, dtype=torch.float64)
    """
    positives, others = positive.sum().double(), (~positive).sum().double()
    excess = average_ranks(score)[positive].sum() - positives * (positives + 1) / 2
    return excess / (positives * others)  # 0 / 0 is NaN where a class is missing


def failure_auroc(nme: Tensor, score: Tensor, threshold: float = FAILURE_THRESHOLD) -> Tensor:
    """Probability that a failed face has a higher score than one that did not fail (``auroc``).

    Args:
        nme: (N,) in percent; faces of NaN are left out.
        score: (N,) of each face.
        threshold: NME above which a face fails, as a fraction of the normalizer.

    Returns:
        Scalar in 0..1; NaN where all or none of the faces fail.

    Examples:
        >>> failure_auroc(torch.tensor([3.0, 9.0, 12.0]), torch.tensor([0.1, 0.5, 0.2]))
        tensor(1., dtype=torch.float64)
    """
    measured = ~nme.isnan()
    return auroc(nme[measured] > 100 * threshold, score[measured])


def sparsification_error(error: Tensor, score: Tensor) -> Tensor:
    r"""Area between the sparsification curves of a score and of the oracle (AUSE).

    With :math:`M_s(k)` the mean error of what is left of n entries without the k of highest
    score, and :math:`M_o(k)` without the k of highest error:
    :math:`\frac{1}{n} \sum_{k=0}^{n-1} \frac{M_s(k) - M_o(k)}{M_s(0)}`.

    Args:
        error: (n,) normalized errors; entries of NaN are left out.
        score: (n,) signal over the face's normalizer.

    Returns:
        Scalar, 0 for a score that sorts as the oracle does; NaN where every error is zero.

    Examples:
        >>> error = torch.tensor([1.0, 2.0, 6.0])
        >>> sparsification_error(error, error), sparsification_error(error, -error)
        (tensor(0., dtype=torch.float64), tensor(0.8333, dtype=torch.float64))
    """
    known = ~error.isnan()
    error, score = error[known].double(), score[known]
    gap = kept_means(error, score) - kept_means(error, error)
    return gap.mean() / error.mean()


def signal_figures(
    error: Tensor, normalized: Tensor, gap: Tensor, signal: Tensor, normalizer: Tensor
) -> dict[str, Tensor]:
    """The figures of a set of faces that need neither prior nor oracle.

    Args:
        error: (N, L) Euclidean error in input pixels; NaN where a landmark is not labelled.
        normalized: (N, L) the same in percent of the normalizer; NaN, too, where a face has none.
        gap: (N, L) |signal - the distance it was trained for| in input pixels.
        signal: (N, L) in input pixels.
        normalizer: (N,) in input pixels.

    Returns:
        ``spearman`` and ``pearson`` over all landmarks and ``spearman_face`` over the faces'
        means, of signal and error in input pixels; ``ause`` over all landmarks; ``signal_mae`` in
        input pixels; ``failure_auroc``.
    """
    score, known = signal / normalizer[:, None], ~error.isnan()
    of_face = labelled_mean(signal, error)
    return {
        "spearman": spearman(signal[known], error[known]),
        "spearman_face": spearman(of_face, error.nanmean(dim=1)),
        "pearson": pearson(signal[known], error[known]),
        "ause": sparsification_error(normalized.flatten(), score.flatten()),
        "signal_mae": gap.double().nanmean(),
        "failure_auroc": failure_auroc(normalized.nanmean(dim=1), of_face / normalizer),
    }
