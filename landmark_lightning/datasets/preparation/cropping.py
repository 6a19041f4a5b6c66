"""Cropping: from annotated faces to the rows of a FaceFile, a block of faces at a time."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landmark_lightning import geometry
from landmark_lightning.datasets.boxes import box_of_face
from landmark_lightning.datasets.detectors import Boxes, Detect
from landmark_lightning.datasets.face import NOT_LABELLED, VISIBLE, Face, Rejection
from landmark_lightning.datasets.facefile import CropRule
from landmark_lightning.datasets.photos import (
    MissingPhotoError,
    Photo,
    Reading,
    cut_crop,
    held_inside,
    photo_path,
    read_photo,
    thumbnail,
)
from landmark_lightning.datasets.sources.checks import ordered_box, rejected
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme
from landmark_lightning.terminal import shown

FAR_OUTSIDE = 0.5
"""A landmark further outside its photo than this share of the photo's longer side is an error."""

SHORTEST_NORMALIZER = 0.05
"""A normalizer shorter than this share of the longer side of the landmarks' box is not used: where
the eye corners of a face of 100 pixels lie 2 pixels apart, an error divided by 2 says nothing."""

LEAST_SHOWN = 0.1
"""Of the square around a box (its centre, its longer side) the photo must cover this share."""

Rows = dict[str, NDArray[Any]]
"""Arrays of N faces by their names in a FaceFile, each (N, ...)."""


@dataclass(frozen=True)
class CroppedFaces:
    """What has become of a block of faces.

    Attributes:
        faces: The N faces that can be used, in the block's order.
        rows: Their ``images``, ``thumbnail``, ``landmarks``, ``visible``, ``normalizer``,
            ``to_photo``, ``box`` and ``detector_box``; empty where N is 0.
        rejections: The other faces, in the block's order.
        deep: Number of the N faces whose photo has grays of 16 bits, by ``Photo.deep``.
    """

    faces: list[Face]
    rows: Rows
    rejections: list[Rejection]
    deep: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Square:
    """Where in its photo a face's crop lies, in pixels; or the flaw, why it can't be used."""

    box: list[float]
    center: tuple[float, float]
    extent: float
    flaw: str | None


class _Cut(NamedTuple):
    """What is taken from a photo for one face: its crop, the photo's thumbnail and ``deep``.

    ``detected`` (4,) is the box that a detector found of the face, NaN where there is none.
    """

    crop: NDArray[np.uint8]
    thumbnail: NDArray[np.uint8]
    deep: int
    detected: NDArray[np.float64]


@dataclass(frozen=True)
class Cropper:
    """Cuts the crops of faces out of their photos.

    Attributes:
        root: Folder of the photos; None for a source that renders them.
        scheme: The landmark scheme.
        rule: The crop rule.
        normalizers: Names of the R normalizers, in the FaceFile's order.
        reading: How the photos are read.
        detect: Finds the faces of a photo, whose boxes are kept, too; None: those that the source
            has of a detector are.
    """

    root: Path | None
    scheme: Scheme
    rule: CropRule
    normalizers: tuple[str, ...]
    reading: Reading = field(default_factory=Reading)
    detect: Detect | None = None

    def __call__(self, block: Sequence[Face | Rejection], stop: Event) -> CroppedFaces:
        """Crops a block of faces, with the source's rejections; what can't be used is one, too.

        Raises:
            CancelledError: ``stop`` was set: nobody waits for the block any more.
        """
        for item in block:
            self._check(item)
        faces = [face for face in block if isinstance(face, Face)]
        with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers are rejected
            squares, rows = self._place(faces) if faces else ([], {})
        read = lru_cache(maxsize=1)(self._read)  # faces of one photo share its decoding ...
        found = lru_cache(maxsize=1)(lambda name: self._found(read(name).grays))  # ... and search
        cuts: list[_Cut] = []
        rejections: list[Rejection] = []
        used: list[int] = []
        squared = iter(enumerate(zip(faces, squares, strict=True)))
        for item in block:
            if stop.is_set():
                raise CancelledError
            if isinstance(item, Rejection):
                rejections.append(item)
                continue
            place, (face, square) = next(squared)
            try:
                cuts.append(self._cut(face, square, read, found))
                used.append(place)
            except (UserError, MissingPhotoError) as error:
                rejections.append(rejected(face.where, error, face.split, face.photo))
        if not cuts:
            return CroppedFaces([], {}, rejections)
        rows = {name: row[used] for name, row in rows.items()}
        rows["images"] = np.stack([cut.crop for cut in cuts])
        rows["thumbnail"] = np.stack([cut.thumbnail for cut in cuts])
        rows["detector_box"] = np.stack([cut.detected for cut in cuts]).astype(np.float32)
        deep = Counter(cut.deep for cut in cuts if cut.deep)
        return CroppedFaces([faces[place] for place in used], rows, rejections, deep)

    def _check(self, item: object) -> None:
        """Refuses what is no face, and one with other landmarks than the scheme's."""
        if not isinstance(item, Face | Rejection):
            raise UserError(f"the source gives {item!r:.80}, which must be a Face or a Rejection")
        if isinstance(item, Face) and len(item.landmarks) != self.scheme.landmarks:
            raise UserError(
                f"{item.where}, photo {item.photo!r}: it has {len(item.landmarks)} landmarks, "
                f"scheme {self.scheme.name} has {self.scheme.landmarks}; give all of them, NaN "
                "where one is not labelled, or choose another dataset.scheme"
            )

    def _place(self, faces: Sequence[Face]) -> tuple[list[_Square], Rows]:
        """Where the crops of faces lie, and all of their rows but the images."""
        seen = np.full(self.scheme.landmarks, VISIBLE, np.uint8)  # where the source does not say
        visible = np.stack([seen if face.visible is None else face.visible for face in faces])
        visible = visible.astype(np.uint8)
        points = np.stack([face.landmarks for face in faces], dtype=np.float64)
        landmarks = torch.from_numpy(np.where(visible[..., None] == NOT_LABELLED, np.nan, points))
        tight = geometry.landmark_box(landmarks)
        annotated = _boxes([face.box for face in faces])
        detected = _boxes([face.detector for face in faces])
        box = {"landmarks": tight, "provided": annotated, "detector": detected}[self.rule.boxes]
        side, center = geometry.square_side(box), geometry.box_center(box)
        extent = side * self.rule.scale * self.rule.margin
        to_photo = geometry.crop_to_photo(center, extent, self.rule.side)
        in_crop = geometry.apply_affine(geometry.invert_affine(to_photo), landmarks)
        # The annotated box, or else the landmarks': an NME must not depend on how a crop is cut.
        measured = torch.where(annotated.isnan(), tight, annotated)
        order = [list(self.scheme.normalizers).index(name) for name in self.normalizers]
        lengths = self.scheme.normalize(landmarks.numpy(), measured.numpy())[:, order]
        shortest = SHORTEST_NORMALIZER * geometry.square_side(tight).numpy()[:, None]
        lengths = np.where(lengths > shortest, lengths, np.nan)
        normalizer = torch.from_numpy(lengths) * (self.rule.side / extent)[:, None]
        inside = (landmarks >= box[:, None, :2]) & (landmarks <= box[:, None, 2:])
        holds = inside.all(dim=-1).any(dim=-1)
        squares = [
            _Square(
                box[i].tolist(),
                (float(center[i, 0]), float(center[i, 1])),
                float(extent[i]),
                self._flaw(visible[i], landmarks[i], box[i], float(side[i]), bool(holds[i])),
            )
            for i in range(len(faces))
        ]
        return squares, {
            "landmarks": in_crop.numpy().astype(np.float32),
            "visible": visible,
            "normalizer": normalizer.numpy().astype(np.float32),
            "to_photo": to_photo.numpy().astype(np.float32),
            "box": box.numpy().astype(np.float32),
        }

    def _flaw(
        self, visible: NDArray[np.uint8], landmarks: Tensor, box: Tensor, side: float, holds: bool
    ) -> str | None:
        """Why a face can't be used, whatever its photo shows."""
        labelled = visible != NOT_LABELLED
        if not labelled.any():
            return "none of its landmarks is labelled"
        placeless = labelled & landmarks.isnan().any(dim=-1).numpy()
        if placeless.any():
            return f"landmark {int(placeless.argmax())} is labelled, but has no coordinates"
        endless = landmarks.isinf().any(dim=-1)
        if bool(endless.any()):
            x, y = landmarks[index := int(endless.int().argmax())].tolist()
            return f"landmark {index} at ({x:g}, {y:g}) is no place in a photo"
        if bool(box.isnan().any()):
            kind = "detector's box" if self.rule.boxes == "detector" else "box"
            return f"it has no {kind}, and dataset.boxes={self.rule.boxes} asks for it"
        if not holds:
            return f"its box {box.tolist()} holds none of its landmarks"
        if not side > 1:
            return f"its box is {side:g} pixels wide"
        return None

    def _cut(
        self,
        face: Face,
        square: _Square,
        read: Callable[[str], Photo],
        found: Callable[[str], Boxes],
    ) -> _Cut:
        """A face's crop and what belongs to it; why there is none is an error."""
        if square.flaw is not None:
            raise UserError(square.flaw)
        try:
            (face.photo + face.group).encode()
        except UnicodeEncodeError as error:
            raise UserError(f"the name {shown(face.photo)} is no UTF-8; rename it") from error
        photo = read(face.photo) if face.image is None else Photo(face.image)
        height, width = photo.grays.shape
        within = f"photo {face.photo!r} of {width} x {height} pixels"
        outside = np.maximum(-face.landmarks, face.landmarks - [width - 1, height - 1]).max(axis=1)
        if np.nanmax(outside) > FAR_OUTSIDE * max(width, height):
            worst = int(np.nanargmax(outside))
            x, y = face.landmarks[worst]
            raise UserError(f"landmark {worst} at ({x:g}, {y:g}) lies far outside {within}")
        boxes = {f"{self.rule.boxes} box": square.box}
        if face.box is not None:  # it may be what an error is divided by
            boxes["provided box"] = face.box.tolist()
        for kind, box in boxes.items():
            if not _shown(box, width, height) >= LEAST_SHOWN:
                raise UserError(f"its {kind} {box} is too large for {within} or lies beside it")
        crop = cut_crop(photo.grays, square.center, square.extent, self.rule.side)
        detected = np.full(4, np.nan)
        if face.detector is not None and not np.isnan(face.detector).all():
            detected = ordered_box(face.detector, "its detector's box")
        if self.detect is not None:
            boxes_there = found(face.photo) if face.image is None else self._found(photo.grays)
            detected = box_of_face(boxes_there, face.landmarks)
        return _Cut(crop, thumbnail(photo.grays), photo.deep, detected)

    def _found(self, grays: NDArray[np.uint8]) -> Boxes:
        """The boxes (F, 4) of all faces that the detector finds."""
        assert self.detect is not None
        return self.detect(grays)

    def _read(self, photo: str) -> Photo:
        """A photo of the dataset; one that can't be read is an error."""
        if self.root is None:
            raise UserError(f"photo {photo!r} is a file, but dataset.root is not given")
        path = photo_path(self.root, photo)
        if not self.reading.follow_links:
            held_inside(self.root, path)
        return read_photo(path, self.rule.gray, self.reading.upright, self.reading.max_pixels)


def _boxes(boxes: Sequence[NDArray[np.float64] | None]) -> Tensor:
    """Boxes (N, 4), NaN where there is none."""
    none = np.full(4, np.nan)
    return torch.from_numpy(np.array([none if box is None else box for box in boxes], np.float64))


def _shown(box: list[float], width: int, height: int) -> float:
    """The share of a box's square that a photo covers; NaN where it is too large for a number."""
    x0, y0, x1, y1 = box
    side, share = max(x1 - x0, y1 - y0), 1.0
    for low, high, length in ((x0, x1, width), (y0, y1, height)):
        start = (low + high - side) / 2
        share *= max(min(start + side, length - 0.5) - max(start, -0.5), 0) / side
    return share
