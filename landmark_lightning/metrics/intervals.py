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

    Example:
        >>> errors = np.array([1.0, 2.0, 3.0])
        >>> ours, theirs = lambda rows: errors[rows].mean(), lambda rows: 2.0
        >>> interval([ours], ["Ann", "Ann", "Bob"], [theirs]).value
        0.0
    """
    names = [name or f"\0{row}" for row, name in enumerate(groups)]
    _, group = np.unique(names, return_inverse=True)
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
    seeds, value = len(figures), float(by_seed.mean())
    parts = [(float(np.nanvar(drawn)), len(members) - 1)]
    if seeds > 1:
        parts.append((float(by_seed.var(ddof=1)) / seeds, seeds - 1))
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / free for part, free in parts)
    reach = 0.0
    if variance > 0:
        freedom = variance**2 / spread
        reach = math.sqrt(variance) * float(student.ppf((1 + level) / 2, freedom))
    return Interval(value, value - reach, value + reach)
