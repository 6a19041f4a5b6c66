"""AFLW by the AFLW-Full protocol of Zhu et al.: 19 landmarks of 24,386 faces.

    ROOT/[aflw/][data/]flickr/{0, 2, 3}/imageNNNNN.jpg
    ROOT/AFLWinfo_release.mat

The file's variables: ``nameList`` (0/image00002.jpg), ``bbox`` (left, right, top, bottom),
``data`` (x of all landmarks, then y of all), ``mask_new`` (0: labelled, though the head itself
hides it), and ``ra``, an order of the faces, counted from 1, whose first 20,000 are the training
set. A photo may hold several faces.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.config.limits import or_null, whole
from landmark_lightning.datasets.face import Face, Rejection, visibility
from landmark_lightning.datasets.face_list import FaceList
from landmark_lightning.datasets.photos import photo_path
from landmark_lightning.datasets.sources.checks import (
    LARGEST,
    first_found,
    given_root,
    ordered_box,
    rejected,
)
from landmark_lightning.datasets.sources.mat import read_arrays
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

ANNOTATION = "AFLWinfo_release.mat"
LANDMARKS = 19
TRAIN, FACES = 20000, 24386
"""Training faces of the protocol, and all."""

SUFFIXES = (".jpg", ".png", ".jpeg", ".JPG", ".PNG", ".JPEG")
FLICKR = ("flickr", "data/flickr", "aflw/flickr", "aflw/data/flickr")


def read(
    root: Path | None, scheme: Scheme, *, train: int | None = None
) -> Iterable[Face | Rejection]:
    """Reads AFLW; every annotation is checked before the first face is given.

    Args:
        root: The folder that holds AFLWinfo_release.mat and the photos.
        scheme: A scheme of 19 landmarks.
        train: How many faces, the first in the file's order, are for training; the rest is the
            test set. None: 20,000 of the official 24,386, and the same share of any other number.

    Returns:
        The faces in the file's order ``ra``; one that can't be used is a Rejection. Test faces
        with all landmarks visible (``mask_new`` 1) are in subset ``frontal``.

    Raises:
        UserError: A file that can't be used as a whole, or no folder of photos.
    """
    root = given_root(root, scheme, "AFLW", LANDMARKS)
    check_source(root, scheme, train=train)
    path = root / ANNOTATION
    names = ["nameList", "bbox", "data", "mask_new", "ra"]
    [arrays] = read_arrays([photo_path(root, ANNOTATION, "file")], names)
    order = _check(path, arrays)
    if train is None:
        train = round(TRAIN * len(order) / FACES)
    if not train < len(order):
        raise UserError(
            f"dataset.source.train={train!r} must be a whole number below the {len(order)} faces "
            f"of {path}"
        )
    flickr = next((folder for folder in FLICKR if (root / folder).is_dir()), None)
    if flickr is None:
        raise UserError(f"{root} holds none of the folders {', '.join(FLICKR)} of AFLW's photos")
    faces = FaceList()
    for place, row in enumerate(order.tolist()):
        listed = f"{flickr}/{arrays['nameList'][row]}"
        split = "train" if place < train else "test"
        faces.append(_face(root, f"{path} row {row + 1}", arrays, row, split, listed))
    return faces


def check_source(root: Path | None, scheme: Scheme | None, *, train: object = None) -> None:
    """Checks the arguments of ``read``, and that the annotations are there, if there is a root.

    Raises:
        UserError: As ``read``.
    """
    or_null(whole(1)).check(train, "dataset.source.train")
    if root is None:
        return
    given_root(root, scheme, "AFLW", LANDMARKS)
    path = root / ANNOTATION
    if not path.is_file():
        raise UserError(f"{path} does not exist; dataset.root must be the folder that holds it")


def annotations(root: Path, *, train: int | None = None) -> list[str]:
    """Names under the root of the files that decide which faces there are, and their landmarks."""
    return [ANNOTATION]


def _check(path: Path, arrays: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Checks the shapes; returns the faces' order (N,), counted from 0."""
    names = arrays["nameList"]
    if names.dtype.kind != "U" or names.ndim != 1:
        raise UserError(f"{path}: nameList is no list of texts")
    shapes = {"bbox": 4, "data": 2 * LANDMARKS, "mask_new": LANDMARKS}
    for name, columns in shapes.items():
        if arrays[name].shape != (len(names), columns):
            raise UserError(
                f"{path}: {name} has shape {arrays[name].shape}, not {(len(names), columns)}"
            )
        if arrays[name].dtype.kind not in "biuf":
            raise UserError(f"{path}: {name} holds no numbers")
    order = arrays["ra"].reshape(-1)
    if order.dtype.kind not in "iuf" or not np.array_equal(
        np.sort(order), np.arange(1, len(names) + 1)
    ):
        raise UserError(f"{path}: ra is no order of the faces 1 to {len(names)}")
    return order.astype(np.int64) - 1


def _face(
    root: Path, where: str, arrays: dict[str, NDArray[Any]], row: int, split: str, photo: str
) -> Face | Rejection:
    """One row of the file as a face, or why it is none; its photo's suffix may be another."""
    landmarks = arrays["data"][row].astype(np.float64).reshape(2, LANDMARKS).T
    seen = arrays["mask_new"][row] == 1
    left, right, top, bottom = arrays["bbox"][row].astype(np.float64)
    possible = ((landmarks > 0) & (landmarks <= LARGEST)).all(axis=1)
    stem = photo.removesuffix(Path(photo).suffix)
    try:
        photo = first_found(root, (photo, *(stem + suffix for suffix in SUFFIXES)))
        if not possible.all():
            worst = int(possible.argmin())
            x, y = landmarks[worst]
            raise UserError(
                f"landmark {worst} at ({x:g}, {y:g}) is not at positive coordinates of a photo"
            )
        box = ordered_box([left, top, right, bottom])
    except ValueError as error:
        return rejected(where, error, split, photo)
    return Face(
        photo=photo,
        split=split,
        landmarks=landmarks,
        where=where,
        subsets=("frontal",) if split == "test" and seen.all() else (),
        box=box,
        visible=visibility(seen),  # the head itself hides the others: labelled all the same
    )
