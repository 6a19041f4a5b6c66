"""LossBalancer: LPBB (Eq. 1), batches of faces drawn by their losses."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.errors import UserError
from landmark_lightning.samplers.batch_sampler import BatchSampler
from landmark_lightning.samplers.sums import SMALLEST_SUM, weight_table

STRETCH = 1024
"""Batches whose uniform numbers are drawn together, so that no epoch needs N of them at once."""

LARGEST_LOSS = float(torch.finfo(torch.float32).max)
"""A loss above this is none: so that no sum of losses can overflow."""

RENEWED_SHARE = 0.1
"""The quantile that clips is taken anew when this share of the faces has been written since."""


class LossBalancer(BatchSampler):
    """LPBB (Eq. 1): draws each face with probability proportional to its last known loss.

    An epoch is N draws with replacement. A batch is drawn when it is asked for, so an update is
    obeyed by the very next batch. A face whose loss is unknown counts with the mean of the known
    ones; with none known, draws are uniform. Large sets are drawn from in blocks, which gives the
    same draws (see ``weights``).

    Losses that make no probability are cleaned when they are written, and counted in ``invalid``:
    NaN and infinities become the largest finite loss known (of the table and the update), negative
    ones 0. A face of loss 0 is not drawn until its loss is refreshed (``floor`` prevents that);
    if all losses are 0, draws are uniform.

    Args:
        size: Number of faces N.
        batch_size: Faces in a batch.
        seed: Seed.
        power: Exponent on the losses; 0 makes draws uniform, 1 is Eq. 1.
        floor: Share of the probability that is spread evenly, 0 to 1: with this probability a
            face is drawn from all evenly, else by its loss.
        clip_quantile: Losses above this quantile of the known ones count as the quantile; None:
            no clipping. The quantile is taken anew whenever a tenth of the faces has been written
            since.
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
        check(
            schema.Online, power=power, floor=floor, clip_quantile=clip_quantile,
            start_epoch=start_epoch,
        )  # fmt: skip
        self.power = power
        self.floor = floor
        self.clip_quantile = clip_quantile
        self.start_epoch = start_epoch
        self._allocate()

    def _allocate(self) -> None:
        """Makes the tables, all losses unknown."""
        self._invalid = 0
        self.draws = torch.zeros(self.size, dtype=torch.int32)
        self._ones = torch.ones(self.batch_size, dtype=torch.int32)
        self._losses = self._weights = weight_table(self.size, self.batch_size)
        if not self._plain:
            self._weights = weight_table(self.size, self.batch_size)
        self._written = torch.full((self.size,), -1, dtype=torch.int32)
        self._writes = 0
        self._ceiling, self._scale = LARGEST_LOSS, 1.0
        self._since = self.size  # faces written since ceiling and scale were taken

    @property
    def invalid(self) -> int:
        """How many losses were cleaned so far."""
        return self._invalid

    @property
    def _plain(self) -> bool:
        """Whether the losses themselves are the weights."""
        return self.power == 1 and self.clip_quantile is None

    @property
    def losses(self) -> Tensor:
        """(N,) float64 losses that draws go by, unknown ones filled in."""
        mean = self._losses.mean()
        return self._losses.values.nan_to_num(nan=1.0 if math.isnan(mean) else mean)

    @property
    def probabilities(self) -> Tensor:
        """(N,) float64 probability of each face in the next draw."""
        uniform = torch.full((self.size,), 1 / self.size, dtype=torch.float64)
        fill = self._fill()
        if fill is None:
            return uniform
        weights = self._weights.filled(fill)
        total = weights.sum()
        if not total > SMALLEST_SUM:
            return uniform
        return (1 - self.floor) * weights / total + self.floor * uniform

    @property
    def effective_sample_size(self) -> float:
        """Kish's 1 / sum p^2 of the next draw: N when it is uniform."""
        return self._concentration()[0]

    @property
    def largest_probability(self) -> float:
        """Probability of the face that is the most likely one in the next draw."""
        return self._concentration()[1]

    def _concentration(self) -> tuple[float, float]:
        fill = self._fill()
        if fill is None:
            return float(self.size), 1 / self.size
        total, squares, largest = self._weights.moments(fill)
        if not total > SMALLEST_SUM:
            return float(self.size), 1 / self.size
        share, even = (1 - self.floor) * largest / total, self.floor / self.size
        # sum (share w + even)^2 over weights w relative to the largest
        summed = share**2 * squares + 2 * share * even * (total / largest) + self.floor * even
        return 1 / summed, share + even

    def _fill(self) -> float | None:
        """What an unknown weight counts, or None: the next draw is uniform."""
        if self.epoch < self.start_epoch or self.floor == 1:
            return None
        if not self._weights.unknown:
            return 0.0
        mean = torch.tensor(self._losses.mean(), dtype=torch.float64)
        return None if mean.isnan() else float(self._weight(mean))

    def _weight(self, losses: Tensor) -> Tensor:
        """Weights of losses; NaN stays NaN."""
        if self._plain:
            return losses
        # Over the scale, so that no power overflows.
        weights = (losses.clamp(max=self._ceiling) / self._scale) ** self.power
        return torch.where(losses.isnan(), losses, weights)  # NaN to the power 0 is 1

    def update(self, indices: Tensor, losses: Tensor) -> None:
        """Writes the losses of faces.

        Args:
            indices: (B,) int64; of a face that stands twice, the last loss counts.
            losses: (B,) losses, cleaned as the class says.

        Raises:
            ValueError: Shapes that differ or an index outside 0..N-1.
        """
        # numpy, since it costs a fifth of torch on a few numbers.
        places = indices.detach().to("cpu", torch.int64).numpy()
        values = losses.detach().to("cpu", torch.float64).numpy()
        if places.shape != values.shape or places.ndim != 1:
            raise ValueError(f"{places.shape} indices, {values.shape} losses")
        if len(places) == 0:
            return
        if places.view(np.uint64).max() >= self.size:  # read so, a negative index is huge
            raise ValueError(f"a face's index must lie in 0..{self.size - 1}")
        if not (values.min() >= 0 and values.max() <= LARGEST_LOSS):  # nor a NaN
            values = self._cleaned(values)
        self._losses.write(places, values)
        self._written.numpy()[places] = self._writes
        self._writes += 1
        if not self._plain:
            self._since += len(places)
            largest = min(float(values.max()), self._ceiling)
            if self._since >= RENEWED_SHARE * self.size or largest > self._scale:
                self._renew()
            else:
                self._weights.write(places, self._weight(torch.from_numpy(values)).numpy())

    def _cleaned(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        finite = np.abs(values) <= LARGEST_LOSS
        self._invalid += int((~finite | (values < 0)).sum())
        known = [float(values[finite].max())] if finite.any() else []
        if self._losses.unknown < self.size:
            known.append(float(self._losses.values.nan_to_num(nan=0.0).max()))
        return np.where(finite, values, max(known, default=1.0)).clip(min=0.0)

    def _renew(self) -> None:
        """Takes ceiling and scale anew, and with them all weights."""
        losses = self._losses.values
        known = losses if not self._losses.unknown else losses[~losses.isnan()]
        self._since = 0
        if self.clip_quantile is not None:
            self._ceiling = float(np.quantile(known.numpy(), self.clip_quantile))
        # Twice the largest, so that losses that grow seldom exceed it.
        self._scale = 2 * min(float(known.max()), self._ceiling) or 1.0
        self._weights.replace(self._weight(losses))

    def oldest(self, count: int) -> Tensor:
        """(count,) int64: the faces whose losses were written longest ago, unknown ones first."""
        if count < self.size:
            last = self._written.kthvalue(count).values
            older, same = (self._written < last).nonzero(), (self._written == last).nonzero()
            chosen = torch.cat([older, same])[:count, 0]
        else:
            chosen = torch.arange(self.size)
        return chosen[self._written[chosen].argsort(stable=True)]

    @property
    def stretch(self) -> int:
        """Batches that are cut from one source."""
        return STRETCH

    def _source(self, stretch: int) -> Tensor:
        left = self.size - stretch * STRETCH * self.batch_size
        count = min(left, STRETCH * self.batch_size)
        # In (0, 1], so that a face of loss 0 at the front is not drawn by u = 0.
        return 1 - torch.rand(count, generator=self._generator(stretch), dtype=torch.float64)

    def draw(self, share: Tensor) -> Tensor:
        """(B,) int64, the faces of a batch, from (B,) uniform numbers in (0, 1]."""
        indices = self._indices(share)
        self.draws.index_add_(0, indices, self._ones[: len(indices)])
        return indices

    def _indices(self, uniforms: Tensor) -> Tensor:
        """(B,) int64 faces for (B,) uniform numbers in (0, 1]."""
        fill = self._fill()
        if fill is None:
            return self._evenly(uniforms)
        if self.floor == 0:
            drawn = self._weights.draw(uniforms, fill)
            return self._evenly(uniforms) if drawn is None else drawn
        # One number says which way, and what is left of it which face.
        rest = ((uniforms - self.floor) / (1 - self.floor)).clamp(min=SMALLEST_SUM)
        drawn = self._weights.draw(rest, fill)
        if drawn is None:
            return self._evenly(uniforms)
        even = self._evenly((uniforms / self.floor).clamp(max=1.0))
        return torch.where(uniforms <= self.floor, even, drawn)

    def _evenly(self, uniforms: Tensor) -> Tensor:
        return (uniforms * self.size).ceil().to(torch.int64) - 1

    def state_dict(self) -> dict[str, Any]:
        """Position in the run, losses and their ages."""
        return super().state_dict() | {
            "losses": self._losses.values.clone(),
            "ceiling": self._ceiling,
            "scale": self._scale,
            "since": self._since,
            "written": self._written.clone(),
            "writes": self._writes,
            "draws": self.draws.clone(),
            "invalid": self._invalid,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken.

        Raises:
            ValueError: The state is of another number of faces.
        """
        self._check_size(state)
        super().load_state_dict(state)
        self._losses.replace(state["losses"])
        self._ceiling, self._scale = float(state["ceiling"]), float(state["scale"])
        self._since = int(state["since"])
        if not self._plain:
            if self._since >= self.size and self._losses.unknown < self.size:
                self._renew()  # a DeviceBalancer's state has neither ceiling nor scale
            self._weights.replace(self._weight(state["losses"]))
        self._written, self._writes = state["written"].clone(), int(state["writes"])
        self.draws, self._invalid = state["draws"].clone(), int(state["invalid"])

    def _check_size(self, state: dict[str, Any]) -> None:
        if len(state["losses"]) != self.size:
            raise UserError(
                f"the saved balancer knows {len(state['losses'])} faces, the training set has "
                f"{self.size}; it was prepared anew since, so start with rerun=true"
            )
