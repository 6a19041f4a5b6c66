"""FaceFile: the HDF5 file of one prepared dataset.

Groups ``train`` and ``test``, of which one may be empty, hold, for N faces, L landmarks, R
normalizers and K subsets: ``images`` uint8 (N,C,C), ``thumbnail`` uint8 (N,16,16) of the whole
photo, ``landmarks`` float32 (N,L,2) in crop pixels, NaN where not labelled, ``visible`` uint8
(N,L) as of a Face, 2 where the source says nothing, ``normalizer`` float32 (N,R) in crop pixels,
NaN where the face has none, ``subsets`` bool (N,K), ``validation`` bool (N), who is of the
source's own validation set (of train; none of test), ``to_photo`` float32 (N,2,3) crop -> photo,
``box`` float32 (N,4) the box in the photo that the crop was cut around, ``photo`` and ``group``
text (N). Where a face detector found any face there is also ``detector_box`` float32 (N,4), its
box in the photo, NaN where it found none. File attributes: ``schema``, ``described`` (JSON of a
Description), the ``Digests`` and ``seal``, of all these. What HDF5 keeps of the structure has its
own checksums, and the arrays have fletcher32.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from landmark_lightning import hdf5
from landmark_lightning.config import schema
from landmark_lightning.config.older import modern
from landmark_lightning.config.read import check
from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile_arrays import (
    LONGEST,
    SCHEMA,
    Digests,
    arrays_of,
    check_numbers,
    check_split,
    digests,
    row_shapes,
    seal_of,
)
from landmark_lightning.datasets.stored_rows import StoredRows
from landmark_lightning.documents import LARGEST, check_plain, from_json
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import LONGEST_NAME, Scheme, scheme_from

RENDERED_MARK = "rendered-faces.txt"
"""A file in a dataset's folder that says that its photos are rendered ones."""
PICTURES = ("images", "thumbnail")

KIND = hdf5.Kind("FaceFile", "run landmark-prepare again")


@dataclass(frozen=True)
class CropRule:
    """How a face's square crop is cut.

    Attributes:
        boxes: The box that the crop is cut around: of the ``landmarks``, ``provided`` by the
            annotation, or found by a face ``detector``.
        scale: Side of the network's input over the box's longer side.
        margin: Side of the stored crop over the network's input; 1.82 leaves real pixels for a
            20% shift and a rotation of 1 radian.
        side: Pixels C of the stored crop.
        gray: ``luma`` or ``mean``.

    Raises:
        UserError: A value out of range; it is named.
    """

    boxes: str = "landmarks"
    scale: float = 1.2
    margin: float = 2.0
    side: int = 128
    gray: str = "luma"

    def __post_init__(self) -> None:
        check(schema.Dataset, boxes=self.boxes)
        check(schema.Crop, scale=self.scale, margin=self.margin, side=self.side, gray=self.gray)


@dataclass(frozen=True)
class FaceSplit:
    """The arrays of one split; shapes and units as in the module's text.

    ``images`` and ``thumbnail`` have no rows where they were left in the file, and are StoredRows
    where they are read as they are looked at; ``detector_box`` is NaN in a file
    without that array.
    """

    images: NDArray[np.uint8]
    thumbnail: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    visible: NDArray[np.uint8]
    normalizer: NDArray[np.float32]
    subsets: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    to_photo: NDArray[np.float32]
    box: NDArray[np.float32]
    detector_box: NDArray[np.float32]
    photo: list[str]
    group: list[str]

    def __len__(self) -> int:
        return len(self.photo)


@dataclass(frozen=True)
class Origin:
    """What a FaceFile was prepared from.

    Attributes:
        root: The root as it was given; None for rendered faces.
        annotations: SHA-256 of the annotations; None where the source does not name them.
        photos: SHA-256 of the photos' names and sizes; None for rendered faces.
        rendered: Whether the faces are rendered ones, as far as the source or the root says.
    """

    root: str | None = None
    annotations: str | None = None
    photos: str | None = None
    rendered: bool = False


@dataclass(frozen=True)
class Description:
    """What a FaceFile says of itself, apart from its faces.

    Attributes:
        name: The dataset's name.
        scheme: Its landmark scheme.
        normalizers: Names of the R normalizers; the first is the one that tables lead with.
        subsets: Names of the K subsets.
        crop: The crop rule.
        settings: The dataset's settings that it was prepared with.
        notes: What preparing found out about the photos, a sentence each.
        origin: What it was prepared from.
        library: Version of this library that wrote it.
    """

    name: str
    scheme: Scheme
    normalizers: tuple[str, ...]
    subsets: tuple[str, ...]
    crop: CropRule
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    origin: Origin
    library: str

    def to_json(self) -> str:
        """The description as it stands in the file."""
        fields = asdict(self) | {"scheme": self.scheme.to_dict()}
        return json.dumps(fields, sort_keys=True)


@dataclass(frozen=True)
class FaceFile(Description):
    """An opened and checked FaceFile; ``read`` loads a split.

    Attributes:
        path: The file.
        faces: Number of faces by split.
        sha256: Digest of the whole file, as stored; this and the next two as of ``Digests``.
        content: Digest of the faces alone; runs keep it, so that they know on which faces they
            were made.
        sets: Digest of their subsets, groups and validation set.
    """

    path: Path
    faces: dict[str, int]
    sha256: str
    content: str
    sets: str

    @classmethod
    def open(cls, path: Path) -> "FaceFile":
        """Opens and checks a FaceFile.

        Raises:
            FileNotFoundError: No such file.
            UserError: Not a FaceFile, of another schema, or damaged; one sentence.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; landmark-prepare writes it")
        with KIND.open(path) as file, KIND.guarded(path):
            if (schema := KIND.said(file, "schema", LONGEST)) != SCHEMA:
                raise UserError(f"it has schema {schema}, this version reads {SCHEMA}")
            marks: dict[str, Any] = {
                digest: str(KIND.said(file, digest, LONGEST)) for digest in Digests._fields
            }
            text = KIND.said(file, "described", LARGEST)
            # A file of an older version has none.
            if "seal" in file.attrs and KIND.said(file, "seal", LONGEST) != seal_of(file):
                raise UserError("what it says of itself does not agree with its seal")
            described = from_json(text)
            described |= {
                "scheme": scheme_from(described["scheme"], file=False),
                "crop": CropRule(**described["crop"]),
                "settings": _settings(described["settings"]),
                "origin": Origin(**described["origin"]),
            }
            for names in ("normalizers", "subsets", "notes"):
                described[names] = tuple(described[names])
            told = Description(**described)
            _check_names(told)
            counts = len(told.normalizers), len(told.subsets)
            shapes = row_shapes(told.scheme, *counts, told.crop.side)
            faces = {split: check_split(file, split, shapes) for split in SPLITS}
            if not any(faces.values()):
                raise UserError("it has no faces")
            return cls(**described, path=path, faces=faces, **marks)

    def read(self, split: str, images: bool = True) -> FaceSplit:
        """Loads one split into memory.

        Args:
            split: ``train`` or ``test``.
            images: False leaves them and thumbnails in the file: these arrays have no rows.

        Raises:
            UserError: An unknown split, a damaged file, one that was replaced since it was opened,
                or numbers that can't be a face's.
        """
        if split not in SPLITS:
            raise UserError(f"split={split!r} must be one of {', '.join(SPLITS)}")
        with self.reopened() as file, KIND.guarded(self.path):
            arrays = {
                name: file[split][name][() if images or name not in PICTURES else slice(0)]
                for name in arrays_of(file)
            }
            arrays.setdefault("detector_box", np.full_like(arrays["box"], np.nan))
            check_numbers(arrays)
            for name in ("photo", "group"):
                arrays[name] = [text.decode() for text in arrays[name].tolist()]
        return FaceSplit(**arrays)

    def look(self, split: str) -> FaceSplit:
        """A split whose ``images`` and ``thumbnail`` stay in the file, read as they are looked at.

        Raises:
            UserError: As of ``read``; where they are looked at, too.
        """
        rest = self.read(split, images=False)
        shapes = row_shapes(self.scheme, len(self.normalizers), len(self.subsets), self.crop.side)

        def stored(name: str) -> Any:  # noqa: ANN401  as an array for all that it is used for
            def opened() -> h5py.Dataset:
                return self.reopened()[split][name]

            guarded = partial(KIND.guarded, self.path)
            return StoredRows(opened, guarded, (len(rest), *shapes[name]), np.dtype(np.uint8))

        return replace(rest, images=stored("images"), thumbnail=stored("thumbnail"))

    @property
    def marks(self) -> dict[str, str]:
        """``content`` and ``sets``, as they stand among the settings of a run's dataset."""
        return {"content": self.content, "sets": self.sets}

    def describe(self) -> str:
        """One line: how the crops were cut, and what errors are divided by."""
        crop = self.crop
        return (
            f"crops of {crop.side} x {crop.side}: {crop.scale * crop.margin:g} times the "
            f"{crop.boxes} box, normalized by {self.normalizers[0]}"
        )

    def reopened(self) -> h5py.File:
        """The file, opened to read it, after checking that it is the one that was opened before.

        Raises:
            UserError: It was replaced, or is damaged.
        """
        file = KIND.open(self.path)
        with KIND.guarded(self.path):
            sha256 = file.attrs.get("sha256")
        if sha256 != self.sha256:
            raise UserError(
                f"{self.path} was replaced by another file while this one was in use; start the "
                "same command again"
            )
        return file

    def verify(self) -> None:
        """Compares the whole content with the digest written when it was prepared.

        Raises:
            UserError: It differs.
        """
        with self.reopened() as file, KIND.guarded(self.path):
            if digests(file) != (self.sha256, self.content, self.sets):
                raise UserError("it has changed since it was written: its SHA-256 differs")


def _settings(settings: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """The settings that a FaceFile was prepared with, as they would be written today."""
    if not isinstance(settings, Mapping):
        raise UserError("its settings are no mapping")
    if settings.get("scheme") is not None:
        scheme_from(settings["scheme"], file=False)
    made: Mapping[str, Any] = modern(settings)
    return made


def _check_names(told: Description) -> None:
    """Checks the names in a Description, which stand in tables and name files."""
    for name, names in (("name", [told.name]), ("subsets", told.subsets)):
        for each in names:
            check_plain(each, LONGEST_NAME)
            if not isinstance(each, str) or not each:
                raise UserError(f"its {name} holds {each!r}, which is no name")
    if set(told.normalizers) != set(told.scheme.normalizers):
        raise UserError("its normalizers are not those of its scheme")
    for text in (told.library, *told.notes, told.origin.root, told.origin.photos):
        if not isinstance(text, str | None):
            raise UserError("its notes or its origin are no texts")
