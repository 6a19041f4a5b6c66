"""The losses that LPBB draws by, in the host's memory."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landmark_lightning.samplers.sums import LARGEST_LOSS, SMALLEST_SUM, evenly, weight_table

RENEWED_SHARE = 0.1
"""The quantile that clips is taken anew when this share of the faces has been written since."""


class HostTable:
    """The last known loss of each face, and draws in proportion to their weights (Eq. 1).

    Arguments and methods are those of LossBalancer, which says what they mean; ``clip`` is its
    ``clip_quantile``, taken anew whenever a tenth of the faces has been written since.
    """

    def __init__(
        self, size: int, batch_size: int, power: float, floor: float, clip: float | None
    ) -> None:
        self.size, self.power, self.floor, self.clip = size, power, floor, clip
        self.plain = power == 1 and clip is None  # the losses themselves are the weights
        self.even = False
        self.invalid = 0
        self._losses = self._weights = weight_table(size, batch_size)
        if not self.plain:
            self._weights = weight_table(size, batch_size)
        self._written = torch.full((size,), -1, dtype=torch.int32)
        self._writes = 0
        self._ceiling, self._scale = LARGEST_LOSS, 1.0
        self._since = size  # faces written since ceiling and scale were taken

    @property
    def losses(self) -> Tensor:
        """(N,) float64 losses that draws go by, unknown ones filled in."""
        mean = self._losses.mean()
        return self._losses.values.nan_to_num(nan=1.0 if math.isnan(mean) else mean)

    @property
    def probabilities(self) -> Tensor:
        """(N,) float64 probability of each face in a draw by losses."""
        uniform = torch.full((self.size,), 1 / self.size, dtype=torch.float64)
        fill = self._fill()
        if fill is None:
            return uniform
        weights = self._weights.filled(fill)
        total = weights.sum()
        if not total > SMALLEST_SUM:
            return uniform
        return (1 - self.floor) * weights / total + self.floor * uniform

    def concentration(self) -> tuple[float, float]:
        """Kish's 1 / sum p^2 of a draw by losses, and the largest probability p."""
        fill = self._fill()
        moments = (0.0, 0.0, 0.0) if fill is None else self._weights.moments(fill)
        total, squares, largest = moments
        if not total > SMALLEST_SUM:
            return float(self.size), 1 / self.size
        share, even = (1 - self.floor) * largest / total, self.floor / self.size
        # sum (share w + even)^2 over weights w relative to the largest
        summed = share**2 * squares + 2 * share * even * (total / largest) + self.floor * even
        return 1 / summed, share + even

    def _fill(self) -> float | None:
        """What an unknown weight counts, or None: no loss is known."""
        if not self._weights.unknown:
            return 0.0
        mean = torch.tensor(self._losses.mean(), dtype=torch.float64)
        return None if mean.isnan() else float(self._weight(mean))

    def _weight(self, losses: Tensor) -> Tensor:
        """Weights of losses; NaN stays NaN."""
        if self.plain:
            return losses
        # Over the scale, so that no power overflows.
        weights = (losses.clamp(max=self._ceiling) / self._scale) ** self.power
        return torch.where(losses.isnan(), losses, weights)  # NaN to the power 0 is 1

    def update(self, indices: Tensor, losses: Tensor) -> None:
        """Writes the losses of faces; as ``LossBalancer.update``."""
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
        if not self.plain:
            self._since += len(places)
            largest = min(float(values.max()), self._ceiling)
            if self._since >= RENEWED_SHARE * self.size or largest > self._scale:
                self._renew()
            else:
                self._weights.write(places, self._weight(torch.from_numpy(values)).numpy())

    def _cleaned(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        finite = np.abs(values) <= LARGEST_LOSS
        self.invalid += int((~finite | (values < 0)).sum())
        known = [float(values[finite].max())] if finite.any() else []
        if self._losses.unknown < self.size:
            known.append(float(self._losses.values.nan_to_num(nan=0.0).max()))
        return np.where(finite, values, max(known, default=1.0)).clip(min=0.0)

    def _renew(self) -> None:
        """Takes ceiling and scale anew, and with them all weights."""
        losses = self._losses.values
        known = losses if not self._losses.unknown else losses[~losses.isnan()]
        self._since = 0
        if self.clip is not None:
            self._ceiling = float(np.quantile(known.numpy(), self.clip))
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

    def begin(self, even: bool) -> None:
        """Says whether the draws to come are even, whatever the losses."""
        self.even = even

    def draw(self, uniforms: Tensor) -> Tensor:
        """(B,) int64 faces for (B,) uniform numbers in (0, 1]."""
        fill = None if self.even else self._fill()
        if fill is None:
            return evenly(uniforms, self.size)
        if self.floor == 0:
            drawn = self._weights.draw(uniforms, fill)
            return evenly(uniforms, self.size) if drawn is None else drawn
        # One number says which way, and what is left of it which face.
        rest = ((uniforms - self.floor) / (1 - self.floor)).clamp(min=SMALLEST_SUM)
        drawn = self._weights.draw(rest, fill)
        if drawn is None:
            return evenly(uniforms, self.size)
        even = evenly((uniforms / self.floor).clamp(max=1.0), self.size)
        return torch.where(uniforms <= self.floor, even, drawn)

    def state_dict(self) -> dict[str, Any]:
        """Losses and their ages."""
        return {
            "losses": self._losses.values.clone(),
            "ceiling": self._ceiling,
            "scale": self._scale,
            "since": self._since,
            "written": self._written.clone(),
            "writes": self._writes,
            "invalid": self.invalid,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` of a table was taken."""
        self._losses.replace(state["losses"])
        self._ceiling, self._scale = float(state["ceiling"]), float(state["scale"])
        self._since = int(state["since"])
        if not self.plain:
            if self._since >= self.size and self._losses.unknown < self.size:
                self._renew()  # a DeviceTable's state has neither ceiling nor scale
            self._weights.replace(self._weight(state["losses"]))
        self._written, self._writes = state["written"].clone(), int(state["writes"])
        self.invalid = int(state["invalid"])
