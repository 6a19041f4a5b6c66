"""Keypoints in COCO's JSON, as COCO, CVAT, Label Studio and mmpose write them.

    {"images": [{"id": 7, "file_name": "a.jpg"}, ...],
     "categories": [{"id": 1, "keypoints": ["left_eye", ...]}],
     "annotations": [{"image_id": 7, "category_id": 1, "keypoints": [x, y, v, ...],
                      "bbox": [x, y, width, height]}, ...]}

v is 0 for a keypoint that is not labelled, 1 for one that something covers, 2 for a visible one.
A file without any 2 (mmpose's of faces) means by 1 that a keypoint is labelled, no more. Other
keys, such as mmpose's center and scale, are not read. Each annotation is a face; those without any
labelled keypoint (boxes, outlines, crowds) are left out.
"""

import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import COVERED, VISIBLE, Face, Rejection
from landmark_lightning.datasets.sources.checks import labelled, ordered_box, rejected
from landmark_lightning.datasets.sources.listing import (
    Listed,
    Listing,
    Named,
    Photos,
    check_count,
    checked_names,
    order_of,
)
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

UNSAID = "its v must be 0"


def read_listing(listing: Listing, scheme: Scheme, expected: Sequence[str]) -> Named:
    """The names and the faces of a file, as ``listing`` says."""
    content = _load(listing.path)
    names = _names(listing.path, content)
    order = order_of(listing.path, names, expected, "keypoint") or slice(None)
    if names:
        check_count(f"{listing.path} names", len(names), "keypoints", scheme)
    images = _images(listing.path, content["images"])
    photos = Photos(listing.root, _folders(listing))
    faces = Listed()
    highest = left_out = 0
    for place, annotation in enumerate(content["annotations"]):
        key = str(annotation.get("id", f"number {place + 1}"))[:40]
        where = f"{listing.path} annotation {key!r}"
        photo = ""
        try:
            points, visible = _keypoints(annotation.get("keypoints", []))
            if not visible.any() or annotation.get("iscrowd") == 1:
                left_out += 1
                continue
            image_id = str(annotation.get("image_id"))
            if image_id not in images:
                raise UserError(f"no image has its image_id {image_id[:40]!r}")
            photo = images[image_id]
            check_count("it has", len(visible), "keypoints", scheme)
            points, visible = points[order], visible[order]
            highest = max(highest, int(visible.max()))
            photo = photos(photo)
            landmarks, seen = labelled(points, visible, UNSAID, expected or names)
            box = _box(annotation.get("bbox"))
            faces.append(listing.face(where, photo, landmarks, seen, box))
        except ValueError as error:
            faces.append(rejected(where, error, listing.split, photo))
    listing.leave_out(left_out, "annotations have no labelled keypoint")
    if highest == COVERED:
        warnings.warn(
            f"{listing.path}: no keypoint has v=2, so 1 is taken for visible", stacklevel=2
        )
        faces = Listed(_uncovered(face) for face in faces)
    return names, faces


def landmark_names(path: Path) -> tuple[str, ...]:
    """The names of the keypoints that a file has; empty if it has none."""
    return _names(path, _load(path))


def _load(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The three lists of a COCO file, each of mappings; categories may be missing."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)[:120]
        raise UserError(f"{path} is no JSON ({reason})") from error
    lists = {"categories": [], **(content if isinstance(content, dict) else {})}
    for name in ("images", "annotations", "categories"):
        found = lists.get(name)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise UserError(f"{path} is no COCO file: it has no list of {name}")
    return lists


def _names(path: Path, content: dict[str, list[dict[str, Any]]]) -> tuple[str, ...]:
    """The names that the categories give their keypoints, which must be the same ones."""
    found: dict[tuple[str, ...], str] = {}
    for category in content["categories"]:
        given = category.get("keypoints")
        if isinstance(given, list) and given:
            names = checked_names(path, given, "keypoint")
            found.setdefault(names, str(category.get("name"))[:40])
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise UserError(
            f"{path}: categories {first!r} and {second!r} have different keypoints; keep one of "
            "them in a file"
        )
    return next(iter(found), ())


def _images(path: Path, images: list[dict[str, Any]]) -> dict[str, str]:
    """The photos' names by the images' ids."""
    found: dict[str, str] = {}
    for image in images:
        key, name = str(image.get("id")), image.get("file_name")
        if not isinstance(name, str):
            raise UserError(f"{path}: image {key[:40]!r} has no file_name")
        if found.setdefault(key, name) != name:
            raise UserError(f"{path}: two images have the id {key[:40]!r}")
    return found


def _folders(listing: Listing) -> list[str]:
    """Where the photos may lie: beside the file or as COCO and CVAT lay them out."""
    name = re.sub(r"^(person_keypoints|instances|keypoints|annotations)_", "", listing.path.stem)
    places = (listing.folder, ".", f"{listing.folder}/..")
    return [f"{p}/{inner}" for p in places for inner in (f"images/{name}", name, "images", "")]


def _keypoints(values: object) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """The coordinates (K, 2) and v (K,), which is 0, 1 or 2, of an annotation."""
    if not isinstance(values, list) or len(values) % 3:
        raise UserError("its keypoints are no flat list of x, y and v")
    table = _numbers(values, "its keypoints").reshape(-1, 3)
    if (odd := ~np.isin(table[:, 2], (0, 1, 2))).any():
        index = int(odd.argmax())
        raise UserError(f"v of keypoint {index} is {table[index, 2]:g}, not 0, 1 or 2")
    return table[:, :2], table[:, 2].astype(np.uint8)


def _numbers(values: Sequence[object], what: str) -> NDArray[np.float64]:
    """Numbers; NaN for null, and an error for all else."""
    for value in values:
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise UserError(f"{what} hold {str(value)[:40]!r}, not a number")
    try:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    except OverflowError:
        raise UserError(f"{what} hold a number beyond any photo") from None


def _box(values: object) -> NDArray[np.float64] | None:
    """The box of x, y, width and height; None where there is none, or none of any extent."""
    if values is None or values == []:
        return None
    if not isinstance(values, list) or len(values) != 4:
        raise UserError("its bbox is not x, y, width and height")
    x, y, width, height = _numbers(values, "its bbox")
    if width == 0 or height == 0:
        return None
    return ordered_box([x, y, x + width, y + height])


def _uncovered(face: Face | Rejection) -> Face | Rejection:
    """The face with all of its labelled landmarks visible."""
    if isinstance(face, Rejection) or face.visible is None:
        return face
    visible = np.where(face.visible == COVERED, VISIBLE, face.visible)
    return replace(face, visible=None if visible.all() else visible)
