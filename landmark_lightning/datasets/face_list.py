"""FaceList: the faces that a source has read, packed so that a million of them fit into memory."""

import pickle
import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

from landmark_lightning.datasets.face import Face, Rejection

TOGETHER = 256
"""Faces that are packed together: the more, the smaller, and the more are unpacked at a time."""


class FaceList:
    """A list of faces and rejections that one can add to and go through, as often as one likes.

    A face of 68 landmarks takes 3 KB as it is, and about 0.7 KB here.

    Args:
        faces: Those that it begins with.
    """

    def __init__(self, faces: Iterable[Face | Rejection] = ()) -> None:
        # One buffer, however long, which goes back to the system as a whole.
        self._packed, self._ends = bytearray(), [0]
        self._last: list[Face | Rejection] = []
        self += faces

    def append(self, face: Face | Rejection) -> None:
        """Adds one at the end."""
        self._last.append(face)
        if len(self._last) == TOGETHER:
            self._packed += zlib.compress(pickle.dumps(self._last, 5), 1)
            self._ends.append(len(self._packed))
            self._last = []

    def __iadd__(self, faces: Iterable[Face | Rejection]) -> "FaceList":
        for face in faces:
            self.append(face)
        return self

    def __len__(self) -> int:
        return TOGETHER * (len(self._ends) - 1) + len(self._last)

    def __iter__(self) -> Iterator[Face | Rejection]:
        for start, end in pairwise(self._ends):
            yield from pickle.loads(zlib.decompress(self._packed[start:end]))
        yield from self._last


def listed(faces: Iterable[Face | Rejection]) -> FaceList:
    """The faces of a source, packed, if they are not."""
    return faces if isinstance(faces, FaceList) else FaceList(faces)
