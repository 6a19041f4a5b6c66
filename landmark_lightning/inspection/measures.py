"""Inspecting: what a user should know of a FaceFile's faces before training on them.

Pure functions on the arrays of a split, gathered by ``inspect_faces``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import COVERED, NOT_LABELLED
from landmark_lightning.datasets.facefile import FaceFile, FaceSplit
from landmark_lightning.datasets.preparation.leaks import leaks, same_groups
from landmark_lightning.datasets.preparation.protocol import Protocol
from landmark_lightning.datasets.stored_rows import blocks
from landmark_lightning.inspection.problems import fixed_landmarks, same_pictures
from landmark_lightning.inspection.shapes import (
    Shapes,
    disorder,
    distances,
    mean_shape_of,
    shapes,
    yaw,
)

MEASURES = {
    "yaw": "degrees, rough",
    "face_size": "photo pixels",
    "padding": "% of the crop",
    "shape_distance": "% of the face",
    "hidden": "% of the landmarks",
    "unlabelled": "% of the landmarks",
}
"""Measures of a face, by name, with their units.

``yaw`` is ``shapes.yaw``; ``face_size`` sqrt(width height) of the box; ``padding`` the share of
the stored crop that shows no photo; ``shape_distance`` the full Procrustes distance to the mean
shape; ``hidden`` the share of landmarks that are labelled though something covers them,
``unlabelled`` of those that are not labelled.
"""

QUANTILES = {"least": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "most": 1.0}
OUTLIERS = 10
Measures = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Count:
    """A number of faces that the protocol names: of a split, of a folder or of a test subset."""

    what: str
    found: int
    expected: int


@dataclass(frozen=True)
class Outlier:
    """A face far from the mean shape: an extreme pose, or a wrong annotation.

    Attributes:
        split: ``train`` or ``test``.
        index: Its place in the split.
        photo: Its photo.
        shape_distance: In percent of the face.
    """

    split: str
    index: int
    photo: str
    shape_distance: float


@dataclass(frozen=True)
class Inspection:
    """What ``inspect_faces`` found.

    Attributes:
        measures: By split that has faces and by name of ``MEASURES``, (N,); without ``yaw`` where
            the scheme is not one of faces, and without ``hidden`` and ``unlabelled`` where no
            landmark is.
        outside: By split that has faces and by ``photo`` or ``crop``, (N,) landmarks of each face
            that lie outside it.
        mean: (L,) the mean shape, as ``shapes.mean_shape`` gives it.
        outliers: The faces farthest from the mean shape, of both splits, the farthest first.
        warnings: What looks wrong, a sentence each.
        counts: The faces against the protocol; empty without one.
    """

    measures: Mapping[str, Measures]
    outside: Mapping[str, Mapping[str, NDArray[np.int64]]]
    mean: Shapes
    outliers: list[Outlier]
    warnings: list[str]
    counts: list[Count]


def inspect_faces(
    faces: FaceFile, splits: Mapping[str, FaceSplit], protocol: Protocol | None = None
) -> Inspection:
    """Measures the faces of both splits and looks for what is wrong with them.

    Args:
        faces: The FaceFile.
        splits: Its splits, as ``look`` or ``read`` gives them; one of them may be empty.
        protocol: The faces that the dataset must have.
    """
    both, splits = splits, {name: split for name, split in splits.items() if len(split)}
    mean = mean_shape_of([split.landmarks for split in splits.values()])
    measures: dict[str, Measures] = {}
    outside = {}
    kinds = {
        name: value
        for name, value in (("hidden", COVERED), ("unlabelled", NOT_LABELLED))
        if any(bool((split.visible == value).any()) for split in splits.values())
    }
    for name, split in splits.items():
        bands = np.concatenate([padding(some) for some in blocks(split.images)])
        turned = yaw(split.landmarks, faces.scheme)
        width, height = (split.box[:, 2:] - split.box[:, :2]).astype(np.float64).T
        measured = {
            "face_size": np.sqrt(width * height),
            "padding": 100 * padded_share(bands, faces.crop.side),
            "shape_distance": 100
            * np.concatenate([distances(shapes(some), mean) for some in blocks(split.landmarks)]),
        }
        if turned is not None:
            measured["yaw"] = turned
        shares = {kind: (split.visible == value).mean(axis=1) for kind, value in kinds.items()}
        measures[name] = measured | {kind: 100 * share for kind, share in shares.items()}
        outside[name] = {
            where: np.concatenate(
                [
                    landmarks_outside(some, shown, faces.crop.side)
                    for some, shown in zip(blocks(split.landmarks), blocks(around), strict=True)
                ]
            )
            for where, around in (("photo", bands), ("crop", np.zeros_like(bands)))
        }
    found = [
        Outlier(name, int(i), splits[name].photo[i], float(measures[name]["shape_distance"][i]))
        for name in splits
        for i in np.argsort(-measures[name]["shape_distance"])[:OUTLIERS]
    ]
    found.sort(key=lambda outlier: -outlier.shape_distance)
    warnings = [
        *disorder(mean, faces.scheme),
        *fixed_landmarks(splits, faces.scheme),
        *same_pictures(both),
        *leaks(both),
        *same_groups(both),
    ]
    counts = [] if protocol is None else against(protocol, faces, both)
    return Inspection(measures, outside, mean, found[:OUTLIERS], warnings, counts)


def against(protocol: Protocol, faces: FaceFile, splits: Mapping[str, FaceSplit]) -> list[Count]:
    """Every number that a protocol names beside the number of faces that are there."""
    folders = Counter(
        str(PurePosixPath(photo).parent) for split in splits.values() for photo in split.photo
    )
    members = splits["test"].subsets.sum(axis=0).tolist()
    subsets = Counter(dict(zip(faces.subsets, members, strict=True)))
    return [
        Count("train", len(splits["train"]), protocol.train),
        Count("test", len(splits["test"]), protocol.test),
        *(Count(name, folders[name], count) for name, count in protocol.folders.items()),
        *(Count(name, subsets[name], count) for name, count in protocol.subsets.items()),
    ]


def padding(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many columns and rows of crops show no photo.

    A FaceFile does not tell the photos' sizes. What lies outside them is black to the last pixel,
    so the wholly black columns and rows at a crop's border are counted. The last one before the
    photo is gray, for the crop is smoothed, and counts as photo. A photo that has a black border
    itself counts as if it ended there: it shows as little.

    Args:
        images: (N, C, C) crops.

    Returns:
        (N, 4) columns at the left, rows at the top, columns at the right, rows at the bottom; a
        crop that is black throughout has C everywhere.
    """
    bands = []
    side = images.shape[1]
    for axis in (1, 2):
        lines = np.asarray(images.any(axis=axis))  # (N, C): columns, then rows, with any light
        dark = ~lines.any(axis=1)
        for one_way in (lines, lines[:, ::-1]):
            bands.append(np.where(dark, side, one_way.argmax(axis=1)))
    left, right, top, bottom = bands
    return np.stack([left, top, right, bottom], axis=1).astype(np.int64)


def padded_share(bands: NDArray[np.int64], side: int) -> NDArray[np.float64]:
    """The share (N,) of crops of ``side`` pixels that ``padding``'s bands (N, 4) cover."""
    seen: NDArray[np.int64] = (side - bands[:, :2] - bands[:, 2:]).clip(min=0)
    share: NDArray[np.float64] = 1 - seen.prod(axis=1) / side**2
    return share


def landmarks_outside(
    landmarks: NDArray[np.float32], bands: NDArray[np.int64], side: int
) -> NDArray[np.int64]:
    """How many landmarks of each face lie outside what its crop shows.

    Args:
        landmarks: (N, L, 2) in crop pixels.
        bands: (N, 4) of ``padding``; zeros: outside the crop.
        side: Pixels C of the crop.

    Returns:
        (N,), exact but for the crop pixel that ``padding`` counts as photo.
    """
    low, high = bands[:, None, :2] - 0.5, side - bands[:, None, 2:] - 0.5
    out: NDArray[np.int64] = ((landmarks < low) | (landmarks > high)).any(axis=2).sum(axis=1)
    return out


def describe(values: NDArray[Any]) -> dict[str, float | None]:
    """The ``QUANTILES`` of values (N,), by name, NaN left out; None where all are NaN."""
    known = values[~np.isnan(values)]
    if not len(known):
        return dict.fromkeys(QUANTILES)
    found = np.quantile(known, list(QUANTILES.values()))
    return dict(zip(QUANTILES, found.tolist(), strict=True))


def to_json(faces: FaceFile, splits: Mapping[str, FaceSplit], found: Inspection) -> dict[str, Any]:
    """An inspection as plain numbers, text and lists, for inspect.json."""
    return {
        "dataset": faces.name,
        "sha256": faces.sha256,
        "scheme": faces.scheme.name,
        "landmarks": faces.scheme.landmarks,
        "names": list(faces.scheme.names),
        "faces": {name: len(split) for name, split in splits.items()},
        "validation": int(splits["train"].validation.sum()),
        "subsets": {
            subset: {name: int(split.subsets[:, k].sum()) for name, split in splits.items()}
            for k, subset in enumerate(faces.subsets)
        },
        "protocol": [vars(count) for count in found.counts],
        "units": {
            name: unit
            for name, unit in MEASURES.items()
            if any(name in of_split for of_split in found.measures.values())
        },
        "measures": {
            name: {measure: describe(values) for measure, values in of_split.items()}
            for name, of_split in found.measures.items()
        },
        "landmarks_outside": {
            name: {
                where: {"landmarks": int(counts.sum()), "faces": int((counts > 0).sum())}
                for where, counts in of_split.items()
            }
            for name, of_split in found.outside.items()
        },
        "outliers": [vars(outlier) for outlier in found.outliers],
        "notes": list(faces.notes),
        "warnings": found.warnings,
    }
