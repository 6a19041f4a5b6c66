"""300W, as ibug's zips unpack: afw, helen, lfpw, ibug, and the boxes of bounding_boxes.zip.

    ROOT/{afw, ibug}/*.jpg and *.pts
    ROOT/helen/{trainset, testset}/*.jpg and *.pts
    ROOT/lfpw/{trainset, testset}/*.png and *.pts
    ROOT/"Bounding Boxes"/bounding_boxes_{afw, helen_trainset, ...}.mat (may be missing)

The coordinates of a ``.pts`` (``pts.py``) and those of the boxes count the first pixel as 1.
``bb_ground_truth``, the tight box of the landmarks, is the face's annotated box; ``bb_detector``
is what a detector found.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.config.limits import FLAG
from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.face_list import FaceList
from landmark_lightning.datasets.photos import photo_path
from landmark_lightning.datasets.sources.checks import given_root, ordered_box
from landmark_lightning.datasets.sources.listing import Listing
from landmark_lightning.datasets.sources.mat import read_arrays
from landmark_lightning.datasets.sources.pts import read_face
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme
from landmark_lightning.terminal import shown

FOLDERS = {
    "afw": ("train", ()),
    "helen/trainset": ("train", ()),
    "lfpw/trainset": ("train", ()),
    "helen/testset": ("test", ("common",)),
    "lfpw/testset": ("test", ("common",)),
    "ibug": ("test", ("challenging",)),
}
"""Split and subsets of the faces in each folder under the root."""

SUFFIXES = (".jpg", ".jpeg", ".png")
KINDS = ("bb_ground_truth", "bb_detector")

Boxes = dict[str, tuple[NDArray[np.float64] | None, ...]]
"""The boxes of ``KINDS`` by the photo's plain name (``_plain``)."""


def read(
    root: Path | None, scheme: Scheme, *, one_based: bool = True
) -> Iterable[Face | Rejection]:
    """Reads 300W; every annotation is checked before the first face is given.

    Args:
        root: The folder that holds afw, helen, lfpw and ibug.
        scheme: A scheme of 68 landmarks.
        one_based: Whether coordinates count the first pixel as 1, as the official files do.

    Returns:
        The faces folder by folder, by name; one that can't be used is a Rejection.

    Raises:
        UserError: A root that holds none of the folders, or box files that can't be read.
    """
    root = given_root(root, scheme, "300W", 68)
    check_source(root, scheme, one_based=one_based)
    present = _present(root)
    shift = 1.0 if one_based else 0.0
    boxes = _read_boxes(root, present, shift)
    return FaceList(
        face for f in present for face in _read_folder(root, f, boxes.get(f, {}), scheme, shift)
    )


def check_source(root: Path | None, scheme: Scheme | None, *, one_based: object = True) -> None:
    """Checks the arguments of ``read``, and that the folders are there, if there is a root.

    Raises:
        UserError: As ``read``.
    """
    FLAG.check(one_based, "dataset.source.one_based")
    if root is None:
        return
    given_root(root, scheme, "300W", 68)
    if not _present(root):
        raise UserError(
            f"{root} holds none of the folders {', '.join(FOLDERS)}; dataset.root must be where "
            "the zips of 300W were unpacked"
        )


def _present(root: Path) -> list[str]:
    return [folder for folder in FOLDERS if (root / folder).is_dir()]


def annotations(root: Path, *, one_based: bool = True) -> list[str]:
    """Names under the root of the files that decide which faces there are, and their landmarks."""
    present = _present(root)
    points = [
        f"{folder}/{name}"
        for folder in present
        for name in _names(root / folder)
        if name.suffix.lower() == ".pts"
    ]
    boxes = _box_files(root, present).values()
    return points + [name for name in boxes if (root / name).is_file()]


def _names(folder: Path) -> list[Path]:
    """Names of the files in a folder, without those that other people's scripts leave behind."""
    names = [Path(name) for name in sorted(path.name for path in folder.iterdir())]
    return [n for n in names if not n.name.startswith(".") and not n.stem.endswith("_mirror")]


def _plain(name: str) -> str:
    """A photo's name without what copies of the dataset change: suffix, case and blanks."""
    return Path(name).stem.replace(" ", "").lower()


def _read_folder(
    root: Path, folder: str, boxes: Boxes, scheme: Scheme, shift: float
) -> Iterator[Face | Rejection]:
    """The faces of one folder by name."""
    names = _names(root / folder)
    photos = [name for name in names if name.suffix.lower() in SUFFIXES]
    exact = {name.stem: name for name in reversed(photos)}
    alike = {_plain(name.name): name for name in reversed(photos)}
    used = set()
    split, subsets = FOLDERS[folder]
    listing = Listing(root, root / folder, split, first_pixel=shift)
    for name in names:
        if name.suffix.lower() != ".pts":
            continue
        photo = exact.get(name.stem) or alike.get(_plain(name.name))
        if photo is None:
            where, missing = shown(root / folder / name), f"{folder}/{name.stem}"
            reason = f"no photo {name.stem}.jpg or .png lies beside it"
            yield Rejection(where, reason, split, missing, missing=True)
            continue
        used.add(photo)
        face = read_face(listing, scheme, f"{folder}/{name}", f"{folder}/{photo}")
        box, detector = boxes.get(_plain(photo.name), (None, None))
        if isinstance(face, Face):
            face = replace(face, subsets=subsets, box=box, detector=detector)
        yield face
    if unused := [photo for photo in photos if photo not in used]:
        warnings.warn(
            f"{root / folder} holds {len(unused)} photos without landmarks, such as {unused[0]}; "
            "they are left out",
            stacklevel=2,
        )


def _box_files(root: Path, folders: list[str]) -> dict[str, str]:
    """Names under the root of the box files, by folder; none where their own is missing."""
    found = sorted(
        path.name
        for path in root.iterdir()
        if path.is_dir() and path.name.lower().replace(" ", "_") == "bounding_boxes"
    )
    return {
        folder: f"{found[0]}/bounding_boxes_{folder.replace('/', '_')}.mat"
        for folder in (folders if found else ())
    }


def _read_boxes(root: Path, folders: list[str], shift: float) -> dict[str, Boxes]:
    """The boxes by folder and name; empty where there is no folder of box files."""
    named = _box_files(root, folders)
    if not named:
        warnings.warn(
            f"{root} has no folder Bounding_Boxes (bounding_boxes.zip): its faces have no box but "
            "that of their landmarks",
            stacklevel=3,
        )
        return {}
    files = {}
    for folder, name in named.items():
        if (root / name).is_file():
            files[folder] = photo_path(root, name, "file")
        else:
            warnings.warn(f"{root / name} does not exist: its faces have no boxes", stacklevel=2)
    names = ["bounding_boxes.imgName", *(f"bounding_boxes.{kind}" for kind in KINDS)]
    arrays = read_arrays(list(files.values()), names)
    boxes = {}
    for (folder, path), of_file in zip(files.items(), arrays, strict=True):
        texts, *corners = (of_file[name] for name in names)
        if texts.dtype.kind != "U" or any(c.size != 4 * len(texts) for c in corners):
            raise UserError(
                f"{path} is no box file of 300W: not one name and two boxes in each entry"
            )
        boxes[folder] = _named_boxes(path, texts.tolist(), corners, shift)
    return boxes


def _named_boxes(
    path: Path, texts: list[str], corners: list[NDArray[np.float64]], shift: float
) -> Boxes:
    """The boxes of one file by plain name: the ibug file also holds stale entries of AFW."""
    boxes: Boxes = {}
    for entry, text in enumerate(texts):
        of_face: list[NDArray[np.float64] | None] = []
        for kind, values in zip(KINDS, corners, strict=True):
            try:
                of_face.append(ordered_box(values[entry] - shift))
            except ValueError as error:
                message = f"{path} entry {entry + 1} ({text}), {kind}: {error}; it is left out"
                warnings.warn(message, stacklevel=2)
                of_face.append(None)
        boxes.setdefault(_plain(text), tuple(of_face))
    return boxes
