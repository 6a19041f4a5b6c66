"""Photos with a ``.pts`` beside each, as 300W and 300VW have them.

A ``.pts`` has its photo's name but for the suffix, and holds:

    version: 1
    n_points:  68
    {
    30.5 201.25
    ...
    }

A landmark that is not labelled is ``nan nan``.
"""

import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.photos import photo_path
from landmark_lightning.datasets.sources.checks import find_photo, labelled, number, rejected
from landmark_lightning.datasets.sources.listing import Listed, Listing
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme
from landmark_lightning.terminal import shown

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
UNSAID = "its line must be nan nan"


def read_listing(listing: Listing, scheme: Scheme) -> Listed:
    """The faces in a folder and the folders in it, folder by folder, by name."""
    faces = Listed()
    unused: list[str] = []
    for folder, names in _folders(listing.path):
        faces += _read_folder(listing, scheme, folder, names, unused)
    if unused:
        warnings.warn(
            f"{listing.path} holds {len(unused)} photos without a .pts, such as {unused[0]}; they "
            "are left out",
            stacklevel=2,
        )
    return faces


def point_files(top: Path) -> Iterator[Path]:
    """The ``.pts`` files in a folder and the folders in it."""
    for folder, names in _folders(top):
        yield from (folder / name for name in names if name.suffix.lower() == ".pts")


def _folders(top: Path) -> Iterator[tuple[Path, list[Path]]]:
    """A folder and those in it, links followed, each once, with the names of their files."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = sorted(folders) if real not in seen else []
        if real not in seen:  # by a link to a folder further up
            seen.add(real)
            yield Path(folder), [Path(n) for n in sorted(files) if not n.startswith(".")]


def _read_folder(
    listing: Listing, scheme: Scheme, folder: Path, paths: list[Path], unused: list[str]
) -> Iterator[Face | Rejection]:
    """The faces of one folder by name; photos that have none are added to ``unused``."""
    beside: dict[str, list[str]] = {}
    for path in paths:
        if path.suffix.lower() in SUFFIXES:
            beside.setdefault(path.stem, []).append(path.name)
    under = Path(os.path.relpath(folder, listing.root))
    for name in (path for path in paths if path.suffix.lower() == ".pts"):
        found = beside.pop(name.stem, [])
        photo = (under / (found[0] if found else name.stem)).as_posix()
        if len(found) == 1:
            yield read_face(listing, scheme, (under / name).as_posix(), photo)
        else:
            reason = f"photos {found[0]} and {found[1]} lie" if found else "no photo lies"
            where = shown(folder / name)
            yield Rejection(where, f"{reason} beside it", listing.split, photo, not found)
    unused += [name for names in beside.values() for name in names]


def read_face(listing: Listing, scheme: Scheme, name: str, photo: str) -> Face | Rejection:
    """A ``.pts`` and its photo, both named from the root, as a face, or why they are none."""
    where = shown(listing.root / name)
    try:
        find_photo(listing.root, photo)
        points = read_points(photo_path(listing.root, name, "file"), scheme)
        if isinstance(points, Rejection):
            return replace(points, split=listing.split, photo=photo)
        landmarks, visible = labelled(points, None, UNSAID)
        return listing.face(where, photo, landmarks, visible)
    except ValueError as error:
        return rejected(where, error, listing.split, photo)


def read_points(path: Path, scheme: Scheme) -> NDArray[np.float64] | Rejection:
    """Reads a ``.pts`` file.

    Returns:
        (L, 2) as they stand in the file, or why it can't be used.
    """
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    lines = [line.strip() for line in lines]
    end = f"{shown(path)} line {len(lines)}"
    if "{" not in lines:
        return Rejection(end, "no line { opens the points")
    opening = lines.index("{")
    declared = re.search(r"n_points:\s*(\d{1,9})\b", "\n".join(lines[:opening]))
    if declared is None:
        reason = "no line n_points stands before the {"
        return Rejection(f"{shown(path)} line {opening + 1}", reason)
    if "}" not in lines[opening:]:
        return Rejection(end, "no line } closes the points")
    closing = lines.index("}", opening)
    points = []
    for place in range(opening + 1, closing):
        cells = lines[place].split()
        try:
            if len(cells) not in (0, 2):
                raise UserError(f"{lines[place][:40]!r} is not two numbers")
            if [cell.lower() for cell in cells] == ["nan", "nan"]:
                points.append([np.nan, np.nan])
            else:
                points.append([number(c, axis) for c, axis in zip(cells, "xy", strict=False)])
        except ValueError as error:
            return Rejection(f"{shown(path)} line {place + 1}", str(error))
    points = [point for point in points if point]
    expected = f"{declared[1]} and scheme {scheme.name} {scheme.landmarks}"
    if not len(points) == int(declared[1]) == scheme.landmarks:
        reason = f"it holds {len(points)} points, its header says {expected}"
        return Rejection(f"{shown(path)} line {closing + 1}", reason)
    return np.array(points)
