"""Face: one annotated face as a source reads it, before it is cropped and stored."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.errors import UserError

NOT_LABELLED, COVERED, VISIBLE = 0, 1, 2
"""What is known of a landmark: nothing; its place, though something covers it; its place."""

UNFIT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Line breaks, control characters and bytes that are no UTF-8."""


@dataclass(frozen=True)
class Face:
    """One annotated face in one photo.

    Attributes:
        photo: Path of the photo relative to the source's root, with forward slashes; it also
            names rendered faces that no file holds.
        split: ``train`` or ``test``.
        landmarks: (L, 2) float64, pixels of the photo, pixel centres at whole numbers; NaN where
            a landmark is not labelled.
        where: Where it was read, for messages, such as ``landmarks.csv line 12``.
        subsets: Names of the subsets that the face belongs to, besides the whole split.
        group: A name shared by faces that belong together (a person, a video); empty if unknown.
        box: (4,) float64 x0, y0, x1, y1 of the face in the photo, as its annotation gives it; None
            where the source has none.
        detector: (4,) float64 x0, y0, x1, y1 that a face detector found; None where the source
            has none.
        visible: (L,) uint8 as COCO has it: ``NOT_LABELLED``, ``COVERED`` (labelled though
            something covers it) or ``VISIBLE``; None where the source does not say, which counts
            as all visible.
        validation: Whether its source puts a face of train into the validation set.
        image: (H, W) uint8 gray picture, for sources that render; None where the photo is a file.
    """

    photo: str
    split: str
    landmarks: NDArray[np.float64]
    where: str
    subsets: tuple[str, ...] = ()
    group: str = ""
    box: NDArray[np.float64] | None = None
    detector: NDArray[np.float64] | None = None
    visible: NDArray[np.uint8] | None = None
    validation: bool = False
    image: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Rejection:
    """A face that can't be used: ``where`` it was read and the ``reason``, half a sentence each.

    Readers yield it in place of the Face, so that preparing decides between an error (strict) and
    a count.

    Attributes:
        where: Where it was read, for messages.
        reason: Why it can't be used.
        split: ``train`` or ``test``; empty if unknown.
        photo: Path of its photo as of a Face's; empty if unknown.
        missing: Whether nothing else is wrong than that the photo does not exist.
    """

    where: str
    reason: str
    split: str = ""
    photo: str = ""
    missing: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


SPLITS = ("train", "test")
"""The splits of a FaceFile, of which one may be empty. The validation faces are some of train,
never of test."""


def visibility(seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """``Face.visible`` (L,) of landmarks that are all labelled, from which of them are seen."""
    return np.where(seen, VISIBLE, COVERED).astype(np.uint8)


def fit_name(name: str, kind: str = "photo") -> str:
    """A name that files, tables and terminals can hold.

    Args:
        name: The name of a photo, a group, a subset or a landmark.
        kind: What to call it in messages.

    Raises:
        UserError: It has a line break or another control character, or is no UTF-8.
    """
    if UNFIT.search(name):
        raise UserError(
            f"{kind} {name[:80]!r} has a line break, a control character or no UTF-8 in its name; "
            "rename it"
        )
    return name
