"""Your own data: a folder with photos and one table, ``landmarks.csv``.

Columns, in any order: ``image`` (path under the folder), ``split`` (train or test), and ``x0``,
``y0``, ``x1``, ``y1``, ... in pixels of the photo. Optional: ``subset`` (several separated by
``;``), ``group`` (faces of one person or video, kept together when a validation set is taken
out), and ``box_x0``, ``box_y0``, ``box_x1``, ``box_y1`` (the face's box, for
dataset.boxes=provided).
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.data.face import SPLITS, Face, Rejection
from landmark_lightning.data.photos import photo_path
from landmark_lightning.schemes import Scheme

BOX_COLUMNS = ["box_x0", "box_y0", "box_x1", "box_y1"]


def read(
    root: Path | None, scheme: Scheme, *, table: str = "landmarks.csv"
) -> Iterator[Face | Rejection]:
    """Reads a table of landmarks; every row is checked before the first face is given.

    Args:
        root: The folder.
        scheme: The scheme of its landmarks.
        table: The table's name inside the folder.

    Returns:
        The faces in the table's order; a row that can't be used is a Rejection.

    Raises:
        ValueError: A table that as a whole can't be used: missing, without the needed columns, or
            with another number of landmarks than the scheme's.
    """
    if root is None:
        raise ValueError(
            "dataset.root is not given; pass dataset.root=<folder with landmarks.csv>"
        )
    path = root / table
    if not path.is_file():
        raise ValueError(f"{path} does not exist; dataset.root must be a folder with {table}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.reader(lines)
            header = next(rows, [])
            columns = _columns(path, header, scheme)
            faces = [
                _face(root, f"{path} line {rows.line_num}", row, header, columns)
                for row in rows
                if row
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV text in UTF-8 ({error})") from error
    return iter(faces)


def _columns(path: Path, header: list[str], scheme: Scheme) -> dict[str, int]:
    """The place of each column, after checking that those needed are there."""
    columns = {name.strip(): place for place, name in enumerate(header)}
    if len(columns) != len(header):
        raise ValueError(f"{path}: the header names a column twice")
    for name in ("image", "split"):
        if name not in columns:
            raise ValueError(f"{path}: the header has no column {name!r}")
    landmarks = 0
    while f"x{landmarks}" in columns and f"y{landmarks}" in columns:
        landmarks += 1
    odd = [n for n in columns if n[:1] in "xy" and n[1:].isdigit() and int(n[1:]) >= landmarks]
    if landmarks != scheme.landmarks or odd:
        raise ValueError(
            f"{path}: the header has {landmarks} landmarks (x0, y0, ...), scheme {scheme.name} "
            f"needs {scheme.landmarks}"
        )
    boxes = [name for name in BOX_COLUMNS if name in columns]
    if boxes and boxes != BOX_COLUMNS:
        raise ValueError(f"{path}: a box needs all of the columns {', '.join(BOX_COLUMNS)}")
    known = {"image", "split", "subset", "group", *BOX_COLUMNS}
    known |= {f"{axis}{i}" for i in range(landmarks) for axis in "xy"}
    if unknown := sorted(set(columns) - known):
        raise ValueError(f"{path}: column {unknown[0]!r} is unknown")
    return columns


def _face(
    root: Path, where: str, row: list[str], header: list[str], columns: dict[str, int]
) -> Face | Rejection:
    """One row as a face, or why it is none."""
    if len(row) != len(header):
        return Rejection(where, f"it has {len(row)} cells, the header {len(header)}")
    cells = {name: row[place].strip() for name, place in columns.items()}
    if cells["split"] not in SPLITS:
        return Rejection(where, f"split is {cells['split']!r}, not train or test")
    landmarks = sum(name[:1] == "x" and name[1:].isdigit() for name in columns)
    try:
        photo_path(root, cells["image"])
        points = _numbers(cells, [f"{axis}{i}" for i in range(landmarks) for axis in "xy"])
        box = None
        if "box_x0" in columns and any(cells[name] for name in BOX_COLUMNS):
            box = _numbers(cells, BOX_COLUMNS)
            if not (box[2] > box[0] and box[3] > box[1]):
                raise ValueError(f"its box {box.tolist()} is not x0 < x1, y0 < y1")
    except ValueError as error:
        return Rejection(where, str(error))
    subsets = tuple(s.strip() for s in cells.get("subset", "").split(";") if s.strip())
    if "full" in subsets:
        return Rejection(where, "subset 'full' is taken: it names all faces")
    return Face(
        photo=cells["image"],
        split=cells["split"],
        landmarks=points.reshape(-1, 2),
        where=where,
        subsets=subsets,
        group=cells.get("group", ""),
        box=box,
    )


def _numbers(cells: dict[str, str], names: list[str]) -> NDArray[np.float64]:
    """The named cells as finite numbers."""
    values = []
    for name in names:
        try:
            value = float(cells[name])
        except ValueError:
            raise ValueError(f"{name} is {cells[name]!r}, not a number") from None
        if not np.isfinite(value):
            raise ValueError(f"{name} is {cells[name]!r}, not a finite number")
        values.append(value)
    return np.array(values)
