"""StoredRows: an array of a FaceFile that is read as it is looked at."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 1024
"""Rows that are looked at together, where all are."""


class StoredRows:
    """The rows of an array in a file; what is looked at is read, and nothing else.

    Args:
        opened: Opens the array to read it.
        shape: Its shape.
        dtype: Its type.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Any]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._opened, self.shape, self.dtype = opened, shape, dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: "slice | int | NDArray[np.int64]") -> NDArray[Any]:
        """Rows by a slice, one by its number, or some in any order, also repeated."""
        with self._opened() as stored:
            if isinstance(rows, slice | int):
                return np.asarray(stored[rows])
            found = np.empty((len(rows), *self.shape[1:]), self.dtype)
            for place, row in enumerate(rows):
                stored.read_direct(found[place : place + 1], np.s_[int(row) : int(row) + 1])
            return found


def blocks(rows: "StoredRows | NDArray[Any]", at_once: int = AT_ONCE) -> Iterator[NDArray[Any]]:
    """All rows of an array, some at a time."""
    for start in range(0, len(rows), at_once):
        yield rows[start : start + at_once]
