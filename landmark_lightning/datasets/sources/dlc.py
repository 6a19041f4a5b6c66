"""The CSV of DeepLabCut and lightning-pose, with three heading rows.

    scorer,ann,ann,ann,ann
    bodyparts,nose,nose,tail,tail
    coords,x,y,x,y
    labeled-data/video1/img001.png,31.5,40,,

The photo's path stands in one column or, a folder a column, in three; blank cells are landmarks
that are not labelled, and frames without any are left out. A column ``likelihood`` is not read.
With several animals there is a fourth heading row, ``individuals``, and each animal in a frame is
a face of its own.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from landmark_lightning.datasets.face import Face, Rejection, fit_name
from landmark_lightning.datasets.sources.checks import labelled, number, rejected
from landmark_lightning.datasets.sources.listing import (
    Listed,
    Listing,
    Named,
    Photos,
    Rows,
    check_count,
    checked_names,
    fitted,
    order_of,
)
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

UNSAID = "leave its cells blank"
HEADINGS = ("scorer", "individuals", "bodyparts", "coords")
AXES = ("x", "y")


def read_listing(listing: Listing, scheme: Scheme, expected: Sequence[str]) -> Named:
    """The bodyparts and the faces of a file, as ``listing`` says."""
    rows = iter(Rows(listing.path))
    heading = _Heading(listing.path, rows)
    names = heading.names
    check_count(f"{listing.path} has", len(names), "bodyparts", scheme)
    order = [names[i] for i in order_of(listing.path, names, expected, "bodypart")]
    places = {animal: [of[n] for n in order] for animal, of in heading.places.items()}
    photos = Photos(listing.root, [".", listing.folder])
    faces = Listed()
    empty = 0
    for line, cells in rows:
        where = f"{listing.path} line {line}"
        try:
            if isinstance(cells, str):
                raise UserError(cells)
            row = [cell.strip() for cell in fitted(cells, heading.coords)]
        except ValueError as error:
            faces.append(Rejection(where, str(error), listing.split))
            continue
        photo = "/".join(cell for cell in row[: heading.index] if cell)
        before = len(faces)
        for animal, of_animal in places.items():
            pairs = [(row[x], row[y]) for x, y in of_animal]
            if any(_said(cell) for pair in pairs for cell in pair):
                who = f"{where}, {animal}" if animal else where
                faces.append(_face(listing, who, photo, pairs, order, photos))
        empty += len(faces) == before
    listing.leave_out(empty, "frames have no labelled bodypart")
    return names, faces


def landmark_names(path: Path) -> tuple[str, ...]:
    """The names of the bodyparts."""
    return _Heading(path, iter(Rows(path))).names


class _Heading:
    """The heading rows of a file, which must be those of DeepLabCut.

    Attributes:
        index: How many columns hold the photo's path.
        coords: The last row.
        names: The bodyparts.
        places: The columns of x and y by animal (empty: there is but one) and bodypart.
    """

    def __init__(self, path: Path, rows: Iterator[tuple[int, list[str] | str]]) -> None:
        levels: dict[str, list[str]] = {}
        while "coords" not in levels:
            line, cells = next(rows, (1, ""))
            name = cells[0].strip() if cells else ""
            if isinstance(cells, str) or name not in HEADINGS or name in levels:
                raise UserError(
                    f"{path} line {line} is none of the heading rows scorer, bodyparts and coords"
                )
            levels[name] = [cell.strip() for cell in cells]
        self.coords = levels["coords"]
        kinds = [*AXES, "likelihood"]
        self.index = next((i for i, c in enumerate(self.coords) if c in kinds), 0)
        self.places: dict[str, dict[str, tuple[int, int]]] = {}
        found: dict[tuple[str, str], dict[str, int]] = {}
        for place in range(self.index, len(self.coords)):
            axis = self.coords[place]
            parts = levels.get("bodyparts", [])
            animals = levels.get("individuals", [""] * len(self.coords))
            if axis not in kinds or place >= min(len(parts), len(animals)) or not self.index:
                raise UserError(f"{path}: column {place + 1} has no bodypart, or none of x and y")
            axes = found.setdefault((animals[place], parts[place]), {})
            if axis in axes:
                raise UserError(f"{path} has {axis} of bodypart {parts[place]!r} twice")
            axes[axis] = place
        for (animal, part), axes in found.items():
            if not axes.keys() >= set(AXES):
                raise UserError(f"{path}: bodypart {part!r} lacks its x or its y")
            self.places.setdefault(fit_name(animal, "animal"), {})[part] = (axes["x"], axes["y"])
        first, *others = self.places.items() or [("", {})]
        self.names = checked_names(path, list(first[1]), "bodypart")
        for animal, of_animal in others:
            if of_animal.keys() != first[1].keys():
                raise UserError(f"{path}: {animal!r} has other bodyparts than {first[0]!r}")


def _said(cell: str) -> bool:
    return cell.lower() not in ("", "nan")


def _face(
    listing: Listing,
    where: str,
    photo: str,
    pairs: Sequence[tuple[str, str]],
    names: Sequence[str],
    photos: Photos,
) -> Face | Rejection:
    """The x and y of one animal in a frame as a face, or why they are none."""
    try:
        photo = photos(photo)
        values = [
            [number(cell, f"{axis} of {name}") if _said(cell) else math.nan for axis, cell in both]
            for name, both in zip(names, (zip(AXES, p, strict=True) for p in pairs), strict=True)
        ]
        points, visible = labelled(np.array(values), None, UNSAID, names)
        return listing.face(where, photo, points, visible)
    except ValueError as error:
        return rejected(where, error, listing.split, photo)
