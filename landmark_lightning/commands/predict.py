"""landmark-predict: landmarks of the faces in photos, and how far off each may be."""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landmark_lightning.config.schema import Predict
from landmark_lightning.datasets.detectors import detector
from landmark_lightning.files import replacing
from landmark_lightning.inference.card import Card
from landmark_lightning.inference.detector import REJECTED, LandmarkDetector
from landmark_lightning.inference.photos.keeping import Keeping
from landmark_lightning.inference.photos.names import boxes_in, boxes_of, photo_names
from landmark_lightning.inference.photos.stream import Found, find_all
from landmark_lightning.inference.photos.tables import Tables, paths
from landmark_lightning.plots.overlays import overlay
from landmark_lightning.terminal import shown

SKIPPED = 3
"""The status to end with where photos could not be read."""


def run(config: Predict) -> int:
    """Predicts ``images`` and writes predictions.csv, predictions.jsonl and overlays.

    Returns:
        0, or ``SKIPPED`` where a photo could not be read.
    """
    keeping = Keeping(config.discard, config.max_error, config.max_bound)
    boxes, kind = _boxes(config.boxes)
    names = photo_names(config.images)
    warnings.filterwarnings("ignore", module="PIL")  # of broken EXIF, and of large photos
    model = LandmarkDetector.load(
        config.run,
        detector=detector(config.detector) if kind == "detector" else None,
        device=config.device,
        allow_targets=config.allow_targets,
    )
    print(f"Predicting {len(names)} photos with {config.run} (boxes={config.boxes})")
    if kind == "detector":
        model.card.detector_map()  # what it lacks is said before photos are read
        for warning in _warnings(model.card, config.detector):
            print(f"  Warning: {warning}")
    counts = {"faces": 0, "kept": 0, "rejected": 0, "empty": 0, "skipped": 0, "photos": 0}
    table, lines = paths(config.output)
    started, interrupted = time.monotonic(), False
    with (
        replacing(table) as t,
        replacing(lines) as j,
        t.open("w", encoding="utf-8", newline="") as rows,
        j.open("w", encoding="utf-8") as objects,
    ):
        tables = Tables(rows, objects, model.card.landmarks)
        found = find_all(
            model, names, boxes, kind, passes=config.passes, batch_size=config.batch_size,
            workers=config.workers or (os.cpu_count() or 1), max_pixels=config.max_pixels,
        )  # fmt: skip
        try:
            for each in tqdm(found, "predicting", len(names), unit="photo", leave=False):
                _add(each, keeping, tables, counts, config)
        except KeyboardInterrupt:
            interrupted = True
    _summarize(counts, config, time.monotonic() - started, model.card.landmarks)
    if interrupted:
        raise KeyboardInterrupt
    return SKIPPED if counts["skipped"] else 0


def _warnings(card: Card, detector: str) -> Iterator[str]:
    """What makes a detector's boxes a risk for this network, a sentence each."""
    if not card.jittered:
        yield (
            "this network was trained on crops by true boxes alone, and a detector's are others: "
            "expect about a fifth more error; train with augmentation.box_jitter=auto"
        )
    known = "" if card.calibration is None else card.calibration.found_by
    if known and known != detector:
        yield (
            f"the run knows how the boxes of {known} lie, not those of {detector}; "
            f"landmark-calibrate run=... detector={detector} measures that"
        )


def _boxes(setting: str) -> tuple[Callable[[str], str | NDArray[np.float64]], str]:
    """The boxes of a photo by its name, and which kind they are."""
    if setting in ("detector", "whole"):
        return (lambda name: setting), ("detector" if setting == "detector" else "true")
    table = Path(setting)
    known = boxes_of(table)
    return (lambda name: boxes_in(known, name, table)), "true"


def _add(
    found: Found, keeping: Keeping, tables: Tables, counts: dict[str, int], config: Predict
) -> None:
    counts["photos"] += 1
    if found.faces is None or found.grays is None:
        counts["skipped"] += 1
        tqdm.write(f"  Skipped: {shown(found.reason)}", file=sys.stderr)
        return
    faces = keeping(found.faces)
    rejected = faces.validity < REJECTED
    counts["faces"] += len(faces)
    counts["kept"] += int(faces.kept.sum())
    counts["rejected"] += int(rejected.sum())
    counts["empty"] += not len(faces)
    tables.add(found.name, faces)
    if config.draw:
        path = config.output / "overlays" / _overlay_name(found.name, counts["photos"])
        picture = overlay(
            found.grays, faces.points, faces.predicted_error, faces.kept, faces.box, rejected
        )
        with replacing(path) as temporary:
            picture.save(temporary, format="png")


def _overlay_name(name: str, number: int) -> str:
    """A file's name for the overlay of a photo: photos of several folders may share theirs."""
    stem = "".join(c if c.isalnum() or c in "-_. ()" else "_" for c in Path(name).stem)
    return f"{number:05d}-{stem[:100]}.png"


def _summarize(counts: dict[str, int], config: Predict, seconds: float, landmarks: int) -> None:
    faces, photos = counts["faces"], counts["photos"]
    share = f"{100 * counts['kept'] / (faces * landmarks):.0f}%" if faces else "none"
    print(
        f"  {faces} faces in {photos} photos, {faces / seconds:.0f} a second; {share} of their "
        f"landmarks kept"
    )
    if counts["rejected"]:
        print(f"  {counts['rejected']} faces are hardly any (validity below {REJECTED:g})")
    if counts["empty"]:
        print(f"  no face found in {counts['empty']} photos")
    if counts["skipped"]:
        print(
            f"  {counts['skipped']} photos can't be read, so they are left out (status {SKIPPED})"
        )
    written = [path.name for path in paths(config.output)] + ["overlays"] * config.draw
    print(f"Wrote {config.output}: {', '.join(written)}")
