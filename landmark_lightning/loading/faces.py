"""Faces of a split: annotations in memory, images on the device, in memory or left in the file."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from landmark_lightning.datasets.facefile import FaceFile, FaceSplit
from landmark_lightning.datasets.stored_images import StoredImages
from landmark_lightning.samplers.batch_sampler import BatchSampler

Batch = dict[str, Tensor]
"""``image`` (B,1,C,C) uint8, ``landmarks`` (B,L,2) crop pixels, NaN where not labelled,
``visible`` (B,L) uint8, ``normalizer`` (B,R), NaN where a face has none, ``subsets`` (B,K),
``index`` (B) int64: the face's place among the faces it was drawn from, and where some crops are
cut around a detector's box ``offset`` (B,3), as of ``Faces``. Where several processes
share a batch, each has its own part of it and ``drawn`` (G) int64, the index of the whole."""

MEMORY_SHARE = 0.5
"""Images go where they take at most this share of the memory that is free."""


class Faces(Dataset[Batch]):
    """Faces of a split; indexed by a tensor, it gives a whole Batch.

    Args:
        split: The split.
        rows: Its rows that the faces are, in any order, also repeated.

    Attributes:
        photo: Names of the photos.
        group: Names of the persons or videos that the faces show, empty for a face of none.
        visible: (N, L) uint8 as of a Face: 0 not labelled, 1 covered, 2 visible.
        to_photo: (N, 2, 3) float32 crop -> photo.
        offset: (N, 3) float32, how far a detector's box lies from the true one, as
            ``BoxMap.offsets`` tells; None: no crop is cut around it.
    """

    def __init__(self, split: FaceSplit, rows: NDArray[np.int64]) -> None:
        self.landmarks = torch.from_numpy(split.landmarks[rows])
        self.visible = torch.from_numpy(split.visible[rows])
        self.normalizer = torch.from_numpy(split.normalizer[rows])
        self.subsets = torch.from_numpy(split.subsets[rows])
        self.to_photo = torch.from_numpy(split.to_photo[rows])
        self.photo = [split.photo[i] for i in rows]
        self.group = [split.group[i] for i in rows]
        self.offset: Tensor | None = None

    def __len__(self) -> int:
        return len(self.photo)

    def pixels(self, index: Tensor) -> Tensor:
        """(B, 1, C, C) uint8 stored crops of (B,) faces."""
        raise NotImplementedError

    def __getitem__(self, index: Tensor | list[int]) -> Batch:
        index = torch.as_tensor(index, device=self.landmarks.device)
        # index_select copies a row at a time: on images 20 times as fast as [index].
        batch = {
            "image": self.pixels(index),
            "landmarks": self.landmarks.index_select(0, index),
            "visible": self.visible.index_select(0, index),
            "normalizer": self.normalizer.index_select(0, index),
            "subsets": self.subsets.index_select(0, index),
            "index": index,
        }
        if self.offset is not None:
            batch["offset"] = self.offset.index_select(0, index)
        return batch

    def in_order(self, batch_size: int, rank: int = 0, ranks: int = 1) -> "FaceBatches":
        """The faces once, in order, in batches; of several processes each has every n-th face."""
        mine = torch.arange(len(self))[rank::ranks]
        return FaceBatches(self, mine.split(batch_size))


class ResidentFaces(Faces):
    """Faces whose images are one tensor in memory.

    Attributes:
        images: (N, 1, C, C) uint8.
    """

    def __init__(self, split: FaceSplit, rows: NDArray[np.int64], images: Tensor) -> None:
        super().__init__(split, rows)
        self.images = images
        self.pinned = False

    def pixels(self, index: Tensor) -> Tensor:
        """(B, 1, C, C) uint8 stored crops of (B,) faces."""
        if not self.pinned:
            return self.images.index_select(0, index)
        # From pinned memory a batch travels to the device while the host goes on.
        batch = torch.empty((len(index), *self.images.shape[1:]), dtype=torch.uint8).pin_memory()
        return torch.index_select(self.images, 0, index, out=batch)

    def to(self, device: torch.device) -> None:
        """Moves what a batch is made of to a device."""
        for name in ("images", "landmarks", "visible", "normalizer", "subsets"):
            setattr(self, name, getattr(self, name).to(device))
        if self.offset is not None:
            self.offset = self.offset.to(device)


class StreamedFaces(Faces):
    """Faces whose images stay in the file; a batch reads its own."""

    def __init__(self, split: FaceSplit, rows: NDArray[np.int64], images: StoredImages) -> None:
        super().__init__(split, rows)
        self.images = images

    def pixels(self, index: Tensor) -> Tensor:
        """(B, 1, C, C) uint8 stored crops of (B,) faces."""
        return torch.from_numpy(self.images.read(index.cpu().numpy()))[:, None]


class FaceBatches:
    """Whole batches of faces, in the order of a sampler; what Lightning iterates over.

    Args:
        faces: The faces.
        sampler: Index tensors (G,) of the batches.
        ahead: Batches that a thread reads while earlier ones are worked on. Their indices are
            drawn that much earlier, too. With 0 a batch is drawn when it is asked for.
        rank: Number of this process among those that share each batch.
        ranks: How many they are.
    """

    def __init__(
        self,
        faces: Faces,
        sampler: BatchSampler | Sequence[Tensor],
        ahead: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.faces = faces
        # As a DataLoader names them: Lightning tells the sampler the epoch.
        self.sampler, self.batch_sampler = sampler, None
        self.ahead = ahead
        self.rank, self.ranks = rank, ranks

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        if not self.ahead:
            for drawn in self.sampler:
                yield self._batch(drawn)
            return
        with ThreadPoolExecutor(1) as reader:
            waiting: deque[Future[Batch]] = deque()
            for drawn in self.sampler:
                waiting.append(reader.submit(self._batch, drawn))
                if len(waiting) > self.ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _batch(self, drawn: Tensor) -> Batch:
        if self.ranks == 1:
            return self.faces[drawn]
        return self.faces[drawn[self.rank :: self.ranks]] | {"drawn": drawn}


def faces_from(
    file: FaceFile,
    split: str,
    chosen: NDArray[np.int64] | None = None,
    streamed: bool | None = None,
) -> Faces:
    """Faces of a FaceFile's split.

    Args:
        file: The FaceFile.
        split: ``train`` or ``test``.
        chosen: Rows of the split in any order, also repeated; None: all.
        streamed: Whether the images stay in the file; None: where they take too much memory.

    Raises:
        UserError: A row that the split does not have.
    """
    annotations = file.read(split, images=False)
    rows = np.arange(len(annotations)) if chosen is None else chosen
    images = StoredImages(file, split, rows)
    if streamed is None:
        streamed = images.nbytes > MEMORY_SHARE * free_memory()
    if streamed:
        return StreamedFaces(annotations, rows, images)
    return ResidentFaces(annotations, rows, torch.from_numpy(images.load())[:, None])


def free_memory() -> int:
    """Bytes of this machine's memory that a program may still take."""
    told = Path("/proc/meminfo")
    for line in told.read_text().splitlines() if told.is_file() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
