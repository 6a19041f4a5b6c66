"""The arrays of a FaceFile: their types and shapes, and the checks before they are read.

``facefile`` says what they are.
"""

from typing import Any

import h5py
import numpy as np

from landmark_lightning.datasets.photos import THUMBNAIL
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

SCHEMA = 3

LAYOUT = {
    "images": "u1",
    "thumbnail": "u1",
    "landmarks": "f4",
    "visible": "u1",
    "normalizer": "f4",
    "subsets": "b1",
    "validation": "b1",
    "to_photo": "f4",
    "box": "f4",
    "photo": "S",
    "group": "S",
}
"""Types of the arrays of a split, by name: S is text."""


def row_shapes(
    scheme: Scheme, normalizers: int, subsets: int, side: int
) -> dict[str, tuple[int, ...]]:
    """The shape of one face in each array of a split: the array's shape without its N."""
    return {
        "images": (side, side),
        "thumbnail": (THUMBNAIL, THUMBNAIL),
        "landmarks": (scheme.landmarks, 2),
        "visible": (scheme.landmarks,),
        "normalizer": (normalizers,),
        "subsets": (subsets,),
        "validation": (),
        "to_photo": (2, 3),
        "box": (4,),
        "photo": (),
        "group": (),
    }


def check_split(file: h5py.File, split: str, shapes: dict[str, tuple[int, ...]]) -> int:
    """Checks a split's arrays before anything is read.

    Args:
        file: The file.
        split: ``train`` or ``test``.
        shapes: As ``row_shapes`` gives them.

    Returns:
        The split's number of faces.

    Raises:
        UserError: An array is missing, links elsewhere or is of another type or shape; the message
            is the reason alone, without the file's name.
    """
    counts: set[int] = set()
    for own, kind in LAYOUT.items():
        name = f"{split}/{own}"
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
        counts.add(len(array))
    if len(counts) != 1:
        raise UserError(f"the arrays of {split} differ in length")
    return counts.pop()
