"""The losses that LPBB draws by, on the training device.

Nothing here is read on the host, so that a CUDA graph may replay it.
"""

from typing import Any

import torch
from torch import Tensor

from landmark_lightning.samplers.sums import LARGEST_LOSS, SMALLEST_SUM, evenly, loss_proportional


class DeviceTable:
    """The last known loss of each face, as HostTable has it, on the training device.

    It draws as the other does, but for the rounding of the sums: always from the sums of all
    weights, and with ``clip`` by the quantile of the moment.
    """

    def __init__(
        self, size: int, power: float, floor: float, clip: float | None, device: torch.device
    ) -> None:
        self.size, self.power, self.floor, self.clip = size, power, floor, clip
        self.device = device
        self._losses = torch.full((size,), torch.nan, dtype=torch.float64, device=device)
        self._written = torch.full((size,), -1, dtype=torch.int32, device=device)
        self._writes = torch.zeros((), dtype=torch.int32, device=device)
        self.invalid = torch.zeros((), dtype=torch.int64, device=device)
        self._even = torch.zeros((), dtype=torch.bool, device=device)
        self._last = torch.zeros(size, dtype=torch.int64, device=device)

    @property
    def losses(self) -> Tensor:
        """(N,) float64 losses that draws go by, unknown ones filled in; on the device."""
        return self._filled().nan_to_num(nan=1.0)

    @property
    def probabilities(self) -> Tensor:
        """(N,) float64 probability of each face in a draw by losses; on the device."""
        weights = self._weights()
        total, share = weights.sum(), 1 - self.floor
        even = torch.full_like(weights, 1 / self.size)
        return torch.where(
            total > SMALLEST_SUM, share * weights / total + (1 - share) * even, even
        )

    def concentration(self) -> tuple[float, float]:
        """Kish's 1 / sum p^2 of a draw by losses, and the largest probability p."""
        probabilities = self.probabilities
        return 1 / float(probabilities.square().sum()), float(probabilities.max())

    def update(self, indices: Tensor, losses: Tensor) -> None:
        """Writes the losses of faces; as ``LossBalancer.update``, but no index is checked."""
        places, values = indices.to(self.device), losses.detach().to(self.device, torch.float64)
        finite = values.abs() <= LARGEST_LOSS
        none = -torch.inf
        largest = torch.maximum(
            torch.where(finite, values, none).max(), self._losses.nan_to_num(nan=none).max()
        )
        largest = torch.where(largest == none, 1.0, largest)
        self.invalid += (~finite | (values < 0)).sum()
        values = torch.where(finite, values, largest).clamp(min=0)
        # All writes to a place bring the value of the last one, so their order does not matter.
        order = torch.arange(len(places), device=self.device)
        last = self._last.scatter_reduce_(0, places, order, "amax", include_self=False)
        self._losses.index_copy_(0, places, values.index_select(0, last.index_select(0, places)))
        self._written.index_copy_(0, places, self._writes.expand(len(places)))
        self._writes += 1

    def oldest(self, count: int) -> Tensor:
        """(count,) int64: the faces whose losses were written longest ago, unknown ones first."""
        return self._written.argsort(stable=True)[:count]

    def begin(self, even: bool) -> None:
        """Says whether the draws to come are even, whatever the losses."""
        self._even.fill_(even)

    def draw(self, uniforms: Tensor) -> Tensor:
        """(B,) int64 faces for (B,) uniform numbers in (0, 1]; on the device."""
        uniforms = uniforms.to(self.device)
        even = evenly(uniforms, self.size)
        if self.floor == 1:
            return even
        weights = self._weights()
        rest = uniforms
        if self.floor:
            # One number says which way, and what is left of it which face.
            rest = ((uniforms - self.floor) / (1 - self.floor)).clamp(min=SMALLEST_SUM)
        drawn = loss_proportional(weights, rest).clamp(max=self.size - 1)
        if self.floor:
            spread = evenly((uniforms / self.floor).clamp(max=1.0), self.size)
            drawn = torch.where(uniforms <= self.floor, spread, drawn)
        return torch.where(self._even | ~(weights.sum() > SMALLEST_SUM), even, drawn)

    def _filled(self) -> Tensor:
        """(N,) losses, the mean for unknown ones: NaN where none is known."""
        known = ~self._losses.isnan()
        return torch.where(known, self._losses, self._losses.nansum() / known.sum())

    def _weights(self) -> Tensor:
        losses = self._filled()
        if self.power == 1 and self.clip is None:
            return losses
        if self.clip is not None:
            losses = torch.minimum(losses, self._quantile(self.clip))
        largest = losses.max()  # over which no power overflows
        weights = (losses / torch.where(largest > 0, largest, 1.0)) ** self.power
        return torch.where(losses.isnan(), losses, weights)  # NaN to the power 0 is 1

    def _quantile(self, share: float) -> Tensor:
        """A quantile of the known losses, between two of them by linear weights."""
        values = self._losses.sort().values  # unknown ones last
        place = share * ((~self._losses.isnan()).sum() - 1).clamp(min=0).double()
        low, high = values.take(place.floor().long()), values.take(place.ceil().long())
        return torch.lerp(low, high, place.frac())

    def state_dict(self) -> dict[str, Any]:
        """As HostTable's, on the host."""
        return {
            "losses": self._losses.to("cpu", copy=True),
            "ceiling": LARGEST_LOSS,
            "scale": 1.0,
            "since": self.size,
            "written": self._written.to("cpu", copy=True),
            "writes": int(self._writes),
            "invalid": int(self.invalid),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` of a table was taken."""
        self._losses.copy_(state["losses"])
        self._written.copy_(state["written"])
        self._writes.fill_(int(state["writes"]))
        self.invalid.fill_(int(state["invalid"]))
