"""Checks that the readers share."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import NOT_LABELLED, VISIBLE, Rejection
from landmark_lightning.datasets.photos import MissingPhotoError, photo_path
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

LARGEST = 1e6
"""Pixels: no photo is larger, so that a larger coordinate must be a mistake."""


def given_root(root: Path | None, scheme: Scheme | None, dataset: str, landmarks: int) -> Path:
    """The root, after checking that it is given and that the scheme, where it is known, fits.

    Raises:
        UserError: No root, or a scheme with another number of landmarks than the dataset's.
    """
    if root is None:
        raise UserError(f"dataset.root is not given; pass dataset.root=<folder of {dataset}>")
    if scheme is not None and scheme.landmarks != landmarks:
        raise UserError(
            f"dataset.scheme={scheme.name} has {scheme.landmarks} landmarks, {dataset} has "
            f"{landmarks}"
        )
    return root


def find_photo(root: Path, photo: str) -> Path:
    """The file of a photo, after checking its name.

    Raises:
        MissingPhotoError: No such file exists.
        UserError: A name that leaves the root or that is unfit.
    """
    if not photo.strip():
        raise UserError("it names no photo")
    return photo_path(root, photo)


def first_found(root: Path, photos: Iterable[str]) -> str:
    """The first of the names that a photo may have under which there is a file.

    Raises:
        MissingPhotoError: There is none.
        UserError: None of them can be a photo's name.
    """
    errors: list[ValueError] = []
    for photo in photos:
        try:
            find_photo(root, photo)
        except ValueError as error:
            errors.append(error)
        else:
            return photo
    raise next((e for e in errors if isinstance(e, MissingPhotoError)), errors[0])


def number(text: str, name: str) -> float:
    """Reads a coordinate from text.

    Raises:
        UserError: It is no number, not finite or beyond any photo.
    """
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{name} is {text[:40]!r}, not a number") from None
    if not np.isfinite(value):
        raise UserError(f"{name} is {text[:40]!r}, not a finite number")
    if abs(value) > LARGEST:
        raise UserError(f"{name} is {text[:40]!r}, no pixel of a photo")
    return value


def ordered_box(
    values: Sequence[float] | NDArray[np.float64], name: str = "its box"
) -> NDArray[np.float64]:
    """A box (4,) x0, y0, x1, y1; messages call it ``name``.

    Raises:
        UserError: Its corners are not finite, not in order or beyond any photo.
    """
    box = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(box).all() and box[2] > box[0] and box[3] > box[1]):
        raise UserError(f"{name} {box.tolist()} is not x0 < x1, y0 < y1")
    if np.abs(box).max() > LARGEST:
        raise UserError(f"{name} {box.tolist()} is beyond any photo")
    return box


def labelled(
    points: NDArray[np.float64],
    visible: NDArray[np.uint8] | None,
    unsaid: str,
    names: Sequence[str] = (),
) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None]:
    """A face's landmarks as a Face holds them.

    Many programs write (0, 0) or (-1, -1) for a landmark that is not labelled. Such a mark is no
    place, and is refused.

    Args:
        points: (L, 2) as they stand in the file; NaN where it has none.
        visible: (L,) as of a Face; None: visible wherever there are coordinates.
        unsaid: How the format says that a landmark is not labelled, to follow "if it is not
            labelled,".
        names: Names of the landmarks, for messages.

    Returns:
        The points, NaN where a landmark is not labelled, and ``visible``, None if all are.

    Raises:
        UserError: No landmark is labelled, or one lacks a coordinate, is beyond any photo or is
            a mark.
    """
    x, y = points.T
    if visible is None:
        visible = np.where(np.isnan(x) & np.isnan(y), NOT_LABELLED, VISIBLE).astype(np.uint8)
    known: NDArray[np.bool_] = visible != NOT_LABELLED
    lacks = np.isnan(x) | np.isnan(y)
    far = np.maximum(np.abs(x), np.abs(y)) > LARGEST
    mark = (x == y) & ((x == 0) | (x == -1))
    wrong: NDArray[np.bool_] = (lacks | far | mark) & known
    if wrong.any():
        index = int(wrong.argmax())
        name = f" ({names[index]})" if names else ""
        message = f"landmark {index}{name} at ({x[index]:g}, {y[index]:g})"
        if far[index]:
            raise UserError(f"{message} is no pixel of a photo")
        flaw = "lacks a coordinate" if lacks[index] else "is a mark rather than a place"
        raise UserError(f"{message} {flaw}; if it is not labelled, {unsaid}")
    if not known.any():
        raise UserError("it has no labelled landmark")
    if known.all():
        return points, None if (visible == VISIBLE).all() else visible
    return np.where(known[:, None], points, np.nan), visible


def rejected(where: str, error: ValueError, split: str, photo: str) -> Rejection:
    """The Rejection of a face for an error that its annotation or its photo caused."""
    missing = isinstance(error, MissingPhotoError)
    return Rejection(where, str(error), split=split, photo=photo, missing=missing)
