"""Checks that the readers of 300W, AFLW and WFLW share."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.data.face import Rejection
from landmark_lightning.data.photos import MissingPhotoError
from landmark_lightning.schemes import Scheme


def given_root(root: Path | None, scheme: Scheme, dataset: str, landmarks: int) -> Path:
    """The root, after checking that it is given and that the scheme fits.

    Raises:
        ValueError: No root, or a scheme with another number of landmarks than the dataset's.
    """
    if root is None:
        raise ValueError(f"dataset.root is not given; pass dataset.root=<folder of {dataset}>")
    if scheme.landmarks != landmarks:
        raise ValueError(
            f"dataset.scheme={scheme.name} has {scheme.landmarks} landmarks, {dataset} has "
            f"{landmarks}"
        )
    return root


def number(text: str, name: str) -> float:
    """A finite number.

    Raises:
        ValueError: It is none.
    """
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text[:40]!r}, not a number") from None
    if not np.isfinite(value):
        raise ValueError(f"{name} is {text[:40]!r}, not a finite number")
    return value


def ordered_box(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """A box (4,) x0, y0, x1, y1.

    Raises:
        ValueError: Its corners are not finite or not in order.
    """
    box = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(box).all() and box[2] > box[0] and box[3] > box[1]):
        raise ValueError(f"its box {box.tolist()} is not x0 < x1, y0 < y1")
    return box


def rejected(where: str, error: ValueError, split: str, photo: str) -> Rejection:
    """The Rejection of a face for what was said of it or of its photo."""
    missing = isinstance(error, MissingPhotoError)
    return Rejection(where, str(error), split=split, photo=photo, missing=missing)
