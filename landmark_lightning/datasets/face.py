"""Face: one annotated face as a source reads it, before it is cropped and stored."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.documents import UNFIT
from landmark_lightning.errors import UserError

SPLITS = ("train", "test")
"""The splits of a FaceFile, of which one may be empty. The validation faces are some of train,
never of test."""

NOT_LABELLED, COVERED, VISIBLE = 0, 1, 2
"""What is known of a landmark: nothing; its place, though something covers it; its place."""


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

    Raises:
        UserError: An argument of another kind or shape; it is named with its place and photo.
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

    def __post_init__(self) -> None:
        for name in ("photo", "where", "group"):
            if not isinstance(getattr(self, name), str):
                raise self._wrong(name, "a text")
        if self.split not in SPLITS:
            must = "train or test; a face to validate on is of train, with validation=True"
            raise self._wrong("split", must)
        texts = isinstance(self.subsets, tuple) and all(isinstance(n, str) for n in self.subsets)
        if not texts:
            raise self._wrong("subsets", "a tuple of texts")
        if not _numbers(self.landmarks) or self.landmarks.shape[1:] != (2,):
            raise self._wrong("landmarks", "an array of numbers (L, 2)")
        shapes = {"visible": self.landmarks.shape[:1], "box": (4,), "detector": (4,)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and not (_numbers(value) and value.shape == shape):
                raise self._wrong(name, f"an array of numbers {shape}, or None")
        if self.visible is not None and not {*self.visible.tolist()} <= {0, 1, 2}:
            raise self._wrong("visible", "0, 1 or 2 each")

    def _wrong(self, name: str, must: str) -> UserError:
        """The error that an argument is not what it must be."""
        value = getattr(self, name)
        shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else ""
        text = " ".join(repr(value).split())
        return UserError(
            f"{self.where}, photo {str(self.photo)!r}: {name}={text[:80]}{shape} must be {must}"
        )


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


def _numbers(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iuf"


def visibility(seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """``Face.visible`` (L,) of landmarks that are all labelled, from which of them are seen."""
    return np.where(seen, VISIBLE, COVERED).astype(np.uint8)


def fit_name(name: str, kind: str = "photo") -> str:
    """A name that files, tables and terminals can hold.

    Raises:
        UserError: It has a line break or another control character, or is no UTF-8; ``kind`` says
            of what it is the name.
    """
    if UNFIT.search(name):
        raise UserError(
            f"{kind} {name[:80]!r} has a line break, a control character or no UTF-8 in its name; "
            "rename it"
        )
    return name
