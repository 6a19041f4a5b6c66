"""Draw, gather and update on the training device, where no step waits for the host.

Nothing here is read on the host, so that a CUDA graph may replay it: the random numbers of many
batches are put on the device at once, and a counter there says which are the next ones.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from landmark_lightning.loading.faces import Batch, ResidentFaces
from landmark_lightning.samplers.batch_sampler import BatchSampler


class DeviceDraws:
    """Whole batches of faces, drawn and gathered on the device; what Lightning iterates over.

    Args:
        sampler: A BatchSampler, or a LossBalancer whose table lies on the device.
        faces: The faces, whose images lie on the device.
        device: The training device.
        in_step: Whether the training step calls ``batch`` itself. Then what is iterated over holds
            ``index`` alone, (B,) int64, which ``batch`` fills.
    """

    def __init__(
        self,
        sampler: BatchSampler,
        faces: ResidentFaces,
        device: torch.device,
        in_step: bool = False,
    ) -> None:
        # As a DataLoader names them: Lightning tells the sampler the epoch.
        self.sampler, self.batch_sampler = sampler, None
        self.faces = faces
        self.device = device
        self.in_step = in_step
        self.source: Tensor | None = None
        self.place = torch.zeros((), dtype=torch.int64, device=device)
        self.index = torch.zeros(sampler.batch_size, dtype=torch.int64, device=device)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        stretch = None
        for source, start in self.sampler.turns():
            if source is not stretch:
                stretch = source
                self._put(torch.from_numpy(source), start)
            told = self.index[: len(source) - start]
            yield {"index": told} if self.in_step else self.batch(len(told))

    def _put(self, source: Tensor, start: int) -> None:
        if self.source is None:  # made once, since a graph remembers where it is
            longest = min(self.sampler.size, self.sampler.stretch * self.sampler.batch_size)
            self.source = torch.zeros(longest, dtype=source.dtype, device=self.device)
        self.source[: len(source)].copy_(source)
        self.place.fill_(start)

    def batch(self, count: int) -> Batch:
        """Draws and gathers the next batch; nothing of it is read on the host.

        Args:
            count: Faces in it.
        """
        assert self.source is not None
        share = self.source.index_select(0, self.place + torch.arange(count, device=self.device))
        self.place += count
        drawn = self.sampler.draw(share)
        self.index[:count].copy_(drawn)
        return self.faces[drawn]
