"""Your own data: a folder with photos and one table, ``landmarks.csv``.

Columns, in any order: ``image`` (path under the folder), ``split`` (train, val or test), and
``x0``, ``y0``, ``x1``, ``y1``, ... in pixels of the photo; both blank or ``nan`` where a landmark
is not labelled. Optional: ``v0``, ``v1``, ... (0 not labelled, 1 labelled though something covers
it, 2 visible), ``subset`` (several separated by ``;``), ``group`` (faces of one person or video,
kept together when a validation set is taken out), and ``box_x0``, ``box_y0``, ``box_x1``,
``box_y1`` (the face's box, for dataset.boxes=provided). A column of any other name whose cells are
0 or 1, true or false is a subset of that name.
"""

import math
import re
from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import (
    COVERED,
    NOT_LABELLED,
    SPLITS,
    VISIBLE,
    Face,
    Rejection,
    fit_name,
)
from landmark_lightning.datasets.sources.checks import labelled, number, ordered_box, rejected
from landmark_lightning.datasets.sources.listing import Listed, Listing, Photos, Rows, fitted
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

BOX_COLUMNS = ["box_x0", "box_y0", "box_x1", "box_y1"]
BY_PLACE = 3
CODES = {"0": NOT_LABELLED, "1": COVERED, "2": VISIBLE, "": BY_PLACE}
CODES |= {f"{cell}.0": code for cell, code in CODES.items() if cell}
"""Cells of v0, v1, ... and what they mean; ``BY_PLACE``: what the coordinates say."""

FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
FLAGS[""] = False
UNLABELLED = ("", "nan", "na", "<na>")
UNSAID = "leave its cells blank or give it v=0"

_UNNAMED = re.compile(r"(Unnamed: \d+(\.\d+)?)?")  # as pandas calls a column without a name
_OTHER_FORMATS = {r"scorer\W": "dlc", r"\s*[\[{]": "coco", r"\s*<": "dlib"}


def read_listing(listing: Listing, scheme: Scheme) -> Listed:
    """The faces of a table; where it is that of one split, it needs no column ``split``."""
    rows = Rows(listing.path)
    for start, other in _OTHER_FORMATS.items():
        if re.match(start, rows.start):
            raise UserError(
                f"{listing.path} is no table with a heading row; pass "
                f"dataset.source.format={other}"
            )
    faces = Listed()
    table: _Table | None = None
    for line, cells in rows:
        where = f"{listing.path} line {line}"
        if table is None:
            if isinstance(cells, str):
                raise UserError(f"{where}: {cells}")
            table = _Table(listing, cells, rows.separator, scheme)
        elif isinstance(cells, str):
            faces.append(Rejection(where, cells, listing.split))
        else:
            faces.append(table.face(where, cells))
    if table is None:
        raise UserError(f"{listing.path} is empty")
    if len(table.decimals) > 1:
        both = " and ".join(repr(cell[:40]) for cell in table.decimals.values())
        raise UserError(f"{listing.path} writes numbers as {both}; use one decimal mark")
    return faces


class _Table:
    """The columns of a table, checked, and how its rows become faces."""

    def __init__(
        self, listing: Listing, header: Sequence[str], separator: str, scheme: Scheme
    ) -> None:
        self.path, self.listing = listing.path, listing
        self.header = [name.strip() for name in header]
        self.unnamed = [i for i, n in enumerate(self.header) if _UNNAMED.fullmatch(n)]
        named = [n for i, n in enumerate(self.header) if i not in self.unnamed]
        self.columns = {name: self.header.index(name) for name in named}
        if len(self.columns) != len(named):
            raise UserError(f"{self.path}: the header names a column twice")
        for name in ("image", "split"):
            if name not in self.columns and (name == "image" or not listing.split):
                raise UserError(
                    f"{self.path}: the header has no column {name!r}"
                    + ("" if named[1:] else "; separate columns by commas, semicolons or tabs")
                )
        self.landmarks = self._count(scheme)
        self.points = [f"{axis}{i}" for i in range(self.landmarks) for axis in "xy"]
        self.visible = [f"v{i}" for i in range(self.landmarks) if f"v{i}" in self.columns]
        if self.visible and len(self.visible) != self.landmarks:
            lacks = next(i for i in range(self.landmarks) if f"v{i}" not in self.columns)
            raise UserError(f"{self.path}: the header has {self.visible[0]}, but no v{lacks}")
        boxes = [name for name in BOX_COLUMNS if name in self.columns]
        if boxes and boxes != BOX_COLUMNS:
            raise UserError(
                f"{self.path}: a box needs all of the columns {', '.join(BOX_COLUMNS)}"
            )
        known = {"image", "split", "subset", "group", *boxes, *self.points, *self.visible}
        self.flags = [name for name in self.columns if name not in known]
        if "full" in self.flags:
            raise UserError(f"{self.path}: subset 'full' is taken: it names all faces")
        self.pick = itemgetter(*(self.columns[name] for name in self.points))
        self.photos = Photos(listing.root, ["."])
        self.commas = separator != ","  # numbers may have a decimal comma
        self.decimals: dict[str, str] = {}  # a number by the decimal mark that it has

    def _count(self, scheme: Scheme) -> int:
        landmarks = 0
        while f"x{landmarks}" in self.columns and f"y{landmarks}" in self.columns:
            landmarks += 1
        numbered = re.compile(r"[xyv]([0-9]+)")
        odd = [n for n in self.columns if (m := numbered.fullmatch(n)) and int(m[1]) >= landmarks]
        if landmarks != scheme.landmarks or odd:
            raise UserError(
                f"{self.path}: the header has {landmarks} landmarks (x0, y0, ...), scheme "
                f"{scheme.name} needs {scheme.landmarks}"
            )
        return landmarks

    def face(self, where: str, row: list[str]) -> Face | Rejection:
        """One row as a face, or why it is none.

        Raises:
            UserError: A cell that shows that a column is not what the header says.
        """
        try:
            row = fitted(row, self.header)
        except ValueError as error:
            return Rejection(where, str(error), self.listing.split)
        for place in self.unnamed:
            if row[place].strip() and not row[place].strip().isdigit():  # as pandas counts rows
                raise UserError(f"{where}: {row[place][:40]!r} is in a column without a name")
        own = {name: self._flag(where, name, row[self.columns[name]]) for name in self.flags}
        split, photo = self.listing.split, row[self.columns["image"]].strip()
        try:
            split, validation = self._split(row)
            photo = self.photos(photo)
            points = self._points(row)
            visible = self._visible(row, points) if self.visible else None
            points, visible = labelled(points, visible, UNSAID)
            box = self._box(row)
            subsets = tuple(s.strip() for s in self._cell(row, "subset").split(";") if s.strip())
            for name in subsets:
                if name == "full":
                    raise UserError("subset 'full' is taken: it names all faces")
                fit_name(name, "subset")
            group = fit_name(self._cell(row, "group"), "group")
            subsets += tuple(name for name, flag in own.items() if flag and name not in subsets)
            kept = {"split": split, "validation": validation, "subsets": subsets, "group": group}
            return self.listing.face(where, photo, points, visible, box, **kept)
        except ValueError as error:
            return rejected(where, error, split, photo)

    def _cell(self, row: list[str], name: str) -> str:
        return row[self.columns[name]].strip() if name in self.columns else ""

    def _flag(self, where: str, name: str, cell: str) -> bool:
        flag = FLAGS.get(cell.strip().lower())
        if flag is None:
            raise UserError(
                f"{self.path}: column {name!r} is unknown; as a subset its cells must be 0 or 1, "
                f"{where.removeprefix(str(self.path)).strip()} has {cell.strip()[:40]!r}"
            )
        return flag

    def _split(self, row: list[str]) -> tuple[str, bool]:
        """A row's split, and whether it belongs to the validation set."""
        of_file, cell = self.listing.split, self._cell(row, "split")
        if of_file and "split" not in self.columns:
            return of_file, self.listing.validation
        if cell not in (*SPLITS, "val"):
            raise UserError(f"split is {cell[:40]!r}, not train, val or test")
        split = "train" if cell == "val" else cell
        if of_file and split != of_file:
            raise UserError(f"split is {cell}, but the table is given as that of {of_file}")
        return split, cell == "val" or self.listing.validation

    def _points(self, row: list[str]) -> NDArray[np.float64]:
        """The coordinates (L, 2), NaN where a cell is blank or says so."""
        cells: tuple[str, ...] = self.pick(row)
        try:
            values = [float(cell) if cell else math.nan for cell in cells]
            if self.commas and "." not in self.decimals:
                self.decimals.update((".", cell) for cell in cells if "." in cell)
        except ValueError:
            pairs = zip(self.points, cells, strict=True)
            values = [self._number(cell, name) for name, cell in pairs]
        array = np.array(values)
        if np.isinf(array).any():
            name = self.points[int(np.isinf(array).argmax())]
            raise UserError(f"{name} is {row[self.columns[name]]!r}, not a finite number")
        return array.reshape(-1, 2)

    def _number(self, cell: str, name: str) -> float:
        """A number; NaN if it says that there is none."""
        cell = cell.strip()
        if cell.lower() in UNLABELLED:
            return math.nan
        if not self.commas:
            return number(cell, name)
        self.decimals.update((mark, cell) for mark in ",." if mark in cell)
        return number(cell.replace(",", "."), name)

    def _visible(self, row: list[str], points: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(L,) 0, 1 or 2; a blank cell counts as the coordinates say."""
        codes = []
        for name in self.visible:
            code = CODES.get(row[self.columns[name]].strip())
            if code is None:
                raise UserError(f"{name} is {self._cell(row, name)[:40]!r}, not 0, 1 or 2")
            codes.append(code)
        visible = np.array(codes, dtype=np.uint8)
        by_place = np.where(np.isnan(points).all(axis=1), NOT_LABELLED, VISIBLE)
        return np.where(visible == BY_PLACE, by_place, visible).astype(np.uint8)

    def _box(self, row: list[str]) -> NDArray[np.float64] | None:
        if not any(self._cell(row, name) for name in BOX_COLUMNS):
            return None
        return ordered_box([self._number(self._cell(row, name), name) for name in BOX_COLUMNS])
