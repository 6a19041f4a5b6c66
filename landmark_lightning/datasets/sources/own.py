"""Your own data: a table, or keypoints as COCO, dlib, 300W and DeepLabCut write them.

The rows of a table say which faces are for training. The other formats don't: ``train``,
``validation`` and ``test`` name a file each, or for pts a folder; so they may for tables.
"""

import os
import posixpath
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from landmark_lightning.config.limits import between, one_of, or_null
from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import coco, dlc, dlib, pts
from landmark_lightning.datasets.sources import table as tables
from landmark_lightning.datasets.sources.listing import Listed, Listing
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme

NAMING = {"coco": coco, "dlib": dlib, "dlc": dlc}
"""The formats whose landmarks may have names."""

NAMELESS = {"table": tables, "pts": pts}
TABLE = "landmarks.csv"
FORMATS = ("table", "coco", "dlib", "pts", "dlc")

GROUPS = one_of("folder", "none", None)

LARGEST_GROUP = 0.2
"""Share of the training faces; a larger group leaves no way to take out a tenth for validation."""


def read(
    root: Path | None,
    scheme: Scheme,
    *,
    format: str = "table",
    table: str = TABLE,
    train: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    first_pixel: float | None = None,
    groups: str | None = None,
) -> Iterable[Face | Rejection]:
    """Reads faces of one's own; every annotation is checked before the first face is given.

    Args:
        root: The dataset's folder; the photos lie under it.
        scheme: The scheme of the landmarks. Names of its landmarks and of the files' must be the
            same, in any order; where either has none, the order counts.
        format: One of ``FORMATS``.
        table: The table in the folder; not read where ``train`` or ``test`` are given.
        train: The file of the training faces (pts: their folder), relative to ``root``.
        validation: The same of the validation set.
        test: The same of the test faces.
        first_pixel: What the coordinates call the centre of the first pixel; None: 1 for pts, as
            the authors of 300W and 300VW do, and 0 for the others.
        groups: ``folder`` makes a group of the faces of each folder that have none, such as the
            frames of a video; ``none`` doesn't. None: as ``folder`` for dlc where no folder holds
            more than ``LARGEST_GROUP`` of the training faces, else as ``none``.

    Returns:
        The faces file by file, in their order; one that can't be used is a Rejection.

    Raises:
        UserError: A setting or a file that as a whole can't be used.
    """
    GROUPS.check(groups, "dataset.source.groups")
    listings = _listings(root, format, table, train, validation, test, first_pixel)
    faces = Listed()
    expected: Sequence[str] = scheme.names
    for listing in listings:
        if format in NAMELESS:
            faces += NAMELESS[format].read_listing(listing, scheme)
        else:
            names, found = NAMING[format].read_listing(listing, scheme, expected)
            expected = expected or names
            faces += found
    return _grouped(faces, format, groups)


def check_source(
    root: Path | None,
    scheme: Scheme | None,
    *,
    groups: str | None = None,
    **settings: Any,  # noqa: ANN401
) -> None:
    """Checks the arguments of ``read``, and that there are the files to read; without a root less.

    Raises:
        UserError: As ``read``.
    """
    GROUPS.check(groups, "dataset.source.groups")
    if root is None:
        _check_form(settings.get("format", "table"), settings.get("first_pixel"))
    else:
        _listings(root, **settings)


def annotations(root: Path, **settings: object) -> list[str]:
    """Names under the root of the files that decide which faces there are, and their landmarks.

    ``settings`` are those of ``read``.
    """
    given = (settings.get(name) for name in ("train", "validation", "test"))
    named = [str(name) for name in given if name is not None]
    named = named or [str(settings.get("table", TABLE))]
    if settings.get("format") != "pts":
        return named
    files = (path for name in named for path in pts.point_files(root / name))
    return [Path(os.path.relpath(path, root)).as_posix() for path in files]


def landmark_names(
    root: Path | None,
    *,
    groups: str | None = None,
    **settings: Any,  # noqa: ANN401
) -> tuple[str, ...]:
    """The names that the files give their landmarks, in the first one's order; empty: none.

    Args: as ``read``.

    Raises:
        UserError: A setting or a file that can't be used.
    """
    first = _listings(root, **settings)[0]
    form = NAMING.get(settings.get("format", "table"))
    return form.landmark_names(first.path) if form else ()


def _grouped(faces: Listed, format: str, groups: str | None) -> Listed:
    """The faces, those of a folder in a group where that is asked for or known to be right."""
    if groups == "none" or (groups is None and format != "dlc"):
        return faces
    folders = Counter(
        posixpath.dirname(face.photo)
        for face in faces
        if isinstance(face, Face) and face.split == "train"
    )
    given = any(isinstance(face, Face) and face.validation for face in faces)
    large = max(folders.values(), default=0) > LARGEST_GROUP * folders.total()
    if groups is None and large and not given:
        warnings.warn(
            f"the training frames lie in {len(folders)} folders, too few to keep those of a video "
            "together: the validation frames will be of the same videos; dataset.source."
            "validation=<file> names others",
            stacklevel=3,
        )
        return faces
    return Listed(
        replace(face, group=posixpath.dirname(face.photo))
        if isinstance(face, Face) and not face.group
        else face
        for face in faces
    )


def _listings(
    root: Path | None,
    format: str = "table",
    table: str = TABLE,
    train: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    first_pixel: float | None = None,
) -> list[Listing]:
    """What is to be read, training faces first; a setting that makes no sense is an error."""
    _check_form(format, first_pixel)
    if first_pixel is None:
        first_pixel = 1.0 if format == "pts" else 0.0
    if root is None:
        raise UserError("dataset.root is not given; pass dataset.root=<folder of the photos>")
    requested = {"train": train, "validation": validation, "test": test}
    named = {key: root / str(name) for key, name in requested.items() if name is not None}
    kind = "folder" if format == "pts" else "file"
    if not named and format != "table":
        raise UserError(
            f"dataset.source.format={format} needs dataset.source.train=<{kind}> and "
            f"dataset.source.test=<{kind}>, or one of them"
        )
    for key, path in named.items():
        if not (path.is_dir() if kind == "folder" else path.is_file()):
            raise UserError(
                f"dataset.source.{key}: {path} is no {kind}; name it relative to {root}"
            )
    if len({path.resolve() for path in named.values()}) < len(named):
        raise UserError(f"dataset.source.{' and '.join(named)} are the same {kind}")
    if not named:
        path = root / str(table)
        if not path.is_file():
            raise UserError(f"{path} does not exist; dataset.root must be a folder with {table}")
        return [Listing(root, path, first_pixel=first_pixel)]
    return [
        Listing(root, path, "test" if key == "test" else "train", key == "validation", first_pixel)
        for key, path in named.items()
    ]


def _check_form(format: object, first_pixel: object) -> None:
    """Checks the settings that no file is needed for."""
    one_of(*FORMATS).check(format, "dataset.source.format")
    or_null(between(0, 1)).check(first_pixel, "dataset.source.first_pixel")
