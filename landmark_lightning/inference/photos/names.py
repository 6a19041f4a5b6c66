"""Which photos are meant, and the boxes of a table."""

import csv
import glob
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.errors import UserError
from landmark_lightning.terminal import shown

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
BOX_COLUMNS = ("box_x0", "box_y0", "box_x1", "box_y1")

Boxes = dict[str, NDArray[np.float64]]


def photo_names(images: str) -> list[str]:
    """The names of the photos that a setting means, sorted.

    Args:
        images: A file; a folder, whose photos are those of ``SUFFIXES``, also in folders below;
            a pattern with ``*``, ``?`` or ``[``, ``**`` being any folders; or ``-``: names on
            standard input, a line each.

    Raises:
        FileNotFoundError: There is no such file, or no photo.
        UserError: Standard input is no text.
    """
    if images == "-":
        try:
            lines = [line.rstrip("\r\n") for line in sys.stdin]
        except UnicodeDecodeError as error:
            raise UserError("images=-: standard input is no text in UTF-8") from error
        if not (named := [line for line in lines if line]):
            raise UserError("images=-: there are no names on standard input")
        return named
    path = Path(images)
    if path.is_dir():
        found = sorted(str(p) for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not found:
            raise FileNotFoundError(f"images={images}: no photos ({', '.join(SUFFIXES)}) in it")
        return found
    if path.exists():
        return [images]
    if glob.has_magic(images):
        if found := sorted(p for p in glob.glob(images, recursive=True) if not Path(p).is_dir()):  # noqa: PTH207
            return found
        raise FileNotFoundError(
            f"images={images}: nothing is called so; name a photo, a folder or a pattern"
        )
    raise FileNotFoundError(f"images={images} does not exist; name a photo, a folder or a pattern")


def video_name(names: Sequence[str], images: str) -> str | None:
    """The video among the names that a setting means; None: they are photos.

    Args:
        names: The names, as ``photo_names`` gives them.
        images: The setting.

    Raises:
        UserError: There are other names beside the video's.
    """
    video = next((name for name in names if Path(name).suffix.lower() in VIDEOS), None)
    if video is not None and len(names) > 1:
        raise UserError(
            f"images={images} means {len(names)} files, of which {shown(video)} is a video; "
            "videos are predicted one at a time, so name one"
        )
    return video


def boxes_of(path: Path) -> Boxes:
    """The boxes of a table: for each photo (F, 4) x0, y0, x1, y1 in its pixels.

    The table is CSV with the columns ``image`` and ``BOX_COLUMNS``, a row a face; an image is
    named as in ``images=``, or relative to the table's folder.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It is no such table; the line is named.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"boxes={path} does not exist; name a CSV file, or say detector or whole"
        )
    boxes: dict[str, list[list[float]]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            lacks = [n for n in ("image", *BOX_COLUMNS) if n not in (rows.fieldnames or ())]
            if lacks:
                raise UserError(f"boxes={path}: the header has no column {lacks[0]!r}")
            for row in rows:
                try:
                    box = [float(row[name]) for name in BOX_COLUMNS]
                except (TypeError, ValueError):
                    box = []
                if not box or not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
                    raise UserError(
                        f"boxes={path} line {rows.line_num}: {', '.join(BOX_COLUMNS)} must be "
                        "numbers with x0 < x1 and y0 < y1"
                    )
                boxes[row["image"].strip()].append(box)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"boxes={path} is no CSV text in UTF-8") from error
    return {name: np.array(rows) for name, rows in boxes.items()}


def boxes_in(boxes: Boxes, name: str, table: Path) -> NDArray[np.float64]:
    """The boxes (F, 4) of a photo; none where the table does not name it."""
    names = [name, Path(name).name]
    if Path(name).is_relative_to(table.parent):
        names.insert(1, Path(name).relative_to(table.parent).as_posix())
    return next((boxes[each] for each in names if each in boxes), np.empty((0, 4)))
