"""Preparing a dataset by its settings: source, protocol, progress and summary."""

import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Dataset
from landmark_lightning.datasets.detectors import detector
from landmark_lightning.datasets.face import COVERED, NOT_LABELLED, SPLITS
from landmark_lightning.datasets.face_list import FaceList, listed
from landmark_lightning.datasets.facefile import (
    RENDERED_MARK,
    CropRule,
    FaceFile,
    FaceSplit,
    Origin,
)
from landmark_lightning.datasets.photos import Reading
from landmark_lightning.datasets.preparation.leaks import leaks, same_groups
from landmark_lightning.datasets.preparation.orientation import find_orientation
from landmark_lightning.datasets.preparation.origins import annotations_digest
from landmark_lightning.datasets.preparation.prepare import Preparation, cores, prepare
from landmark_lightning.datasets.preparation.prepared import facefile_path, kept_settings
from landmark_lightning.datasets.preparation.protocol import Protocol
from landmark_lightning.datasets.preparation.settings import check_dataset
from landmark_lightning.datasets.preparation.source import beside, function_beside, scheme_of
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import scheme_setting
from landmark_lightning.terminal import shown

SHOWN_REJECTIONS = 10
ALONE = {
    "train": "other runs can be tested on it, none can be trained",
    "test": "a run on it ends with the figures of its validation faces",
}
"""What follows where a split has no faces."""


def prepare_dataset(
    dataset: Dataset, data_dir: Path, allow_targets: Iterable[str] = (), workers: int | None = None
) -> FaceFile:
    """Prepares a dataset, with progress and a summary.

    Args:
        dataset: Its settings.
        data_dir: Folder of the FaceFiles.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.
        workers: Threads that decode photos; None: one a core.

    Returns:
        The FaceFile.

    Raises:
        UserError: A setting or a face that can't be used.
    """
    path = facefile_path(dataset, data_dir)
    crop = CropRule(boxes=dataset.boxes, **plain(dataset.crop))
    read, root = check_dataset(dataset, allow_targets, reading=True), dataset.root
    assert read is not None
    requested = dataset.protocol
    protocol = None if requested is None else Protocol.from_settings(requested)
    name = dataset.detector
    detect = None if name is None else detector(name, "dataset.detector")
    scheme, made = scheme_of(dataset, read, root)
    print(
        f"Preparing {dataset.name} ({scheme.name}, {scheme.landmarks} landmarks) "
        f"from {root or 'rendered faces'} into {path}"
    )
    if made:
        print(made)
    # Pillow's of broken EXIF, and of photos that are large but allowed by dataset.max_pixels.
    warnings.filterwarnings("ignore", module="PIL")
    origin = Origin(rendered=bool(beside(read, "RENDERED")))
    if root is not None:
        labels = annotations_digest(root, function_beside(read, "annotations"))
        rendered = origin.rendered or (root / RENDERED_MARK).is_file()
        origin = Origin(str(root), labels, rendered=rendered)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", UserWarning)
        source = read(root, scheme)
        if protocol is not None or (dataset.exif is None and root is not None):
            source = listed(source)  # they are gone through several times
    for message in told:
        print(f"  Warning: {shown(message.message)}")
    if protocol is not None:
        _check_protocol(protocol, source, dataset)
    exif = dataset.exif
    notes = ["photos are turned as EXIF says (dataset.exif=apply)"] if exif == "apply" else []
    if exif is None and root is not None:
        found = find_orientation(source, root, workers or cores())
        if found is not None:
            exif, notes = found[0], [found[1]]
    started = time.monotonic()
    done = prepare(
        source,
        path,
        name=dataset.name,
        root=root,
        scheme=scheme,
        normalizer=dataset.normalizer,
        crop=crop,
        subsets=None if dataset.subsets is None else tuple(dataset.subsets),
        strict=dataset.strict,
        max_rejected=dataset.max_rejected,
        workers=workers,
        settings=kept_settings(dataset)
        | {
            "scheme": scheme_setting(scheme),
            "normalizer": dataset.normalizer or next(iter(scheme.normalizers)),
            "exif": exif,
        },
        reading=Reading(exif == "apply", dataset.follow_links, dataset.max_pixels),
        detect=detect,
        notes=notes,
        origin=origin,
    )
    del source
    seconds = time.monotonic() - started
    faces = FaceFile.open(path)
    print(summary(faces))
    for note in faces.notes:
        print(f"  {note}")
    splits = {split: faces.look(split) for split in SPLITS}
    for warning in (*leaks(splits), *same_groups(splits)):
        print(f"  Warning: {shown(warning)}")
    _print_rejections(done)
    count = sum(faces.faces.values())
    print(
        f"Wrote {path} ({path.stat().st_size / 1e6:.1f} MB): {count} faces in {seconds:.0f} s, "
        f"{count / seconds:.0f} a second"
    )
    return faces


def _check_protocol(protocol: Protocol, faces: FaceList, dataset: Dataset) -> None:
    """Says what differs from the protocol; if strict, as an error before anything is written."""
    if different := protocol.differences(faces, dataset.max_rejected is not None):
        what = f"{dataset.name} under {dataset.root}"
        message = f"{what} is not as its protocol says: {'; '.join(different)}"
        if dataset.strict:
            raise UserError(
                f"{message}; mend it, or pass dataset.protocol=null to prepare a part on purpose, "
                "or dataset.strict=false to prepare what is there"
            )
        print(f"  Warning: {shown(message)}")
    for remark in protocol.remarks(faces):
        print(f"  Warning: {shown(remark)}")


def summary(faces: FaceFile) -> str:
    """A FaceFile's faces by split and subset, as an aligned table."""
    splits = {split: faces.read(split, images=False) for split in SPLITS}
    rows = [("", *SPLITS), ("faces", *(str(len(splits[split])) for split in SPLITS))]
    if held := int(splits["train"].validation.sum()):
        rows.append(("of them to validate", str(held), ""))
    for k, name in enumerate(faces.subsets):
        rows.append((name, *(str(splits[s].subsets[:, k].sum()) for s in SPLITS)))
    groups = {s: len({g for g in splits[s].group if g}) for s in SPLITS}
    if any(groups.values()):
        rows.append(("groups", *(str(groups[s]) for s in SPLITS)))
    width = max(len(row[0]) for row in rows)
    lines = [f"  {name:<{width}}{train:>8}{test:>8}" for name, train, test in rows]
    lines += _lacking(faces, splits)
    lines += _detected(faces, splits)
    lines.append(f"  {faces.describe()}")
    for split, consequence in ALONE.items():
        if not faces.faces[split]:
            lines.append(f"  no faces in split {split!r}: {consequence}")
    return "\n".join(lines)


def _lacking(faces: FaceFile, splits: Mapping[str, FaceSplit]) -> list[str]:
    """What is not known of the faces, a line each: landmarks, and lengths to divide errors by."""
    lines = []
    for value, words in ((NOT_LABELLED, "not labelled"), (COVERED, "labelled though covered")):
        counts = {name: int((split.visible == value).sum()) for name, split in splits.items()}
        if any(counts.values()):
            of_each = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
            lines.append(f"  landmarks {words}: {of_each}")
    for r, normalizer in enumerate(faces.normalizers):
        counts = {n: int(np.isnan(split.normalizer[:, r]).sum()) for n, split in splits.items()}
        if any(counts.values()):
            of_each = ", ".join(f"{count:,} faces of {name}" for name, count in counts.items())
            lines.append(f"  without a usable {normalizer}, left out of its figures: {of_each}")
    return lines


def _detected(faces: FaceFile, splits: Mapping[str, FaceSplit]) -> list[str]:
    """How many faces have a detector's box: one line, or none where no face has."""
    found = {n: int(np.isfinite(split.detector_box[:, 0]).sum()) for n, split in splits.items()}
    if not any(found.values()):
        return []
    train, test = (f"{found[name]:,} of {len(splits[name]):,}" for name in SPLITS)
    by = faces.settings.get("detector") or "of the source"
    return [f"  a detector's box ({by}): {train} faces of train, {test} of test"]


def _print_rejections(done: Preparation) -> None:
    if not done.rejections:
        return
    print(f"  Left out {len(done.rejections)} faces:")
    for rejection in done.rejections[:SHOWN_REJECTIONS]:
        print(f"    {shown(rejection)}")
    if len(done.rejections) > SHOWN_REJECTIONS:
        print(f"    and {len(done.rejections) - SHOWN_REJECTIONS} more")
