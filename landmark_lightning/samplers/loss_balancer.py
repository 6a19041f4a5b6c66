"""LossBalancer: LPBB (Eq. 1), batches of faces drawn by their losses."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.errors import UserError
from landmark_lightning.samplers.batch_sampler import BatchSampler
from landmark_lightning.samplers.device_table import DeviceTable
from landmark_lightning.samplers.host_table import HostTable


class LossBalancer(BatchSampler):
    """LPBB (Eq. 1): draws each face with probability proportional to its last known loss.

    An epoch is N draws with replacement. A batch is drawn when it is asked for, so an update is
    obeyed by the very next batch. A face whose loss is unknown counts with the mean of the known
    ones; with none known, draws are uniform. Large sets are drawn from in blocks, which gives the
    same draws (see ``sums``).

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
            no clipping.
        start_epoch: Draws are uniform before this epoch.

    Attributes:
        draws: (N,) int32, how often each face was drawn so far.
        table: The losses: a HostTable, or a DeviceTable that a training on a GPU need not wait
            for; ``to`` moves from one to the other.

    Raises:
        UserError: A value out of range; it is named.
    """

    balanced = True
    stretch = 1024  # so that no epoch needs N uniform numbers at once

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
        self.draws = torch.zeros(size, dtype=torch.int32)
        self._ones = torch.ones(batch_size, dtype=torch.int32)
        self.table: HostTable | DeviceTable = HostTable(
            size, batch_size, power, floor, clip_quantile
        )

    @classmethod
    def knobs(cls, **knobs: Any) -> Callable[[int, int, int], Self]:  # noqa: ANN401
        """Makes balancers with these knobs, as FaceDataModule takes it for its ``balancer``.

        Args:
            **knobs: ``power``, ``floor``, ``clip_quantile`` and ``start_epoch``, as of the class.

        Raises:
            UserError: A value out of range; it is named.
        """
        cls(1, 1, **knobs)  # a wrong one is named at once
        return partial(cls, **knobs)

    @property
    def invalid(self) -> int:
        """How many losses were cleaned so far."""
        return int(self.table.invalid)

    @property
    def losses(self) -> Tensor:
        """(N,) float64 losses that draws go by, unknown ones filled in; where the table is."""
        return self.table.losses

    @property
    def probabilities(self) -> Tensor:
        """(N,) float64 probability of each face in the next draw; where the table is."""
        if self._even:
            return torch.full_like(self.draws, 1 / self.size, dtype=torch.float64)
        return self.table.probabilities

    @property
    def effective_sample_size(self) -> float:
        """Kish's 1 / sum p^2 of the next draw: N when it is uniform."""
        return self.figures()["effective_sample_size"]

    def figures(self) -> dict[str, float]:
        """``effective_sample_size``, ``largest_probability`` of a face, and ``invalid_losses``."""
        size, largest = float(self.size), 1 / self.size
        if not self._even:
            size, largest = self.table.concentration()
        return {
            "effective_sample_size": size,
            "largest_probability": largest,
            "invalid_losses": self.invalid,
        }

    @property
    def _even(self) -> bool:
        """Whether the next draw is even, whatever the losses."""
        return self.epoch < self.start_epoch or self.floor == 1

    def update(self, indices: Tensor, losses: Tensor) -> None:
        """Writes the losses of faces.

        Args:
            indices: (B,) int64 in 0..N-1; of a face that stands twice, the last loss counts.
            losses: (B,) losses, cleaned as the class says.

        Raises:
            ValueError: Shapes that differ or an index outside 0..N-1; not on a device, where
                looking at them would have to wait.
        """
        self.table.update(indices, losses)

    def oldest(self, count: int) -> Tensor:
        """(count,) int64: the faces whose losses were written longest ago, unknown ones first."""
        return self.table.oldest(count)

    def _source(self, stretch: int) -> Tensor:
        self.table.begin(self._even)  # changes from one epoch to another alone
        longest = self.stretch * self.batch_size
        count = min(self.size - stretch * longest, longest)
        # In (0, 1], so that a face of loss 0 at the front is not drawn by u = 0.
        return 1 - torch.rand(count, generator=self._generator(stretch), dtype=torch.float64)

    def draw(self, share: Tensor) -> Tensor:
        """(B,) int64, the faces of a batch, from (B,) uniform numbers in (0, 1]."""
        indices = self.table.draw(share)
        self.draws.index_add_(0, indices, self._ones[: len(indices)])
        return indices

    def to(self, device: torch.device, resident: bool = False) -> Self:
        """Moves the losses and the counts of draws to a device, as a module's tensors move.

        Args:
            device: The device.
            resident: Whether the losses are in a DeviceTable on a CPU, too.
        """
        resident = resident or device.type != "cpu"
        if self.draws.device == device and isinstance(self.table, DeviceTable) == resident:
            return self
        state, knobs = self.table.state_dict(), (self.power, self.floor, self.clip_quantile)
        self.draws, self._ones = self.draws.to(device), self._ones.to(device)
        if resident:
            self.table = DeviceTable(self.size, *knobs, device)
        else:
            self.table = HostTable(self.size, self.batch_size, *knobs)
        self.table.load_state_dict(state)
        self.table.begin(self._even)
        return self

    def state_dict(self) -> dict[str, Any]:
        """Position in the run, losses, their ages and the counts of draws; on the host."""
        draws = self.draws.to("cpu", copy=True)
        return super().state_dict() | self.table.state_dict() | {"draws": draws}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state_dict`` was taken, wherever the table was.

        Raises:
            UserError: The state is of another number of faces.
        """
        if len(state["losses"]) != self.size:
            raise UserError(
                f"the saved balancer knows {len(state['losses'])} faces, the training set has "
                f"{self.size}; it was prepared anew since, so start with rerun=true"
            )
        super().load_state_dict(state)
        self.draws.copy_(state["draws"])
        self.table.load_state_dict(state)
