"""Preparing: from the faces of a source to a FaceFile."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from landmark_lightning import geometry
from landmark_lightning.data.face import SPLITS, Face, Rejection
from landmark_lightning.data.facefile import (
    SCHEMA,
    CropRule,
    Description,
    content_digest,
)
from landmark_lightning.data.photos import cut_crop, photo_path, read_photo
from landmark_lightning.files import replacing
from landmark_lightning.schemes import Scheme

FAR_OUTSIDE = 0.5
"""A landmark further outside its photo than this share of the photo's longer side is an error."""


@dataclass
class Preparation:
    """What preparing found.

    Attributes:
        faces: Number of faces by split.
        subsets: Number of faces by split and subset.
        rejections: The faces left out.
    """

    faces: Counter[str] = field(default_factory=Counter)
    subsets: dict[str, Counter[str]] = field(
        default_factory=lambda: {split: Counter() for split in SPLITS}
    )
    rejections: list[Rejection] = field(default_factory=list)


def prepare(
    faces: Iterable[Face | Rejection],
    path: Path,
    *,
    name: str,
    root: Path | None,
    scheme: Scheme,
    normalizer: str,
    crop: CropRule,
    subsets: tuple[str, ...] | None = None,
    strict: bool = True,
    settings: Mapping[str, Any] | None = None,
) -> Preparation:
    """Crops faces and writes them to a FaceFile, which appears only when it is whole.

    Args:
        faces: Faces and rejections, as a source reads them.
        path: The FaceFile to write.
        name: The dataset's name.
        root: Folder of the photos; None for a source that draws them.
        scheme: The landmark scheme.
        normalizer: Name of the normalizer that tables lead with.
        crop: The crop rule.
        subsets: Names of the subsets in order; None: those found, sorted.
        strict: Whether the first unusable face is an error; otherwise they are left out and
            counted.
        settings: The dataset's settings, kept in the file for comparison.

    Returns:
        What was found.

    Raises:
        ValueError: An unusable face (strict), an empty split, or a normalizer the scheme lacks.
    """
    if normalizer not in scheme.normalizers:
        raise ValueError(
            f"normalizer={normalizer!r} is unknown to scheme {scheme.name}; choose from "
            f"{', '.join(scheme.normalizers)}"
        )
    normalizers = (normalizer, *(n for n in scheme.normalizers if n != normalizer))
    order = [list(scheme.normalizers).index(n) for n in normalizers]
    done = Preparation()
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        writers = {split: _SplitWriter(file.create_group(split), crop.side) for split in SPLITS}
        for face in faces:
            row = face if isinstance(face, Rejection) else _crop(face, root, scheme, crop, order)
            if isinstance(row, Rejection):
                if strict:
                    raise ValueError(
                        f"{row.where}: {row.reason}; mend it, or pass dataset.strict=false to "
                        "leave such faces out"
                    )
                done.rejections.append(row)
                continue
            assert isinstance(face, Face)
            writers[face.split].add(face, row)
            done.faces[face.split] += 1
            done.subsets[face.split].update(face.subsets)
        for split in SPLITS:
            if not done.faces[split]:
                raise ValueError(
                    f"dataset {name} has no faces in split {split!r}"
                    + (f" under {root}" if root else "")
                    + "; both train and test are needed"
                )
        found = sorted(done.subsets["train"] | done.subsets["test"])
        if subsets is not None and (unknown := set(found) - set(subsets)):
            raise ValueError(
                f"dataset {name} names subset {min(unknown)!r}, which is not one of dataset."
                f"subsets={list(subsets)}"
            )
        names = tuple(found) if subsets is None else subsets
        for writer in writers.values():
            writer.finish(names)
        described = Description(
            name,
            scheme,
            normalizers,
            names,
            crop,
            settings or {},
            version("landmark-lightning"),
        )
        file.attrs["schema"] = SCHEMA
        file.attrs["described"] = described.to_json()
        file.attrs["sha256"] = content_digest(file)
    return done


def _crop(
    face: Face, root: Path | None, scheme: Scheme, crop: CropRule, order: list[int]
) -> dict[str, NDArray[Any]] | Rejection:
    """One face's row of the FaceFile, or why there is none."""
    try:
        if face.image is not None:
            image = face.image
        elif root is not None:
            image = read_photo(photo_path(root, face.photo), crop.gray)
        else:
            raise ValueError(f"photo {face.photo!r} is a file, but dataset.root is not given")
    except ValueError as error:
        return Rejection(face.where, str(error))
    height, width = image.shape
    reach = FAR_OUTSIDE * max(width, height)
    outside = np.maximum(-face.landmarks, face.landmarks - [width - 1, height - 1]).max(axis=1)
    if outside.max() > reach:
        worst = int(outside.argmax())
        x, y = face.landmarks[worst]
        return Rejection(
            face.where,
            f"landmark {worst} at ({x:g}, {y:g}) lies far outside the photo of "
            f"{width} x {height} pixels",
        )
    landmarks = torch.from_numpy(face.landmarks)
    tight = geometry.landmark_box(landmarks)
    given = {"landmarks": tight.numpy(), "provided": face.box, "detector": face.detector}
    chosen = given[crop.boxes]
    if chosen is None:
        kind = "detector's box" if crop.boxes == "detector" else "box"
        return Rejection(
            face.where, f"it has no {kind}, and dataset.boxes={crop.boxes} asks for it"
        )
    box = torch.from_numpy(chosen)
    side = geometry.square_side(box)
    inside = (landmarks >= box[:2]) & (landmarks <= box[2:])
    if not bool(inside.all(dim=1).any()):
        return Rejection(face.where, f"its box {box.tolist()} holds none of its landmarks")
    if not side > 1:
        return Rejection(face.where, f"its box is {float(side):g} pixels wide")
    center = geometry.box_center(box)
    extent = side * crop.scale * crop.margin
    to_photo = geometry.crop_to_photo(center, extent, crop.side)
    # The annotated box, or else the landmarks': an NME must not depend on how the crop is cut.
    measured = tight.numpy() if face.box is None else face.box
    normalizer = scheme.normalize(face.landmarks, measured)[order] * crop.side / float(extent)
    if not normalizer[0] > 0:
        return Rejection(face.where, f"its {list(scheme.normalizers)[order[0]]} distance is 0")
    in_crop = geometry.apply_affine(geometry.invert_affine(to_photo), landmarks)
    return {
        "images": cut_crop(image, (float(center[0]), float(center[1])), float(extent), crop.side),
        "landmarks": in_crop.numpy().astype(np.float32),
        "visible": np.ones(scheme.landmarks, np.bool_) if face.visible is None else face.visible,
        "normalizer": normalizer.astype(np.float32),
        "to_photo": to_photo.numpy().astype(np.float32),
        "box": box.numpy().astype(np.float32),
    }


class _SplitWriter:
    """Streams a split's images into the file; keeps the small arrays until the end."""

    def __init__(self, group: h5py.Group, side: int) -> None:
        self.group = group
        self.images = group.create_dataset(
            "images",
            shape=(0, side, side),
            maxshape=(None, side, side),
            dtype="u1",
            chunks=(1, side, side),
            fletcher32=True,
        )
        self.rows: dict[str, list[NDArray[Any]]] = {
            name: [] for name in ("landmarks", "visible", "normalizer", "to_photo", "box")
        }
        self.faces: list[tuple[str, str, tuple[str, ...]]] = []

    def add(self, face: Face, row: dict[str, NDArray[Any]]) -> None:
        count = len(self.faces)
        if count == len(self.images):
            self.images.resize(max(256, 2 * count), axis=0)
        self.images[count] = row["images"]
        for name, values in self.rows.items():
            values.append(row[name])
        self.faces.append((face.photo, face.group, face.subsets))

    def finish(self, subsets: tuple[str, ...]) -> None:
        self.images.resize(len(self.faces), axis=0)
        arrays: dict[str, NDArray[Any]] = {n: np.stack(rows) for n, rows in self.rows.items()}
        arrays["subsets"] = np.array(
            [[name in of_face for name in subsets] for _, _, of_face in self.faces], dtype=bool
        ).reshape(len(self.faces), len(subsets))
        arrays["photo"] = np.array([photo.encode() for photo, _, _ in self.faces])
        groups = np.array([group.encode() for _, group, _ in self.faces])
        arrays["group"] = groups.astype("S1") if groups.dtype.itemsize == 0 else groups
        for name, array in arrays.items():
            stored = {"fletcher32": True} if array.size else {}
            self.group.create_dataset(name, data=array, **stored)
