"""The arrays of a FaceFile: their types and shapes, the checks before they are read, digests.

``facefile`` says what they are.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import NOT_LABELLED, SPLITS, VISIBLE
from landmark_lightning.datasets.photos import THUMBNAIL
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme
from landmark_lightning.terminal import shown

SCHEMA = 3

LAYOUT = {
    "images": ("u1", "CC"),
    "thumbnail": ("u1", "TT"),
    "landmarks": ("f4", "L2"),
    "visible": ("u1", "L"),
    "normalizer": ("f4", "R"),
    "subsets": ("b1", "K"),
    "validation": ("b1", ""),
    "to_photo": ("f4", "23"),
    "box": ("f4", "4"),
    "detector_box": ("f4", "4"),
    "photo": ("S", ""),
    "group": ("S", ""),
}
"""The arrays of a split: their types (S is text), and the shape of one face's row in letters."""

CONTENT = ("images", "landmarks", "visible", "normalizer", "detector_box")
SETS = ("subsets", "validation", "group")

LONGEST = 4096
"""Bytes of the longest name of a photo or group, as of a path of Linux."""

FARTHEST = 1e7
"""Pixels: no landmark or box of a face lies so far out, and no face is so large."""

BLOCK = 4096
"""Rows whose numbers are looked at together."""

ROWS_AT_ONCE = 1024
"""Rows of an array that are read at a time for its digest."""

OPTIONAL = ("detector_box",)
"""Arrays that a file has in both splits, or in none where no face has anything to put there."""


def row_shapes(
    scheme: Scheme, normalizers: int, subsets: int, side: int
) -> dict[str, tuple[int, ...]]:
    """The shape of one face in each array of a split: the array's shape without its N."""
    sizes = {"C": side, "T": THUMBNAIL, "L": scheme.landmarks, "R": normalizers, "K": subsets}
    sizes |= {"2": 2, "3": 3, "4": 4}
    return {name: tuple(sizes[letter] for letter in row) for name, (_, row) in LAYOUT.items()}


def arrays_of(file: h5py.File) -> list[str]:
    """Names of the arrays that the splits of a file have, in the order of ``LAYOUT``."""
    return [n for n in LAYOUT if n not in OPTIONAL or any(f"{s}/{n}" in file for s in SPLITS)]


def check_split(file: h5py.File, split: str, shapes: dict[str, tuple[int, ...]]) -> int:
    """Checks the arrays of a split, of ``row_shapes``, before it is read; gives its faces' number.

    Raises:
        UserError: An array is missing, links elsewhere or is of another type or shape; the message
            is the reason alone, without the file's name.
    """
    counts: set[int] = set()
    for own in arrays_of(file):
        name, kind = f"{split}/{own}", LAYOUT[own][0]
        link: Any = file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink) or not isinstance(
            file.get(split, getlink=True), h5py.HardLink
        ):
            raise UserError(f"{name} is missing or links elsewhere")
        array = file[name]
        if not isinstance(array, h5py.Dataset) or array.is_virtual or array.external:
            raise UserError(f"{name} is not stored in the file itself")
        if not (array.dtype.kind == "S" if kind == "S" else array.dtype == np.dtype(kind)):
            raise UserError(f"{name} has type {array.dtype}, not {kind}")
        if array.shape[1:] != shapes[own]:
            raise UserError(f"{name} has shape {array.shape}, not (N, {shapes[own]})")
        if array.id.get_storage_size() < array.nbytes:
            raise UserError(f"{name} is shorter than it declares")
        if array.dtype.itemsize > LONGEST:
            raise UserError(f"{name} has names of {array.dtype.itemsize:,} bytes")
        counts.add(len(array))
    if len(counts) != 1:
        raise UserError(f"the arrays of {split} differ in length")
    return counts.pop()


def check_numbers(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Checks the numbers of a split: what would spoil a training, or a figure, without a word.

    Args:
        arrays: All of ``LAYOUT`` but the images.

    Raises:
        UserError: A landmark, length or box that can't be one; the message is the reason alone.
    """
    for start in range(0, len(arrays["visible"]), BLOCK):
        rows = slice(start, start + BLOCK)
        _check_block({name: array[rows] for name, array in arrays.items()}, start)


def _check_block(arrays: Mapping[str, NDArray[Any]], start: int) -> None:
    landmarks, visible = arrays["landmarks"], arrays["visible"]
    missing = np.isnan(landmarks).any(axis=2)
    lengths = arrays["normalizer"]
    wrong = {
        "visible": (visible > VISIBLE).any(axis=1),
        "landmarks": ((missing != (visible == NOT_LABELLED)) | _far(landmarks)).any(axis=1),
        "normalizer": ((lengths <= 0) | (lengths > FARTHEST)).any(axis=1),
        "to_photo": (~np.isfinite(arrays["to_photo"])).any(axis=(1, 2)),
        "box": (np.isnan(arrays["box"]) | _far(arrays["box"])).any(axis=1),
        "detector_box": _far(arrays["detector_box"]).any(axis=1),
    }
    for name, faces in wrong.items():
        if faces.any():
            face = int(faces.argmax())
            photo = shown(arrays["photo"][face].decode(errors="replace"))
            raise UserError(
                f"{name} of face {start + face}, photo {photo:.80}, can't be: "
                f"{' '.join(str(arrays[name][face]).split()):.80}"
            )


def _far(places: NDArray[Any]) -> NDArray[np.bool_]:
    """Which places (N, K), or of which places (N, K, 2) a coordinate, lie too far out."""
    sizes = np.abs(places.reshape(*places.shape[:2], -1))
    far: NDArray[np.bool_] = np.fmax.reduce(sizes, axis=2) > FARTHEST
    return far


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
        for name in arrays_of(file):
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


def seal_of(file: h5py.File) -> str:
    """SHA-256 of a FaceFile's attributes: HDF5 has no checksum of long text."""
    attributes = {
        name: str(file.attrs[name]) for name in ("schema", "described", *Digests._fields)
    }
    return hashlib.sha256(json.dumps(attributes).encode()).hexdigest()


def _plain(numbers: NDArray[Any]) -> NDArray[Any]:
    """Numbers of which equal ones have equal bytes: one NaN and one zero."""
    if numbers.dtype.kind != "f":
        return numbers
    return np.where(np.isnan(numbers), np.float32(np.nan), numbers + np.float32(0))
