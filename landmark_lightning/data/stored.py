"""StoredImages: the images of a FaceFile, read when they are asked for."""

import threading
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from landmark_lightning.data.facefile import FaceFile

ROWS_AT_ONCE = 1024


class StoredImages:
    """Images of some rows of a split; the file stays open from the first read on.

    Args:
        file: The FaceFile.
        split: ``train`` or ``test``.
        rows: (N,) rows of the split, ascending.
    """

    def __init__(self, file: FaceFile, split: str, rows: NDArray[np.int64]) -> None:
        self.file = file
        self.split = split
        self.rows = rows
        self._lock = threading.Lock()
        self._opened: Any = None

    @property
    def nbytes(self) -> int:
        """Bytes of all images."""
        return len(self.rows) * self.file.crop.side**2

    def read(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Reads images.

        Args:
            index: (B,) int64 places in ``rows``.

        Returns:
            (B, C, C).

        Raises:
            ValueError: The file is damaged; one sentence.
        """
        images = self._empty(len(index))
        with self._lock:
            for place, row in enumerate(self.rows[index]):
                self._read(np.s_[row : row + 1], images[place : place + 1])
        return images

    def load(self) -> NDArray[np.uint8]:
        """Reads all images, in their order, without a second copy of them.

        Raises:
            ValueError: The file is damaged; one sentence.
        """
        images = self._empty(len(self.rows))
        portion = self._empty(ROWS_AT_ONCE)
        with self._lock:
            for start in range(0, self.file.faces[self.split], ROWS_AT_ONCE):
                first, last = np.searchsorted(self.rows, (start, start + ROWS_AT_ONCE))
                if first < last:
                    stop = min(start + ROWS_AT_ONCE, self.file.faces[self.split])
                    self._read(np.s_[start:stop], portion[: stop - start])
                    images[first:last] = portion[self.rows[first:last] - start]
        return images

    def _empty(self, count: int) -> NDArray[np.uint8]:
        side = self.file.crop.side
        return np.empty((count, side, side), dtype=np.uint8)

    def _read(self, rows: slice, out: NDArray[np.uint8]) -> None:
        try:
            if self._opened is None:
                self._opened = h5py.File(self.file.path, "r")[self.split]["images"]
            self._opened.read_direct(out, rows)
        except (OSError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self.file.path} is no FaceFile or is damaged ({error}); run landmark-prepare "
                "again"
            ) from error
