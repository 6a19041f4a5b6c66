"""Boxes with parts in the XML of dlib's imglab.

    <dataset><images>
      <image file='photos/a.jpg'>
        <box top='74' left='53' width='121' height='120'>
          <part name='00' x='55' y='91'/> ...
        </box>
      </image> ...
    </images></dataset>

Photos are named from the file's folder. Each box is a face; a part that is not there is a landmark
that is not labelled. Parts are numbered from 0 or from 1, or have names, whose order is that of
the alphabet, as dlib has it. Boxes marked to be ignored are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources.checks import labelled, number, ordered_box, rejected
from landmark_lightning.datasets.sources.listing import (
    Listed,
    Listing,
    Named,
    Photos,
    check_count,
    checked_names,
)
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

UNSAID = "leave the part out"


@dataclass
class _Box:
    """A box as it stands in the file, at its line."""

    line: int
    photo: str
    place: Mapping[str, str]
    parts: list[Mapping[str, str]] = field(default_factory=list)


def read_listing(listing: Listing, scheme: Scheme, expected: Sequence[str]) -> Named:
    """The names and the faces of a file, as ``listing`` says; the names may be numbers."""
    found = _load(listing.path)
    boxes = [box for box in found if box.place.get("ignore") != "1"]
    listing.leave_out(len(found) - len(boxes), "boxes are marked to be ignored")
    names = _names(listing.path, boxes)
    if names and all(name.isdigit() for name in names):
        if not expected or not all(name.isdigit() for name in expected):
            first = 1 if "0" not in names and str(scheme.landmarks) in names else 0
            expected = [str(first + i) for i in range(scheme.landmarks)]
    else:
        expected = expected or names
        if names:
            check_count(f"{listing.path} names", len(expected), "parts", scheme)
    if unknown := sorted(set(names) - set(expected)):
        raise UserError(
            f"{listing.path}: part {unknown[0]!r} is none of the {len(expected)} landmarks of "
            f"scheme {scheme.name}, {expected[0]} to {expected[-1]}"
        )
    photos = Photos(listing.root, [listing.folder, "."])
    places = {name: place for place, name in enumerate(expected)}
    return tuple(expected), Listed(_face(listing, box, places, photos) for box in boxes)


def landmark_names(path: Path) -> tuple[str, ...]:
    """The names of the parts; empty if they are numbers."""
    names = _names(path, [box for box in _load(path) if box.place.get("ignore") != "1"])
    return () if all(name.isdigit() for name in names) else names


def _names(path: Path, boxes: Sequence[_Box]) -> tuple[str, ...]:
    """The names of all parts, sorted; numbers without leading zeros."""
    found = {_plain(part.get("name", "")) for box in boxes for part in box.parts}
    return checked_names(path, sorted(found), "part")


def _plain(name: str) -> str:
    name = name.strip()
    return str(int(name)) if name.isascii() and name.isdigit() and len(name) < 10 else name


def _face(
    listing: Listing, box: _Box, places: Mapping[str, int], photos: Photos
) -> Face | Rejection:
    """A box as a face, or why it is none."""
    where, photo = f"{listing.path} line {box.line}", box.photo
    points = np.full((len(places), 2), np.nan)
    try:
        photo = photos(box.photo)
        for part in box.parts:
            name = _plain(part.get("name", ""))
            if not np.isnan(points[places[name]]).all():
                raise UserError(f"it has part {name!r} twice")
            points[places[name]] = [number(part.get(axis, ""), axis) for axis in "xy"]
        landmarks, visible = labelled(points, None, UNSAID, tuple(places))
        left, top, width, height = (
            number(box.place.get(name, ""), name) for name in ("left", "top", "width", "height")
        )
        # dlib counts the last row and column among the box.
        corners = ordered_box([left, top, left + width - 1, top + height - 1])
        return listing.face(where, photo, landmarks, visible, corners)
    except ValueError as error:
        return rejected(where, error, listing.split, photo)


def _load(path: Path) -> list[_Box]:
    """All boxes of a file, which must be XML of imglab's."""
    boxes: list[_Box] = []
    opened: list[str] = []
    photo = [""]
    parser = expat.ParserCreate()

    def refuse(flaw: str) -> None:
        raise UserError(f"{path} is no file of imglab's: {flaw}")

    def start(tag: str, attributes: dict[str, str]) -> None:
        if not opened and tag != "dataset":
            refuse(f"it begins with <{tag[:40]}>, not <dataset>")
        inside = opened[-1] if opened else ""
        opened.append(tag)
        if tag == "image":
            photo[0] = attributes.get("file", "")
        elif tag == "box" and inside == "image":
            boxes.append(_Box(parser.CurrentLineNumber, photo[0], attributes))
        elif tag == "part" and inside == "box":
            boxes[-1].parts.append(attributes)

    def doctype(*_: object) -> None:  # its entities could grow without bounds
        refuse("it declares a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: opened.pop()
    parser.StartDoctypeDeclHandler = doctype
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except UserError:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise UserError(f"{path} is no XML ({error})") from error
    return boxes
