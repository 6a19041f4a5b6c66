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

    The file stays open from the first look on.

    Args:
        opened: Opens the array.
        guarded: What each look is wrapped in, for errors in words.
        shape: Its shape.
        dtype: Its type.
    """

    def __init__(
        self,
        opened: Callable[[], Any],
        guarded: Callable[[], AbstractContextManager[None]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._opened, self._guarded = opened, guarded
        self.shape, self.dtype = shape, dtype
        self._rows: Any = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: "slice | int | NDArray[np.int64]") -> NDArray[Any]:
        """Rows by a slice, one by its number, or some in any order, also repeated."""
        if self._rows is None:
            self._rows = self._opened()
        with self._guarded():
            if isinstance(rows, slice | int):
                return np.asarray(self._rows[rows])
            found = np.empty((len(rows), *self.shape[1:]), self.dtype)
            for place, row in enumerate(rows):
                self._rows.read_direct(found[place : place + 1], np.s_[int(row) : int(row) + 1])
            return found


def blocks(rows: "StoredRows | NDArray[Any]", at_once: int = AT_ONCE) -> Iterator[NDArray[Any]]:
    """All rows of an array, some at a time."""
    for start in range(0, len(rows), at_once):
        yield rows[start : start + at_once]
