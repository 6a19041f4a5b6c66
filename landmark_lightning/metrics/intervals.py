"""How sure a figure is, and a difference of two: intervals over persons and seeds.

Faces of one person or video resemble each other, so whole groups of faces are drawn with
replacement and the figure is taken anew of each draw: its variance over persons (Efron and
Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 6). Seeds are too few to be drawn
from; theirs is the variance of the mean of S figures. Both together give a t interval, whose
degrees of freedom are Welch's and Satterthwaite's. Both sides of a difference are measured on the
same faces, seed by seed.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Figure = Callable[[NDArray[np.int64]], float]
"""A figure of one network on the faces of these (n,) rows; a face counts as often as it stands
there."""


class Interval(NamedTuple):
    """A figure on all faces, the mean over the seeds, and the interval around it."""

    value: float
    low: float
    high: float


def interval(
    figures: Sequence[Figure],
    groups: Sequence[str],
    rivals: Sequence[Figure] = (),
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of a figure, or of how much it is above a rival's.

    Args:
        figures: The figure of S networks that differ in their seed alone. Of a single one the
            interval speaks of this training, not of others with another seed.
        groups: N names of the persons or videos that the faces show; a face of an empty name is a
            group of its own.
        rivals: The same figure of S other networks, of the same seeds in the same order; none: the
            interval is that of the figure itself.
        draws: How often faces are drawn.
        level: Probability with which the interval holds the figure that all persons and seeds
            would give.
        seed: Seed of the draws.

    Returns:
        ``value``, NaN where the figure can't be computed, and the interval; draws in which it
        can't be computed are left out.

    Raises:
        ValueError: No networks, fewer than two groups, or as many rivals as there are not seeds.

    Examples:
        >>> errors = np.array([1.0, 2.0, 3.0])
        >>> ours, theirs = lambda rows: errors[rows].mean(), lambda rows: 2.0
        >>> interval([ours], ["Ann", "Ann", "Bob"], [theirs]).value
        0.0
    """
    group = _numbered(groups)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    if not figures or len(members) < 2 or (rivals and len(rivals) != len(figures)):
        raise ValueError(
            f"{len(figures)} networks and {len(rivals)} rivals on {len(groups)} faces; two groups "
            "of faces are needed, and as many rivals as networks or none"
        )

    def measured(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        theirs = [rival(rows) for rival in rivals] if rivals else 0.0
        return np.array([figure(rows) for figure in figures]) - np.array(theirs)

    by_seed = measured(np.arange(len(groups)))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        chosen = rng.integers(0, len(members), len(members))
        drawn.append(measured(np.concatenate([members[k] for k in chosen])).mean())
    return _around(by_seed, drawn, len(members), level)


class Means:
    """Intervals of means over faces, of many figures that are measured on the same faces.

    They are those of ``interval``, found at once from the sums of each group.

    Args:
        groups: As of ``interval``.
        draws: How often faces are drawn.
        seed: Seed of the draws.
    """

    def __init__(self, groups: Sequence[str], draws: int = 500, seed: int = 0) -> None:
        self.group = _numbered(groups)
        count = int(self.group.max(initial=-1)) + 1
        rng = np.random.default_rng(seed)
        self.drawn = rng.multinomial(count, np.full(count, 1 / max(count, 1)), draws).astype(float)

    def interval(
        self,
        values: NDArray[np.float64],
        rivals: NDArray[np.float64] | None = None,
        level: float = 0.95,
    ) -> Interval | None:
        """The interval of the mean of values, or of how much it is above the rivals'.

        Args:
            values: (S, N) of S networks on N faces; NaN counts in no mean.
            rivals: The same of S other networks, of the same seeds in the same order.
            level: As of ``interval``.

        Returns:
            None where the values, or the rivals', are of fewer than two groups.

        Example:
            >>> errors = np.array([[1.0, 2.0, 6.0]])
            >>> Means(["Ann", "Ann", "Bob"]).interval(errors, errors - 1)
            Interval(value=1.0, low=1.0, high=1.0)
        """
        sides = [values] if rivals is None else [values, rivals]
        signs = (1, -1)
        by_seed, drawn, counted = np.zeros(len(values)), np.zeros(len(self.drawn)), []
        for side, sign in zip(sides, signs, strict=False):
            known = ~np.isnan(side)
            groups = self.drawn.shape[1]
            filled = np.where(known, side, 0.0)
            sums, counts = (
                np.stack([np.bincount(self.group, row, groups) for row in rows])
                for rows in (filled, known.astype(float))
            )
            counted.append(int((counts > 0).any(axis=0).sum()))
            if counted[-1] < 2:
                return None
            by_seed = by_seed + sign * sums.sum(axis=1) / counts.sum(axis=1)
            with np.errstate(invalid="ignore"):  # of draws without a face that counts
                means = (self.drawn @ sums.T) / (self.drawn @ counts.T)
            drawn = drawn + sign * means.mean(axis=1)
        return _around(by_seed, drawn, min(counted), level)


def _numbered(groups: Sequence[str]) -> NDArray[np.int64]:
    """The number of each face's group; a face of an empty name is a group of its own."""
    names = [name or f"\0{row}" for row, name in enumerate(groups)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _around(
    by_seed: NDArray[np.float64],
    drawn: Sequence[float] | NDArray[np.float64],
    groups: int,
    level: float,
) -> Interval:
    """The t interval around a figure of S seeds that was drawn over so many groups."""
    seeds, value = len(by_seed), float(by_seed.mean())
    parts = [(float(np.nanvar(drawn)), groups - 1)]
    if seeds > 1:
        parts.append((float(by_seed.var(ddof=1)) / seeds, seeds - 1))
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / free for part, free in parts)
    reach = 0.0
    if variance > 0:
        freedom = variance**2 / spread
        reach = math.sqrt(variance) * float(student.ppf((1 + level) / 2, freedom))
    return Interval(value, value - reach, value + reach)
