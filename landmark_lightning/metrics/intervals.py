"""How sure a figure is, and a difference of two: bootstrap intervals over persons and seeds.

Faces of one person or video resemble each other, and so do trainings that differ in their seed
alone. So whole groups of faces are drawn with replacement, then seeds, and the figure is taken
anew of what was drawn (Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 13:
the percentile interval). Both sides of a difference are measured on the same faces.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Figure = Callable[[NDArray[np.int64]], float]
"""A figure of one network on the faces of these (n,) rows; a face counts as often as it stands
there."""


class Interval(NamedTuple):
    """A figure on all faces, the mean over the seeds, and the interval that holds it."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is real: all of the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def interval(
    figures: Sequence[Figure],
    groups: Sequence[str],
    rivals: Sequence[Figure] = (),
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of a figure, or of how much it is above a rival's.

    Args:
        figures: The figure of S networks that differ in their seed alone.
        groups: N names of the persons or videos that the faces show; a face of an empty name is a
            group of its own.
        rivals: The same figure of S other networks, of the same seeds in the same order; none: the
            interval is that of the figure itself.
        draws: How often faces and seeds are drawn.
        level: Share of the draws that the interval holds.
        seed: Seed of the draws.

    Returns:
        ``value``, NaN where the figure can't be computed, and the interval; draws in which it
        can't be computed are left out.

    Raises:
        ValueError: No networks or no faces, or as many rivals as there are not seeds.

    Example:
        >>> errors = np.array([1.0, 2.0, 3.0])
        >>> ours, theirs = lambda rows: errors[rows].mean(), lambda rows: 2.0
        >>> interval([ours], ["Ann", "Ann", "Bob"], [theirs]).value
        0.0
    """
    if not figures or not len(groups) or (rivals and len(rivals) != len(figures)):
        raise ValueError(
            f"{len(figures)} networks and {len(rivals)} rivals on {len(groups)} faces; as many "
            "rivals as networks are needed, or none"
        )
    rng = np.random.default_rng(seed)
    names = [name or f"\0{row}" for row, name in enumerate(groups)]
    _, group = np.unique(names, return_inverse=True)
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group))[:-1])

    def measured(rows: NDArray[np.int64], seeds: NDArray[np.int64]) -> float:
        found = [figures[k](rows) - (rivals[k](rows) if rivals else 0.0) for k in seeds]
        return float(np.mean(found))

    value = measured(np.arange(len(groups)), np.arange(len(figures)))
    drawn = []
    for _ in range(draws):
        chosen = rng.integers(0, len(members), len(members))
        rows = np.concatenate([members[k] for k in chosen])
        drawn.append(measured(rows, rng.integers(0, len(figures), len(figures))))
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
