"""Several processes (ranks) that train one run: each has its part of every global batch.

All ranks draw the same global batch from the same seed, and rank r of n keeps its faces r, r + n,
r + 2n, ... What belongs to the whole batch is summed over the ranks: so they learn what a single
process would with that batch, but for rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Part:
    """A rank's part of a global batch.

    Attributes:
        faces: Faces of the global batch.
        rank: Number of this rank, from 0.
        ranks: How many there are.
    """

    faces: int
    rank: int
    ranks: int

    @classmethod
    def of_batch(cls, batch: Mapping[str, Tensor]) -> "Part | None":
        """Which part of the drawn batch a batch is, or None: the whole."""
        return cls(len(batch["drawn"]), *world()) if "drawn" in batch else None

    def of(self, whole: Tensor, dim: int = 0) -> Tensor:
        """What belongs to this rank, of a tensor with the global batch along ``dim``."""
        mine = torch.arange(self.faces, device=whole.device)[self.rank :: self.ranks]
        return whole.index_select(dim, mine)


def world() -> tuple[int, int]:
    """Number of this rank and how many there are: 0 and 1 where a process trains alone."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def gathered(mine: Tensor, count: int) -> Tensor:
    """Puts the ranks' parts together; all ranks get the same.

    Args:
        mine: What this rank has for faces rank, rank + ranks, ... of ``count``.
        count: Number of faces of all ranks.

    Returns:
        (count,) float64; ``mine`` itself where a process trains alone.
    """
    rank, ranks = world()
    if ranks == 1:
        return mine
    whole = torch.zeros(count, dtype=torch.float64, device=mine.device)
    whole[rank::ranks] = mine.to(torch.float64)
    distributed.all_reduce(whole)
    return whole


def summed(mine: Tensor) -> Tensor:
    """The sum over the ranks."""
    if world()[1] == 1:
        return mine
    whole = mine.clone()
    distributed.all_reduce(whole)
    return whole
