"""WFLW, as its two archives unpack: 98 landmarks of 10,000 faces, a line of text each.

    ROOT/WFLW_images/0--Parade/*.jpg
    ROOT/WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{train, test}.txt

A line: x and y of the 98 landmarks, the box x_min y_min x_max y_max, six flags (``FLAGS``) and the
photo's path under WFLW_images. A photo may hold several faces. Landmarks outside the photo or the
box are kept as they are.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from landmark_lightning.datasets.face import SPLITS, Face, Rejection
from landmark_lightning.datasets.face_list import FaceList
from landmark_lightning.datasets.photos import photo_path
from landmark_lightning.datasets.sources.checks import (
    find_photo,
    given_root,
    number,
    ordered_box,
    rejected,
)
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

LANDMARKS = 98
FLAGS = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")
NO_CHALLENGE = "no_challenge"
"""The subset of the faces without any flag."""

LISTS = "list_98pt_rect_attr_train_test"
NUMBERS = [f"{axis}{i}" for i in range(LANDMARKS) for axis in "xy"]
NUMBERS += ["x_min", "y_min", "x_max", "y_max"]
CELLS = len(NUMBERS) + len(FLAGS) + 1


def read(root: Path | None, scheme: Scheme) -> Iterable[Face | Rejection]:
    """Reads WFLW; every line is checked before the first face is given.

    Args:
        root: The folder that holds WFLW_annotations and WFLW_images.
        scheme: A scheme of 98 landmarks.

    Returns:
        The faces in the order of the lists, train first; a line that can't be used is a
        Rejection. A face is in the subsets of its flags, or in ``no_challenge``.

    Raises:
        UserError: No list of faces, or no folder of photos.
    """
    root = given_root(root, scheme, "WFLW", LANDMARKS)
    lists = annotations(root)
    images = _folder(root, "WFLW_images")
    faces = FaceList()
    for split, name in zip(SPLITS, lists, strict=True):
        path = root / name
        if not path.is_file():
            raise UserError(f"{path} does not exist; unpack WFLW_annotations again")
        text = photo_path(root, name, "file").read_text(encoding="utf-8-sig", errors="replace")
        for count, line in enumerate(text.splitlines(), start=1):
            if cells := line.split():
                faces.append(_face(root, images, f"{path} line {count}", cells, split))
    return faces


def check_source(root: Path | None, scheme: Scheme | None) -> None:
    """Checks the scheme, and that the folders are there, if there is a root.

    Raises:
        UserError: As ``read``.
    """
    if root is not None:
        given_root(root, scheme, "WFLW", LANDMARKS)
        annotations(root)
        _folder(root, "WFLW_images")


def annotations(root: Path) -> list[str]:
    """Names under the root of the files that decide which faces there are, and their landmarks."""
    lists = _folder(root, "WFLW_annotations", LISTS)
    return [f"{lists}/list_98pt_rect_attr_{split}.txt" for split in SPLITS]


def _folder(root: Path, name: str, inner: str = "") -> str:
    """A folder under the root; some programs unpack an archive into a folder of its own name."""
    for folder in (f"{name}/{name}/{inner}", f"{name}/{inner}"):
        if (root / folder).is_dir():
            return folder.rstrip("/")
    raise UserError(
        f"{root} has no folder {f'{name}/{inner}'.rstrip('/')}; dataset.root must be where "
        "WFLW_images and WFLW_annotations were unpacked"
    )


def _face(root: Path, images: str, where: str, cells: list[str], split: str) -> Face | Rejection:
    """One line as a face, or why it is none."""
    if len(cells) != CELLS:
        return Rejection(where, f"it has {len(cells)} cells, not {CELLS}", split)
    photo = f"{images}/{cells[-1]}"
    try:
        find_photo(root, photo)
        values = [number(c, name) for name, c in zip(NUMBERS, cells, strict=False)]
        box = ordered_box(values[2 * LANDMARKS :])
        flags = dict(zip(FLAGS, cells[len(NUMBERS) :], strict=False))
        for name, flag in flags.items():
            if flag not in ("0", "1"):
                raise UserError(f"flag {name} is {flag[:40]!r}, not 0 or 1")
    except ValueError as error:
        return rejected(where, error, split, photo)
    subsets = tuple(name for name, flag in flags.items() if flag == "1") or (NO_CHALLENGE,)
    return Face(
        photo=photo,
        split=split,
        landmarks=np.array(values[: 2 * LANDMARKS]).reshape(LANDMARKS, 2),
        where=where,
        subsets=subsets,
        box=box,
    )
