"""BatchSampler: batches of faces, every face once an epoch."""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from landmark_lightning.config import schema
from landmark_lightning.config.limits import whole
from landmark_lightning.config.read import check


class BatchSampler(Sampler[Tensor]):
    """Batches of face indices, each face once an epoch, in random order.

    The random numbers of an epoch follow from the seed and the epoch alone, so its state is two
    counters and a run that was cut draws the same batches when it goes on.

    Args:
        size: Number of faces N.
        batch_size: Faces B in a batch; the last one of an epoch holds what is left.
        seed: Seed.

    Attributes:
        balanced: Whether faces are drawn by their losses; then it is a LossBalancer.
        start_epoch: First epoch of which the draws may go by losses.

    Raises:
        UserError: A size, batch size or seed that is not a whole number of the right range.
    """

    balanced = False
    start_epoch = 0

    def __init__(self, size: int, batch_size: int, seed: int = 0) -> None:
        whole(1).check(size, "size")
        check(schema.Train, batch_size=batch_size, seed=seed)
        self.size = size
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.position = 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.size // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Moves to the start of an epoch; does nothing inside that epoch."""
        if epoch != self.epoch:
            self.epoch, self.position = epoch, 0

    def __iter__(self) -> Iterator[Tensor]:
        """The epoch's remaining batches, (B,) int64 each, each drawn when it is asked for."""
        for source, start in self.turns():
            yield self.draw(torch.from_numpy(source[start : start + self.batch_size]))

    def turns(self) -> Iterator[tuple[NDArray[Any], int]]:
        """The epoch's remaining batches, not drawn yet: what ``draw`` needs to know of each.

        Yields:
            An array and a start in it for each batch: its ``batch_size`` entries from there (at
            the end of the array those that are left) are the argument of ``draw``. Batches that
            follow each other, ``stretch`` of them, share one array.
        """
        stretch, source = -1, torch.empty(0).numpy()
        while self.position < len(self):
            current, place = divmod(self.position, self.stretch)
            if current != stretch:
                stretch, source = current, self._source(current).numpy()
            self.position += 1
            yield source, place * self.batch_size
        self.epoch, self.position = self.epoch + 1, 0

    def draw(self, share: Tensor) -> Tensor:
        """The faces of a batch.

        Args:
            share: (B,) entries that ``turns`` has for this batch. Here they are faces already, in
                random order; in a LossBalancer uniform numbers.

        Returns:
            (B,) int64 faces.
        """
        return share

    @property
    def stretch(self) -> int:
        """Batches whose entries lie in one array of ``turns``."""
        return len(self)

    def _source(self, stretch: int) -> Tensor:
        """The array of a stretch of the epoch, (faces of its batches,)."""
        return torch.randperm(self.size, generator=self._generator(stretch))

    def _generator(self, stretch: int) -> torch.Generator:
        sequence = np.random.SeedSequence([self.seed, self.epoch, stretch])
        mixed = sequence.generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(mixed[0] >> np.uint64(1)))

    def to(self, device: torch.device, resident: bool = False) -> Self:
        """Moves what the draws go by to a device; even draws go by nothing."""
        return self

    def figures(self) -> dict[str, float]:
        """What a curve may tell of the next draw, by name; nothing of even draws."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Position in the run."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


MakeSampler = Callable[[int, int, int], BatchSampler]
"""(number of faces, faces in a batch, seed) -> the sampler."""
