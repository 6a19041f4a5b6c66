"""Preparing: from the faces of a source to a FaceFile, photos decoded in parallel."""

import os
from collections import Counter, deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import islice
from operator import length_hint
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from tqdm import tqdm

from landmark_lightning import hdf5
from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.datasets.detectors import Detect
from landmark_lightning.datasets.face import SPLITS, Face, Rejection
from landmark_lightning.datasets.facefile import CropRule, Description, Origin
from landmark_lightning.datasets.facefile_arrays import (
    OPTIONAL,
    SCHEMA,
    digests,
    row_shapes,
    seal_of,
)
from landmark_lightning.datasets.photos import Reading
from landmark_lightning.datasets.preparation.cropping import CroppedFaces, Cropper
from landmark_lightning.datasets.preparation.origins import photos_digest
from landmark_lightning.datasets.preparation.writer import SplitWriter
from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing
from landmark_lightning.schemes import Scheme

BLOCK = 32
"""Faces that a thread crops in one go."""

NAMED_REJECTIONS = 3
"""How many rejections are named by the error that there are too many."""


@dataclass
class Preparation:
    """What preparing found.

    Attributes:
        faces: Number of faces by split.
        subsets: Names of their subsets.
        measured: Number of faces by split that have the normalizer that tables lead with: the
            landmarks that it needs are labelled, and it is long enough to divide by.
        detected: Number of faces by split that have a detector's box.
        rejections: The faces left out.
        deep: Number of faces whose photo has grays of 16 bits, by ``Photo.deep``.
    """

    faces: Counter[str] = field(default_factory=Counter)
    subsets: set[str] = field(default_factory=set)
    measured: Counter[str] = field(default_factory=Counter)
    detected: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    deep: Counter[int] = field(default_factory=Counter)


def prepare(
    faces: Iterable[Face | Rejection],
    path: Path,
    *,
    name: str,
    root: Path | None,
    scheme: Scheme,
    normalizer: str | None,
    crop: CropRule,
    subsets: tuple[str, ...] | None = None,
    strict: bool = True,
    max_rejected: int | None = None,
    workers: int | None = None,
    settings: Mapping[str, Any] | None = None,
    reading: Reading | None = None,
    detect: Detect | None = None,
    notes: Sequence[str] = (),
    origin: Origin | None = None,
) -> Preparation:
    """Crops faces and writes them to a FaceFile, which appears only when it is whole.

    Args:
        faces: Faces and rejections, as a source reads them.
        path: The FaceFile to write.
        name: The dataset's name.
        root: Folder of the photos; None for a source that renders them.
        scheme: The landmark scheme.
        normalizer: Name of the normalizer that tables lead with; None: the scheme's first.
        crop: The crop rule.
        subsets: Names of the subsets in order; None: those found, sorted.
        strict: Whether the first unusable face is an error; otherwise they are left out and
            counted. Only where ``max_rejected`` is None.
        max_rejected: How many unusable faces may be left out; more are an error that counts them.
        workers: Threads that decode and crop photos; None: one a core. The file is the same
            however many there are.
        settings: The dataset's settings, kept in the file for comparison.
        reading: How the photos are read; None: as stored, none outside the root.
        detect: Finds faces in the photos, whose boxes are kept; None: the source's, if it has any.
        notes: What was found out about the photos already, kept in the file.
        origin: What the faces were read from, kept in the file; its ``photos`` are found here.

    Raises:
        UserError: An unusable face (strict) or too many, no face at all, a split of which no face
            can be used, a normalizer the scheme lacks, or a number out of range.
    """
    check(schema.Dataset, max_rejected=max_rejected)
    check(schema.Prepare, workers=workers)
    if normalizer is None:
        normalizer = next(iter(scheme.normalizers))
    elif normalizer not in scheme.normalizers:
        raise UserError(
            f"normalizer={normalizer!r} is unknown to scheme {scheme.name}; choose from "
            f"{', '.join(scheme.normalizers)}"
        )
    normalizers = (normalizer, *(n for n in scheme.normalizers if n != normalizer))
    cropper = Cropper(root, scheme, crop, normalizers, reading or Reading(), detect)
    done = Preparation()
    with replacing(path) as temporary, hdf5.created(temporary, path) as file:
        hdf5.check_room(path, length_hint(faces) * crop.side**2)
        shapes = row_shapes(scheme, len(normalizers), 0, crop.side)
        writers = {split: SplitWriter(file.create_group(split), shapes) for split in SPLITS}
        with closing(cropped_blocks(faces, cropper, workers or cores())) as blocks:
            for block in blocks:
                done.rejections += block.rejections
                done.deep += block.deep
                if done.rejections and strict and max_rejected is None:
                    raise UserError(
                        f"{done.rejections[0]}; mend it, or pass dataset.strict=false to leave "
                        "such faces out"
                    )
                for split, writer in writers.items():
                    writer.add(block, split)
                for i, face in enumerate(block.faces):
                    done.faces[face.split] += 1
                    done.subsets.update(face.subsets)
                    done.measured[face.split] += bool(block.rows["normalizer"][i, 0] > 0)
                    done.detected[face.split] += bool(block.rows["detector_box"][i, 0] > -np.inf)
        _check_counts(done, name, root, max_rejected, normalizer)
        if subsets is not None and (unknown := done.subsets - set(subsets)):
            raise UserError(
                f"dataset {name} names subset {min(unknown)!r}, which is not one of dataset."
                f"subsets={list(subsets)}"
            )
        names = tuple(sorted(done.subsets)) if subsets is None else subsets
        for writer in writers.values():
            writer.finish(names, () if done.detected.total() else OPTIONAL)
        photos = None
        if root is not None:
            photos = photos_digest(root, (name for w in writers.values() for name in w.photos()))
        described = Description(
            name,
            scheme,
            normalizers,
            names,
            crop,
            settings or {},
            (*notes, *_scaled(done.deep)),
            replace(origin or Origin(), photos=photos),
            version("landmark-lightning"),
        )
        file.attrs["schema"] = SCHEMA
        file.attrs["described"] = described.to_json()
        file.attrs.update(digests(file)._asdict())
        file.attrs["seal"] = seal_of(file)
    return done


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cropped_blocks(
    faces: Iterable[Face | Rejection], cropper: Cropper, workers: int
) -> Generator[CroppedFaces]:
    """Crops faces in blocks with several threads, and gives the blocks in the faces' order.

    Threads are enough, since Pillow decodes and resizes without Python's lock. Few blocks wait at
    any moment, and what a block holds does not depend on the number of threads.
    """
    stop, waiting = Event(), deque[Future[CroppedFaces]]()
    source, count = iter(faces), length_hint(faces)
    pool = ThreadPoolExecutor(workers, "cropping")
    with tqdm(total=count or None, desc="preparing", unit="face", mininterval=1.0) as shown:
        try:
            while (block := list(islice(source, BLOCK))) or waiting:
                if block:
                    waiting.append(pool.submit(cropper, block, stop))
                if len(waiting) >= 2 * workers or not block:
                    cropped = waiting.popleft().result()
                    shown.update(len(cropped.faces) + len(cropped.rejections))
                    yield cropped
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _scaled(deep: Counter[int]) -> list[str]:
    """Says, in a sentence or none, how grays of 16 bits became 8."""
    if not deep:
        return []
    counts = ", ".join(f"{bits} bits for {count} faces" for bits, count in sorted(deep.items()))
    return [
        f"{deep.total()} faces have photos of 16-bit gray, scaled to 8 bits by the full range of "
        f"the 8, 12 or 16 bits that hold a photo's values: {counts}"
    ]


def _check_counts(
    done: Preparation, name: str, root: Path | None, max_rejected: int | None, normalizer: str
) -> None:
    """Checks that not too many faces were left out, and that each split has some to measure.

    A split that the source has no faces of is empty; one whose faces were all left out is not.

    Raises:
        UserError: More were left out, all of a split, or none can be measured.
    """
    rejected = len(done.rejections)
    if max_rejected is not None and rejected > max_rejected:
        raise UserError(
            f"dataset {name}: {rejected} faces can't be used, more than dataset.max_rejected="
            f"{max_rejected}{_such(done.rejections)}"
        )
    if not done.faces.total():
        raise UserError(
            f"dataset {name} has no faces"
            + (f" under {root}" if root else "")
            + (f": {rejected} were left out{_such(done.rejections)}" if rejected else "")
        )
    for split in SPLITS:
        of_split = [rejection for rejection in done.rejections if rejection.split == split]
        if of_split and not done.faces[split]:
            raise UserError(
                f"dataset {name}: all {len(of_split)} faces of split {split!r} were left out"
                + _such(of_split)
            )
        if done.faces[split] and not done.measured[split]:
            raise UserError(
                f"dataset {name}: no face of {split} has a usable {normalizer}, since landmarks "
                "that it needs are not labelled or it is close to 0; choose another one by "
                "dataset.normalizer"
            )


def _such(rejections: Sequence[Rejection]) -> str:
    """The first few rejections, to end a sentence with."""
    return f", such as {'; '.join(map(str, rejections[:NAMED_REJECTIONS]))}"
