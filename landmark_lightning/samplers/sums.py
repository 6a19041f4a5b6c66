"""Tables of weights that faces are drawn from in proportion (Eq. 1): flat, and in blocks.

Both give the same faces for the same uniform numbers, but for the rounding of their sums. A draw
costs O(N) in a FlatWeights and O(sqrt(N B)) in BlockedWeights, for N faces and batches of B.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FLAT_LIMIT = 30_000
"""Up to this many faces one cumulative sum is faster than blocks (measured, batch 10)."""

SMALLEST_SUM = 1e-290
"""Sums of weights below this count as 0: a share of them would not be a number."""

LARGEST_LOSS = float(torch.finfo(torch.float32).max)
"""A loss above this is none: so that no sum of losses can overflow."""

ROWS_AT_ONCE = 2**22
"""Weights that a pass over many blocks copies at a time."""


def loss_proportional(losses: Tensor, uniforms: Tensor) -> Tensor:
    """Eq. 1: the faces whose stretch of the summed losses holds the drawn values.

    Args:
        losses: (N,) float64, not negative, finite, with a positive sum.
        uniforms: (B,) float64 in (0, 1].

    Returns:
        (B,) int64: for each u the smallest k with loss_0 + ... + loss_k >= u * sum of all losses.
        A face of loss 0 is never drawn.
    """
    cumulative = losses.cumsum(0)
    return torch.searchsorted(cumulative, uniforms * cumulative[-1])


def evenly(uniforms: Tensor, size: int) -> Tensor:
    """(B,) int64 in 0..N-1, each as likely as the others, for (B,) uniform numbers in (0, 1]."""
    return (uniforms * size).ceil().to(torch.int64) - 1


class FlatWeights:
    """N weights; each draw sums them anew, so that no rounding error can grow.

    Args:
        size: Number of faces N.

    Attributes:
        values: (N,) float64, finite and not negative; NaN: unknown.
        unknown: Number of unknown weights.
    """

    def __init__(self, size: int) -> None:
        self.values = torch.full((size,), torch.nan, dtype=torch.float64)
        self.unknown = size

    def write(self, places: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Sets the weights at (B,) places; of a place that stands twice the last one counts."""
        table = self.values.numpy()
        if self.unknown and len(new := places[np.isnan(table[places])]):
            order = np.arange(len(new))
            table[new] = order  # one of the writes to a place stays, so this counts the places
            self.unknown -= int((table[new] == order).sum())
        table[places] = values

    def replace(self, values: Tensor) -> None:
        """Sets all (N,) weights."""
        self.values[:] = values
        self.unknown = int(values.isnan().sum())

    def mean(self) -> float:
        """Mean of the known weights; NaN where none is known."""
        known = len(self.values) - self.unknown
        return float(self.values.nansum()) / known if known else math.nan

    def filled(self, fill: float) -> Tensor:
        """(N,) the weights, with ``fill`` for the unknown ones."""
        return self.values.nan_to_num(nan=fill) if self.unknown else self.values

    def draw(self, uniforms: Tensor, fill: float) -> Tensor | None:
        """Places drawn in proportion to the weights.

        Args:
            uniforms: (B,) float64 in (0, 1].
            fill: What an unknown weight counts.

        Returns:
            (B,) int64 as ``loss_proportional``, or None: all weights are 0.
        """
        cumulative = self.filled(fill).cumsum(0)
        total = float(cumulative[-1])
        if not total > SMALLEST_SUM:
            return None
        return torch.searchsorted(cumulative, uniforms * total)

    def moments(self, fill: float) -> tuple[float, float, float]:
        """Sum of the weights, sum of their squares over the largest's, and the largest."""
        weights = self.filled(fill)
        largest = float(weights.max())
        squares = float((weights / largest).square().sum()) if largest > 0 else 0.0
        return float(weights.sum()), squares, largest


class BlockedWeights(FlatWeights):
    """N weights in blocks of neighbours: a draw finds the block first and then the face in it.

    The sum of a block is taken anew whenever one of its weights is written. So all sums follow
    from the table alone: no rounding error can grow, and none need be stored to go on exactly.

    Args:
        size: Number of faces N.
        batch_size: Faces in a batch, for the best length of a block.
    """

    def __init__(self, size: int, batch_size: int) -> None:
        super().__init__(size)
        # Summing the blocks costs N / length, looking into those of a batch about 4 B length.
        self.length = max(64, round(math.sqrt(size / (4 * batch_size))))
        blocks = -(-size // self.length)
        padded = torch.zeros(blocks * self.length, dtype=torch.float64)
        padded[:size] = torch.nan
        self.values, self.rows = padded[:size], padded.view(blocks, self.length)
        self.sums = torch.zeros(blocks, dtype=torch.float64)
        self.missing = self.rows.isnan().sum(dim=1)
        starts = torch.zeros(blocks + 1, dtype=torch.float64)
        self._starts, self._ends = starts, starts[1:]  # of the blocks in the summed weights
        self._stale = torch.ones(blocks, dtype=torch.bool)
        self._squares, self._largest = torch.zeros_like(self.sums), torch.zeros_like(self.sums)

    def write(self, places: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Sets the weights at (B,) places; of a place that stands twice the last one counts."""
        count = self.unknown > 0
        super().write(places, values)
        touched = places // self.length
        if len(touched) > len(self.sums):
            touched = np.flatnonzero(np.bincount(touched, minlength=len(self.sums)))
        self._sum(torch.from_numpy(touched), count)

    def replace(self, values: Tensor) -> None:
        """Sets all (N,) weights."""
        super().replace(values)
        self._sum(torch.arange(len(self.sums)), count=True)

    def _sum(self, blocks: Tensor, count: bool) -> None:
        """Sums blocks anew and, where it may have changed, counts their unknown weights."""
        for some in self._portions(blocks):
            weights, places = self.rows.index_select(0, some), some.numpy()
            if count:
                self.missing.numpy()[places] = weights.isnan().sum(dim=1)
                weights = weights.nan_to_num(nan=0.0)
            # A cumulative sum adds one by one: the same however many blocks there are.
            self.sums.numpy()[places] = weights.cumsum(1).numpy()[:, -1]
            self._stale.numpy()[places] = True

    def _portions(self, blocks: Tensor) -> Iterable[Tensor]:
        many = max(1, ROWS_AT_ONCE // self.length)
        return (blocks,) if len(blocks) <= many else blocks.split(many)

    def mean(self) -> float:
        """Mean of the known weights; NaN where none is known."""
        known = len(self.values) - self.unknown
        return float(self.sums.sum()) / known if known else math.nan

    def draw(self, uniforms: Tensor, fill: float) -> Tensor | None:
        """Places drawn in proportion to the weights; as ``FlatWeights.draw``."""
        sums = self.sums + self.missing * fill if self.unknown else self.sums
        torch.cumsum(sums, 0, out=self._ends)
        # numpy from here on, since it costs a fifth of torch on a few numbers.
        ends, total = self._ends.numpy(), float(self._ends[-1])
        if not total > SMALLEST_SUM:
            return None
        drawn = uniforms.numpy() * total
        block = ends.searchsorted(drawn)
        weights = self.rows.index_select(0, torch.from_numpy(block))
        if self.unknown:
            weights = weights.nan_to_num(nan=fill)
        inside = weights.cumsum(1).numpy()
        # Rounding may leave a hair more than the block holds.
        rest = np.minimum(drawn - self._starts.numpy()[block], inside[:, -1])
        place = (inside < rest[:, None]).sum(axis=1)
        return torch.from_numpy(block * self.length + place)

    def moments(self, fill: float) -> tuple[float, float, float]:
        """Sum of the weights, sum of their squares over the largest's, and the largest.

        Only blocks that were written since the last call are read.
        """
        for some in self._portions(self._stale.nonzero()[:, 0]):
            weights = self.rows.index_select(0, some).nan_to_num(nan=0.0)
            self._largest[some] = largest = weights.amax(dim=1)
            scaled = weights / torch.where(largest > 0, largest, 1.0)[:, None]
            self._squares[some] = scaled.square().sum(dim=1)
        self._stale[:] = False
        total = float(self.sums.sum()) + self.unknown * fill
        top = max(float(self._largest.max()), fill if self.unknown else 0.0)
        if not top > 0:
            return total, 0.0, top
        squares = float((self._squares * (self._largest / top).square()).sum())
        return total, squares + self.unknown * (fill / top) ** 2, top


def weight_table(size: int, batch_size: int) -> FlatWeights:
    """The faster table for N faces drawn B at a time, all weights unknown."""
    return FlatWeights(size) if size <= FLAT_LIMIT else BlockedWeights(size, batch_size)
