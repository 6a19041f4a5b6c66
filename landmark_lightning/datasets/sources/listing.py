"""What the formats of one's own data share: listings, photos, rows of text, landmarks' names.

A listing is a file or a folder that lists faces. Each format is a module with
``read_listing(listing, scheme, expected)``: the names that the file has for its landmarks (empty:
none), and its faces in their order. ``expected`` are the names in the scheme's order; empty: as
the file has them. ``landmark_names(path)`` gives the names alone. Where landmarks have no names
(table, pts), ``read_listing(listing, scheme)`` gives the faces alone. A file that as a whole can't
be used is a UserError.
"""

import csv
import posixpath
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import Face, fit_name
from landmark_lightning.datasets.face_list import FaceList
from landmark_lightning.datasets.sources.checks import first_found
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

Listed = FaceList
Named = tuple[tuple[str, ...], Listed]
"""What ``read_listing`` gives: landmarks' names, and faces."""

REMEMBERED = 10_000
"""Photos whose places are kept: those of several faces mostly follow each other."""

SEPARATORS = ",;\t"
_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_SAVE = "save it as CSV text in UTF-8"


@dataclass(frozen=True)
class Listing:
    """What a reader of one format reads.

    Attributes:
        root: The dataset's folder; photos lie under it.
        path: The file, or for a folder of .pts the folder.
        split: The split of its faces; empty where its rows say it.
        validation: Whether its faces are the validation set.
        first_pixel: Coordinate of the first pixel's centre.
    """

    root: Path
    path: Path
    split: str = ""
    validation: bool = False
    first_pixel: float = 0.0

    @property
    def folder(self) -> str:
        """The folder of the file, as names of photos are given: relative to the root."""
        try:
            return self.path.parent.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return "."

    def leave_out(self, count: int, what: str) -> None:
        """Warns of what is left out of a file, if anything is."""
        if count:
            warnings.warn(f"{self.path}: {count} {what}; they are left out", stacklevel=3)

    def face(
        self,
        where: str,
        photo: str,
        points: NDArray[np.float64],
        visible: NDArray[np.uint8] | None,
        box: NDArray[np.float64] | None = None,
        **more: Any,  # noqa: ANN401
    ) -> Face:
        """A face of its split, from points (L, 2) and a box (4,) as they stand in the file."""
        given: dict[str, Any] = {"split": self.split, "validation": self.validation} | more
        return Face(
            photo=photo,
            landmarks=points - self.first_pixel,
            where=where,
            box=None if box is None else box - self.first_pixel,
            visible=visible,
            **given,
        )


class Photos:
    """Finds a listing's photos under the root.

    The first photo decides: all are looked for in the folder where that one was found.

    Args:
        root: The dataset's folder.
        folders: Folders under it that may hold the photos, the likeliest first; some may not
            exist.
    """

    def __init__(self, root: Path, folders: Sequence[str]) -> None:
        self.root = root
        paths = dict.fromkeys(posixpath.normpath(folder) for folder in folders)
        self._folders = [path for path in paths if (root / path).is_dir()] or ["."]
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """A photo's path relative to the root, with forward slashes.

        Raises:
            MissingPhotoError: It does not exist.
            UserError: A name that can't be a photo's.
        """
        if name not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            plain = name.removeprefix(f"{self.root}/")
            names = [plain, plain.replace("\\", "/")] if "\\" in plain else [plain]  # of Windows
            places: dict[str, str] = {}
            for folder in self._folders:
                for spelled in names:
                    photo = posixpath.normpath(posixpath.join(folder, spelled)) if spelled else ""
                    places.setdefault(photo, folder)
            self._known[name] = first_found(self.root, places)
            self._folders = [places[self._known[name]]]
        return self._known[name]


class Rows:
    """The rows of a table in text; iterating gives each line's number and its cells.

    Tables are as spreadsheets, pandas and R write them: cells separated by commas, semicolons or
    tabs, in UTF-8, with a byte order mark or without, or in UTF-16 with one. A row is a line: a
    quote that is not closed spoils its own line only.

    A line that can't be taken apart gives the reason, a text, in place of its cells. Lines without
    any content are left out.

    Args:
        path: The file.

    Attributes:
        start: The first line.
        separator: What separates the cells, as the first line shows it.

    Raises:
        UserError: A file that is empty or no text in UTF-8 or UTF-16.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            start = file.read(4)
        found = [encoding for mark, encoding in _MARKS.items() if start.startswith(mark)]
        self._encoding = found[0] if found else "utf-8-sig"
        if not found and b"\0" in start:
            raise UserError(f"{path} is no text in UTF-8; {_SAVE}")
        _, self.start = next(self._lines(), (0, ""))
        told = re.fullmatch(rf"sep=([{SEPARATORS}])", self.start.strip(" \n"))  # a line of Excel's
        self._first = 2 if told else 1
        bare = re.sub(r'"[^"]*"', "", self.start)
        self.separator = told[1] if told else max(SEPARATORS, key=bare.count)

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        nothing = f'{self.separator}" \t\n'
        for number, line in self._lines():
            if number < self._first or not line.strip(nothing):
                continue
            line = line.rstrip("\n")
            if '"' not in line:
                yield number, line.split(self.separator)
                continue
            try:
                [cells] = csv.reader(
                    [line], delimiter=self.separator, strict=True, skipinitialspace=True
                )
                yield number, cells
            except csv.Error:
                yield number, "a quote in it is not closed, or a cell goes on after one"

    def _lines(self) -> Iterator[tuple[int, str]]:
        number = 0
        try:
            with self.path.open(encoding=self._encoding) as lines:
                for number, line in enumerate(lines, start=1):
                    yield number, line
        except UnicodeError as error:
            raise UserError(
                f"{self.path} is no text in {self._encoding[:6].upper().rstrip('-')} after line "
                f"{number}; {_SAVE}"
            ) from error


def fitted(cells: list[str], heading: list[str]) -> list[str]:
    """A row, cut or filled up to the length of its heading: not all lines end in as many commas.

    Raises:
        UserError: It has a filled cell beyond the heading, or lacks the cell of a named column.
    """
    longer = len(cells) - len(heading)
    if any(cell.strip() for cell in (cells[len(heading) :] or heading[len(cells) :])):
        raise UserError(f"it has {len(cells)} cells, the header {len(heading)}")
    return cells[: len(heading)] + [""] * -longer


def checked_names(path: Path, names: Sequence[object], kind: str) -> tuple[str, ...]:
    """Names of landmarks as a file has them.

    Raises:
        UserError: One that is no text, empty, unfit or there twice.
    """
    found: list[str] = []
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{path}: {kind} {len(found)} has no name")
        found.append(fit_name(name.strip(), kind))
    if twice := {name for name in found if found.count(name) > 1}:
        raise UserError(f"{path} names {kind} {min(twice)!r} twice")
    return tuple(found)


def check_count(who: str, count: int, kind: str, scheme: Scheme) -> None:
    """Checks that a file or a face has as many landmarks as the scheme.

    Raises:
        UserError: Another number; ``who`` is its subject and verb, ``kind`` what they are called.
    """
    if count != scheme.landmarks:
        raise UserError(
            f"{who} {count} {kind}, scheme {scheme.name} has {scheme.landmarks} landmarks"
        )


def order_of(path: Path, found: Sequence[str], expected: Sequence[str], kind: str) -> list[int]:
    """Places in ``found`` of the ``expected`` names; in order where either has no names.

    Raises:
        UserError: They are not the same names.
    """
    if not found or not expected:
        return list(range(len(found) or len(expected)))
    places = {name: place for place, name in enumerate(found)}
    if places.keys() != set(expected):
        odd = sorted(places.keys() ^ set(expected))[0]
        holder = path if odd in places else "the scheme, or the first file,"
        raise UserError(f"{path}: its {kind}s are not those expected: {holder} alone has {odd!r}")
    return [places[name] for name in expected]
