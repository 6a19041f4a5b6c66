"""StoredImages: the images of a FaceFile, read when they are asked for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.facefile import KIND, FaceFile
from landmark_lightning.errors import UserError

ROWS_AT_ONCE = 1024
"""Rows of the file that ``load`` reads at a time."""


class StoredImages:
    """Images of some rows of a split; the file stays open from the first read on.

    Args:
        file: The FaceFile.
        split: ``train`` or ``test``.
        rows: (N,) int64 rows of the split, in any order, also repeated.

    Raises:
        UserError: A row that the split does not have; when reading, a file that is damaged or was
            replaced.
    """

    def __init__(self, file: FaceFile, split: str, rows: NDArray[np.int64]) -> None:
        count = file.faces[split]
        if len(wrong := rows[(rows < 0) | (rows >= count)]):
            raise UserError(f"{file.path} has {count} faces in {split}, no row {wrong[0]}")
        self.file = file
        self.split = split
        self.rows = rows
        self._lock = threading.Lock()
        self._images: Any = None

    @property
    def nbytes(self) -> int:
        """Bytes of all images."""
        return len(self.rows) * self.file.crop.side**2

    def read(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Reads the images (B, C, C) at places ``index`` (B,) int64 of ``rows``."""
        images = self._empty(len(index))
        with self._stored() as stored:
            for place, row in enumerate(self.rows[index]):
                stored.read_direct(images[place : place + 1], np.s_[row : row + 1])
        return images

    def load(self) -> NDArray[np.uint8]:
        """Reads all images (N, C, C), in the order of ``rows``, without a second copy of them."""
        images = self._empty(len(self.rows))
        portion = self._empty(ROWS_AT_ONCE)
        places = self.rows.argsort(kind="stable")  # of the images, as their rows lie in the file
        rows = self.rows[places]
        with self._stored() as stored:
            for some in range(0, self.file.faces[self.split], ROWS_AT_ONCE):
                first, last = np.searchsorted(rows, (some, some + ROWS_AT_ONCE))
                if first < last:
                    start, stop = int(rows[first]), int(rows[last - 1]) + 1
                    stored.read_direct(portion[: stop - start], np.s_[start:stop])
                    images[places[first:last]] = portion[rows[first:last] - start]
        return images

    def _empty(self, count: int) -> NDArray[np.uint8]:
        side = self.file.crop.side
        return np.empty((count, side, side), dtype=np.uint8)

    @contextmanager
    def _stored(self) -> Iterator[Any]:
        """The images in the file, for one thread at a time."""
        with self._lock:
            file = self.file.reopened() if self._images is None else None
            with KIND.guarded(self.file.path):
                if file is not None:
                    self._images = file[self.split]["images"]
                yield self._images
