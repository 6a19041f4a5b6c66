"""LPBB on the training device: nothing here is read on the host, so a CUDA graph may replay it."""

from typing import Any

import torch
from torch import Tensor

from landmark_lightning.samplers.loss_balancer import LARGEST_LOSS, LossBalancer
from landmark_lightning.samplers.sums import SMALLEST_SUM, loss_proportional


class DeviceBalancer(LossBalancer):
    """A LossBalancer whose table lies on the training device.

    It draws as the other does, but for the rounding of the sums: always from the sums of all
    weights, and with ``clip_quantile`` by the quantile of the moment.

    Args:
        host: The balancer whose place it takes.
        device: The training device.
    """

    def __init__(self, host: LossBalancer, device: torch.device) -> None:
        self.host = host
        self.device = device
        super().__init__(
            host.size, host.batch_size, host.seed, host.power, host.floor, host.clip_quantile,
            host.start_epoch,
        )  # fmt: skip
        self.load_state_dict(host.state_dict())

    def on_host(self) -> LossBalancer:
        """The balancer whose place it took, with the losses that are known by now."""
        self.host.load_state_dict(self.state_dict())
        return self.host

    def _allocate(self) -> None:
        self._table = torch.full((self.size,), torch.nan, dtype=torch.float64, device=self.device)
        self._age = torch.full((self.size,), -1, dtype=torch.int32, device=self.device)
        self._updates = torch.zeros((), dtype=torch.int32, device=self.device)
        self._cleaned_losses = torch.zeros((), dtype=torch.int64, device=self.device)
        self._even = torch.zeros((), dtype=torch.bool, device=self.device)
        self._last = torch.zeros(self.size, dtype=torch.int64, device=self.device)
        self.draws = torch.zeros(self.size, dtype=torch.int32, device=self.device)

    @property
    def invalid(self) -> int:
        """How many losses were cleaned so far."""
        return int(self._cleaned_losses)

    @property
    def losses(self) -> Tensor:
        """(N,) float64 losses that draws go by, unknown ones filled in; on the device."""
        return self._filled().nan_to_num(nan=1.0)

    @property
    def probabilities(self) -> Tensor:
        """(N,) float64 probability of each face in the next draw; on the device."""
        weights = self._filled_weights()
        total, share = weights.sum(), 0.0 if self._draws_evenly() else 1 - self.floor
        even = torch.full_like(weights, 1 / self.size)
        return torch.where(
            total > SMALLEST_SUM, share * weights / total + (1 - share) * even, even
        )

    def _concentration(self) -> tuple[float, float]:
        probabilities = self.probabilities
        return 1 / float(probabilities.square().sum()), float(probabilities.max())

    def update(self, indices: Tensor, losses: Tensor) -> None:
        """Writes the losses of faces, on the device.

        Args:
            indices: (B,) int64 in 0..N-1; of a face that stands twice, the last loss counts.
            losses: (B,) losses, cleaned as LossBalancer says.
        """
        places, values = indices.to(self.device), losses.detach().to(self.device, torch.float64)
        finite = values.abs() <= LARGEST_LOSS
        none = -torch.inf
        largest = torch.maximum(
            torch.where(finite, values, none).max(), self._table.nan_to_num(nan=none).max()
        )
        largest = torch.where(largest == none, 1.0, largest)
        self._cleaned_losses += (~finite | (values < 0)).sum()
        values = torch.where(finite, values, largest).clamp(min=0)
        # All writes to a place bring the value of the last one, so their order does not matter.
        order = torch.arange(len(places), device=self.device)
        last = self._last.scatter_reduce_(0, places, order, "amax", include_self=False)
        self._table.index_copy_(0, places, values.index_select(0, last.index_select(0, places)))
        self._age.index_copy_(0, places, self._updates.expand(len(places)))
        self._updates += 1

    def oldest(self, count: int) -> Tensor:
        """(count,) int64: the faces whose losses were written longest ago, unknown ones first."""
        return self._age.argsort(stable=True)[:count]

    def draw(self, share: Tensor) -> Tensor:
        """(B,) int64, the faces of a batch, from (B,) uniform numbers in (0, 1]; on the device."""
        indices = self._indices(share)
        self.draws.index_add_(0, indices, torch.ones_like(indices, dtype=torch.int32))
        return indices

    def _source(self, stretch: int) -> Tensor:
        self._even.fill_(self._draws_evenly())  # changes from one epoch to another alone
        return super()._source(stretch)

    def _draws_evenly(self) -> bool:
        return self.epoch < self.start_epoch or self.floor == 1

    def _indices(self, uniforms: Tensor) -> Tensor:
        evenly = self._evenly(uniforms)
        if self.floor == 1:
            return evenly
        weights = self._filled_weights()
        rest = uniforms
        if self.floor:
            # One number says which way, and what is left of it which face.
            rest = ((uniforms - self.floor) / (1 - self.floor)).clamp(min=SMALLEST_SUM)
        drawn = loss_proportional(weights, rest).clamp(max=self.size - 1)
        if self.floor:
            even = self._evenly((uniforms / self.floor).clamp(max=1.0))
            drawn = torch.where(uniforms <= self.floor, even, drawn)
        return torch.where(self._even | ~(weights.sum() > SMALLEST_SUM), evenly, drawn)

    def _filled(self) -> Tensor:
        """(N,) losses, the mean for unknown ones: NaN where none is known."""
        known = ~self._table.isnan()
        return torch.where(known, self._table, self._table.nansum() / known.sum())

    def _filled_weights(self) -> Tensor:
        losses = self._filled()
        if self._plain:
            return losses
        if self.clip_quantile is not None:
            losses = torch.minimum(losses, self._quantile(self.clip_quantile))
        largest = losses.max()  # over which no power overflows
        weights = (losses / torch.where(largest > 0, largest, 1.0)) ** self.power
        return torch.where(losses.isnan(), losses, weights)  # NaN to the power 0 is 1

    def _quantile(self, share: float) -> Tensor:
        """A quantile of the known losses, between two of them by linear weights."""
        values = self._table.sort().values  # unknown ones last
        place = share * ((~self._table.isnan()).sum() - 1).clamp(min=0).double()
        low, high = values.take(place.floor().long()), values.take(place.ceil().long())
        return torch.lerp(low, high, place.frac())

    def state_dict(self) -> dict[str, Any]:
        """As LossBalancer's, on the host."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "losses": self._table.to("cpu", copy=True),
            "ceiling": LARGEST_LOSS,
            "scale": 1.0,
            "since": self.size,
            "written": self._age.to("cpu", copy=True),
            "writes": int(self._updates),
            "draws": self.draws.to("cpu", copy=True),
            "invalid": self.invalid,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken.

        Raises:
            ValueError: The state is of another number of faces.
        """
        self._check_size(state)
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
        self._table.copy_(state["losses"])
        self._age.copy_(state["written"])
        self._updates.fill_(int(state["writes"]))
        self.draws.copy_(state["draws"])
        self._cleaned_losses.fill_(int(state["invalid"]))
