"""Which training faces make the next batch: LPBB (Eq. 1), or every face once an epoch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler


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


def effective_sample_size(probabilities: Tensor) -> float:
    """Kish's effective sample size 1 / sum p^2 of (N,) probabilities: N when uniform."""
    return float(1 / probabilities.square().sum())


class BatchSampler(Sampler[Tensor]):
    """Batches of face indices, each face once an epoch, in random order.

    The random numbers of an epoch follow from the seed and the epoch alone, so its state is two
    counters and a run that was cut draws the same batches when it goes on.

    Args:
        size: Number of faces N.
        batch_size: Faces B in a batch; the last one of an epoch holds what is left.
        seed: Seed.

    Raises:
        ValueError: A size, batch size or seed that is not a whole number of the right range.
    """

    def __init__(self, size: int, batch_size: int, seed: int = 0) -> None:
        for name, value, least in (("size", size, 1), ("batch_size", batch_size, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seed={seed!r} must be a whole number, not negative")
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
        source = self._source()
        while self.position < len(self):
            start = self.position * self.batch_size
            self.position += 1
            yield self._draw(source[start : start + self.batch_size])
        self.epoch, self.position = self.epoch + 1, 0

    def _generator(self) -> torch.Generator:
        mixed = np.random.SeedSequence([self.seed, self.epoch]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(mixed[0] >> np.uint64(1)))

    def _source(self) -> Tensor:
        """(N,) what the epoch's batches are cut from."""
        return torch.randperm(self.size, generator=self._generator())

    def _draw(self, source: Tensor) -> Tensor:
        """(B,) a batch's indices from its share of the source."""
        return source

    def state_dict(self) -> dict[str, Any]:
        """Position in the run."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


class LossBalancer(BatchSampler):
    """LPBB (Eq. 1): draws each face with probability proportional to its last known loss.

    An epoch is N draws with replacement. A batch is drawn when it is asked for, so an update is
    obeyed by the very next batch. A face whose loss is unknown counts with the mean of the known
    ones; with none known, draws are uniform.

    Losses that make no probability are cleaned when they are written, and counted in ``invalid``:
    NaN and infinities become the largest finite loss known (of the table and the update), negative
    ones 0. A face of loss 0 is not drawn until its loss is refreshed (``floor`` prevents that);
    if all losses are 0, draws are uniform.

    Args:
        size: Number of faces N.
        batch_size: Faces in a batch.
        seed: Seed.
        power: Exponent on the losses; 0 makes draws uniform, 1 is Eq. 1.
        floor: Share of the probability that is spread evenly, 0 to 1.
        clip_quantile: Losses above this quantile count as the quantile; None: no clipping.
        start_epoch: Draws are uniform before this epoch.

    Raises:
        ValueError: A value out of range; it is named.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int = 0,
        power: float = 1.0,
        floor: float = 0.0,
        clip_quantile: float | None = None,
        start_epoch: int = 0,
    ) -> None:
        super().__init__(size, batch_size, seed)
        if not _is_number(power) or not 0 <= power < float("inf"):
            raise ValueError(f"balancing.power={power!r} must be a number of at least 0")
        if not _is_number(floor) or not 0 <= floor <= 1:
            raise ValueError(f"balancing.floor={floor!r} must lie between 0 and 1")
        if clip_quantile is not None and not (
            _is_number(clip_quantile) and 0 < clip_quantile <= 1
        ):
            raise ValueError(f"balancing.clip_quantile={clip_quantile!r} must lie in (0, 1]")
        if isinstance(start_epoch, bool) or not isinstance(start_epoch, int) or start_epoch < 0:
            raise ValueError(f"balancing.start_epoch={start_epoch!r} must be a whole number >= 0")
        self.power = power
        self.floor = floor
        self.clip_quantile = clip_quantile
        self.start_epoch = start_epoch
        self.invalid = 0
        self.draws = torch.zeros(size, dtype=torch.int64)
        self._losses = torch.full((size,), float("nan"), dtype=torch.float64)  # NaN: unknown
        self._written = torch.full((size,), -1, dtype=torch.int64)
        self._writes = 0

    @property
    def losses(self) -> Tensor:
        """(N,) float64 losses that draws go by, unknown ones filled in."""
        known = ~self._losses.isnan()
        if not known.any():
            return torch.ones_like(self._losses)
        return torch.where(known, self._losses, self._losses[known].mean())

    @property
    def probabilities(self) -> Tensor:
        """(N,) float64 probability of each face in the next draw."""
        uniform = torch.full((self.size,), 1 / self.size, dtype=torch.float64)
        if self.epoch < self.start_epoch:
            return uniform
        losses = self.losses
        if self.clip_quantile is not None:
            losses = losses.clamp(max=float(losses.quantile(self.clip_quantile)))
        largest = losses.max()
        if not largest > 0:
            return uniform
        weights = (losses / largest) ** self.power  # over the largest, so that no sum overflows
        return (1 - self.floor) * weights / weights.sum() + self.floor * uniform

    def update(self, indices: Tensor, losses: Tensor) -> None:
        """Writes the losses of faces.

        Args:
            indices: (B,) int64; of a face that stands twice, the last loss counts.
            losses: (B,) losses, cleaned as the class says.

        Raises:
            ValueError: Shapes that differ or an index outside 0..N-1.
        """
        indices = indices.detach().cpu()
        values = losses.detach().to("cpu", torch.float64)
        if indices.shape != values.shape or indices.ndim != 1:
            raise ValueError(f"{tuple(indices.shape)} indices, {tuple(values.shape)} losses")
        if len(indices) == 0:
            return
        if int(indices.min()) < 0 or int(indices.max()) >= self.size:
            raise ValueError(f"a face's index must lie in 0..{self.size - 1}")
        finite, negative = values.isfinite(), values < 0
        self.invalid += int((~finite | negative).sum())
        if not bool(finite.all()):
            known = torch.cat([values[finite], self._losses[~self._losses.isnan()]])
            values = torch.where(finite, values, known.max() if len(known) else 1.0)
        unique, place = indices.unique(return_inverse=True)
        last = torch.zeros_like(unique)
        last.scatter_reduce_(0, place, torch.arange(len(indices)), reduce="amax")
        self._losses[unique] = values.clamp(min=0.0)[last]
        self._written[unique] = self._writes
        self._writes += 1

    def oldest(self, count: int) -> Tensor:
        """(count,) int64: the faces whose losses were written longest ago, unknown ones first."""
        return self._written.argsort(stable=True)[:count]

    def _source(self) -> Tensor:
        # In (0, 1], so that a face of loss 0 at the front is not drawn by u = 0.
        return 1 - torch.rand(self.size, generator=self._generator(), dtype=torch.float64)

    def _draw(self, source: Tensor) -> Tensor:
        indices = loss_proportional(self.probabilities, source)
        self.draws += torch.bincount(indices, minlength=self.size)
        return indices

    def state_dict(self) -> dict[str, Any]:
        """Position in the run, losses and their ages."""
        return super().state_dict() | {
            "losses": self._losses.clone(),
            "written": self._written.clone(),
            "writes": self._writes,
            "draws": self.draws.clone(),
            "invalid": self.invalid,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken.

        Raises:
            ValueError: The state is of another number of faces.
        """
        if len(state["losses"]) != self.size:
            raise ValueError(
                f"the saved balancer knows {len(state['losses'])} faces, the training set has "
                f"{self.size}; it was prepared anew since, so start with rerun=true"
            )
        super().load_state_dict(state)
        self._losses, self._written = state["losses"].clone(), state["written"].clone()
        self._writes, self.draws = int(state["writes"]), state["draws"].clone()
        self.invalid = int(state["invalid"])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
