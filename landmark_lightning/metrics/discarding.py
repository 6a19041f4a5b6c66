"""Discarding the landmarks or faces that a score expects to be the worst (Table 5).

The score is the validation signal, or one of the two that keep it honest: the **static prior**
(the mean training error of each landmark index) and the **oracle** (the true error). Errors are
normalized, in percent; that of a landmark that is not labelled, or of a face that has no
normalizer, is NaN and counts in nothing. A figure that can't be computed is NaN.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

DISCARD_PERCENTS = (10, 20, 30)
"""Shares of landmarks that the paper discards (Table 5)."""


def discard_count(landmarks: int, percent: float) -> int:
    """How many of ``landmarks`` are discarded: ``percent`` of them, halves rounded up.

    Raises:
        ValueError: ``percent`` is not in 0..100.

    Examples:
        >>> [discard_count(68, percent) for percent in (10, 20, 30)]
        [7, 14, 20]
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"percent={percent} must be in 0..100")
    return math.floor(percent * landmarks / 100 + 0.5)


def kept_means(error: Tensor, score: Tensor) -> Tensor:
    """Mean error of what is kept when the highest scores are discarded, for every count kept.

    Args:
        error: (..., n) with any unit; entries of NaN are passed over.
        score: (..., n), high where a high error is expected. Equal scores keep the earlier entry.

    Returns:
        (..., n): entry k is the mean error of the k + 1 entries of lowest score. Where m entries
        are NaN, the last m are NaN.

    Examples:
        >>> kept_means(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0.2, 0.9, 0.1]))
        tensor([5., 3., 3.])
    """
    last = score.masked_fill(error.isnan(), torch.inf)
    order = last.argsort(dim=-1, stable=True)
    count = torch.arange(1, error.shape[-1] + 1, dtype=error.dtype, device=error.device)
    return error.gather(-1, order).cumsum(dim=-1) / count


def discard_error(
    error: Tensor, score: Tensor, percents: Sequence[float] = DISCARD_PERCENTS
) -> Tensor:
    r"""Mean error of each face without the landmarks that a score expects to be the worst.

    With :math:`K_n` the labelled landmarks of face n less the ``discard_count`` of highest score,
    that many of the labelled ones, it is
    :math:`\frac{1}{|K_n|} \sum_{l \in K_n} e_{nl}` (Table 5).

    Args:
        error: (N, L) normalized error in percent.
        score: (N, L) validation signal, static prior, or the error itself (oracle).
        percents: P shares to discard, in percent.

    Returns:
        (N, P); NaN where no landmark is kept or none is labelled.

    Examples:
        >>> error = torch.tensor([[1.0, 2.0, 3.0, 10.0]])
        >>> discard_error(error, torch.tensor([[0.1, 0.2, 0.3, 0.4]]), (0, 25))
        tensor([[4., 2.]])
    """
    means = kept_means(error, score)
    nothing = means.new_full((*means.shape[:-1], 1), torch.nan)
    means = torch.cat([nothing, means], dim=-1)
    labelled, place = (~error.isnan()).sum(dim=-1).unique(return_inverse=True)
    kept = [[n - discard_count(n, percent) for percent in percents] for n in labelled.tolist()]
    counts = torch.tensor(kept, dtype=torch.long, device=error.device).reshape(-1, len(percents))
    return means.gather(-1, counts[place])


def random_discard_error(
    error: Tensor, percents: Sequence[float] = DISCARD_PERCENTS, draws: int = 10, seed: int = 0
) -> Tensor:
    """``discard_error`` with landmarks drawn at random: the mean of several draws.

    Args:
        error: (N, L) normalized error in percent.
        percents: P shares to discard, in percent.
        draws: How many draws to average.
        seed: Seed of the draws; the global random state is left alone.

    Returns:
        (N, P).

    Raises:
        ValueError: ``draws`` is less than 1.

    Examples:
        >>> random_discard_error(torch.full((1, 10), 2.0), (50,))
        tensor([[2.]])
    """
    if draws < 1:
        raise ValueError(f"draws={draws} must be at least 1")
    generator = torch.Generator().manual_seed(seed)
    total = error.new_zeros(len(error), len(percents))
    for _ in range(draws):
        score = torch.rand(error.shape, generator=generator).to(error.device)
        total += discard_error(error, score, percents)
    return total / draws


def share_closed(reference: Tensor, by_signal: Tensor, oracle: Tensor) -> Tensor:
    """Share of the possible gain that a signal wins: (reference - signal) / (reference - oracle).

    Args:
        reference: Scalar error without the signal.
        by_signal: Scalar error with it.
        oracle: Scalar error of the best choice.

    Returns:
        Scalar, at most 1, below 0 where the signal loses; NaN where nothing could be won.

    Examples:
        >>> share_closed(torch.tensor(6.0), torch.tensor(5.5), torch.tensor(4.0))
        tensor(0.2500)
    """
    possible = reference - oracle
    return torch.where(possible > 0, (reference - by_signal) / possible, torch.nan)


def closed_within(error: Tensor, signal: Tensor, prior: Tensor, percent: float = 30) -> Tensor:
    """``share_closed`` of discarding within each face, against the static prior (Table 5).

    Args:
        error: (N, L) normalized error in percent.
        signal: (N, L) in input pixels.
        prior: (L,) static prior in input pixels.
        percent: Share of each face's landmarks to discard.

    Examples:
        >>> error = torch.tensor([[1.0, 5.0, 3.0]])
        >>> closed_within(error, error, torch.tensor([1.0, 2.0, 3.0]))
        tensor(1.)
    """
    reference, by_signal, oracle = (
        discard_error(error, score, (percent,)).nanmean()
        for score in (prior.expand_as(error), signal, error)
    )
    return share_closed(reference, by_signal, oracle)


def closed_pooled(
    error: Tensor, signal: Tensor, prior: Tensor, normalizer: Tensor, percent: float = 30
) -> Tensor:
    """``share_closed`` of discarding from all landmarks of the set, against the static prior.

    Signal and prior are divided by the face's normalizer first, as the error is.

    Args:
        error: (N, L) normalized error in percent.
        signal: (N, L) in input pixels.
        prior: (L,) static prior in input pixels.
        normalizer: (N,) in input pixels.
        percent: Share of all landmarks to discard.

    Examples:
        >>> error = torch.tensor([[1.0, 5.0, 3.0], [4.0, 2.0, 2.0]])
        >>> closed_pooled(error, error, torch.tensor([1.0, 2.0, 3.0]), torch.ones(2))
        tensor(1.)
    """
    pooled = error.reshape(1, -1)
    reference, by_signal, oracle = (
        discard_error(pooled, score.reshape(1, -1), (percent,)).mean()
        for score in (prior / normalizer[:, None], signal / normalizer[:, None], error)
    )
    return share_closed(reference, by_signal, oracle)


def closed_face(error: Tensor, signal: Tensor, normalizer: Tensor, percent: float = 30) -> Tensor:
    """``share_closed`` of discarding whole faces by their mean signal, against keeping all.

    Args:
        error: (N, L) normalized error in percent.
        signal: (N, L) in input pixels.
        normalizer: (N,) in input pixels.
        percent: Share of the faces to discard.

    Examples:
        >>> error = torch.tensor([[1.0, 5.0], [4.0, 2.0], [1.0, 1.0]])
        >>> closed_face(error, error, torch.ones(3))
        tensor(1.)
    """
    nme = error.nanmean(dim=1)[None]
    score = labelled_mean(signal, error)[None] / normalizer
    by_signal, oracle = (discard_error(nme, s, (percent,)).mean() for s in (score, nme))
    return share_closed(nme.nanmean(), by_signal, oracle)


def labelled_mean(signal: Tensor, error: Tensor) -> Tensor:
    """Mean signal (N,) of each face over the landmarks whose error is known.

    Args:
        signal: (N, L).
        error: (N, L), NaN where a landmark is not labelled.

    Examples:
        >>> labelled_mean(torch.tensor([[1.0, 5.0]]), torch.tensor([[2.0, torch.nan]]))
        tensor([1.])
    """
    return signal.masked_fill(error.isnan(), torch.nan).nanmean(dim=1)
