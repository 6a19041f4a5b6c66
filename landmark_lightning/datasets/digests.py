"""Digests of a FaceFile: of all that it holds, of its faces, and of what they belong to."""

import hashlib
import json
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile_arrays import LAYOUT

ROWS_AT_ONCE = 1024
"""Rows of an array that are read at a time."""

CONTENT = ("images", "landmarks", "visible", "normalizer")
SETS = ("subsets", "validation", "group")


class Digests(NamedTuple):
    """SHA-256 digests, as hexadecimal text.

    Attributes:
        sha256: Of the description and every array; it tells whether the file is damaged.
        content: Of the arrays ``CONTENT``, all that a network is trained and tested on: the same
            for the same faces, whatever their photos are called.
        sets: Of the arrays ``SETS``: which subsets, group and validation set a face belongs to.
    """

    sha256: str
    content: str
    sets: str


def digests(file: h5py.File) -> Digests:
    """Reads a FaceFile once from end to end; its description and arrays are written by then."""
    described = file.attrs["described"]
    whole, content = hashlib.sha256(described.encode()), hashlib.sha256()
    sets = hashlib.sha256(json.dumps(json.loads(described)["subsets"]).encode())
    for split in SPLITS:
        for name in LAYOUT:
            array = file[split][name]
            head = f"{split}/{name} {array.shape} {array.dtype}".encode()
            others = [content] * (name in CONTENT) + [sets] * (name in SETS)
            for digest in (whole, *others):
                digest.update(head)
            for start in range(0, len(array), ROWS_AT_ONCE):
                some = np.ascontiguousarray(array[start : start + ROWS_AT_ONCE])
                whole.update(some.tobytes())
                for digest in others:
                    digest.update(_plain(some).tobytes())
    return Digests(whole.hexdigest(), content.hexdigest(), sets.hexdigest())


def _plain(numbers: NDArray[Any]) -> NDArray[Any]:
    """Numbers of which equal ones have equal bytes: one NaN and one zero."""
    if numbers.dtype.kind != "f":
        return numbers
    return np.where(np.isnan(numbers), np.float32(np.nan), numbers + np.float32(0))
