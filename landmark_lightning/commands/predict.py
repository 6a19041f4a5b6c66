"""landmark-predict: landmarks of the faces in photos or a video, and how far off each may be."""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landmark_lightning.config.command_schemas import Predict
from landmark_lightning.datasets.detectors import detector
from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing
from landmark_lightning.inference.card import Card
from landmark_lightning.inference.detector import REJECTED, LandmarkDetector
from landmark_lightning.inference.photos.keeping import Keeping
from landmark_lightning.inference.photos.names import boxes_in, boxes_of, photo_names, video_name
from landmark_lightning.inference.photos.stream import Found, find_all
from landmark_lightning.inference.photos.tables import Tables, paths
from landmark_lightning.inference.photos.tracking import find_in_video
from landmark_lightning.inference.photos.video import Annotated, Frame, Video
from landmark_lightning.plots.overlays import overlay
from landmark_lightning.terminal import shown

SKIPPED = 3
"""The status to end with where photos, or parts of a video, could not be read."""


def run(config: Predict) -> int:
    """Predicts ``images`` and writes predictions.csv, predictions.jsonl and overlays.

    Returns:
        0, or ``SKIPPED`` where a photo or a part of a video could not be read.
    """
    keeping = Keeping(config.discard, config.max_error, config.max_bound)
    names = photo_names(config.images)
    name = video_name(names, config.images)
    boxes, kind = _boxes(config.boxes, name)
    warnings.filterwarnings("ignore", module="PIL")  # of broken EXIF, and of large photos
    model = LandmarkDetector.load(
        config.run,
        detector=detector(config.detector) if kind == "detector" else None,
        device=config.device,
        allow_targets=config.allow_targets,
    )
    counts = dict.fromkeys(("faces", "kept", "rejected", "empty", "skipped", "photos"), 0)
    interrupted = False
    with ExitStack() as files:
        copy: Annotated | None = None
        if name is None:
            total: int | None = len(names)
            found = find_all(
                model, names, boxes, kind, passes=config.passes, batch_size=config.batch_size,
                workers=config.workers or (os.cpu_count() or 1), max_pixels=config.max_pixels,
            )  # fmt: skip
        else:
            video = files.enter_context(Video(name, model.card.gray, config.max_pixels))
            total = video.frames
            found = find_in_video(model, video, config.boxes == "whole", config.passes)
            if config.draw:
                path = config.output / "overlays" / f"{_plain(name)}.mp4"
                copy = files.enter_context(Annotated(path, video.rate))
        what = f"{len(names)} photos" if name is None else shown(name)
        print(f"Predicting {what} with {config.run} (boxes={config.boxes})")
        if kind == "detector":
            model.card.detector_map()  # what it lacks is said before photos are read
        for warning in _warnings(model.card, config.detector if kind == "detector" else None):
            print(f"  Warning: {warning}")
        table, lines = (files.enter_context(replacing(path)) for path in paths(config.output))
        rows = files.enter_context(table.open("w", encoding="utf-8", newline=""))
        objects = files.enter_context(lines.open("w", encoding="utf-8"))
        tables = Tables(rows, objects, model.card.landmarks, name is not None, model.card.coverage)
        unit = "photo" if name is None else "frame"
        started = time.monotonic()
        try:
            for each in tqdm(found, "predicting", total, unit=unit, leave=False):
                _add(each, keeping, tables, counts, config, copy)
        except KeyboardInterrupt:
            interrupted = True
    _summarize(counts, config, time.monotonic() - started, model.card.landmarks, name is not None)
    if interrupted:
        raise KeyboardInterrupt
    return SKIPPED if counts["skipped"] else 0


def _warnings(card: Card, detector: str | None) -> Iterator[str]:
    """What makes this network, or a detector's boxes with it, a risk; a sentence each."""
    if card.calibration is None:
        yield (
            "nothing was measured of this network, as of a training that was cut: errors are the "
            "signal as it is, there is neither bound nor validity, and all landmarks are kept "
            "where nothing says what to discard; finish the training, or measure with "
            "landmark-calibrate run=... (and export again)"
        )
    if detector is None:
        return
    if not card.jittered:
        yield (
            "this network was trained on crops by true boxes alone, and a detector's are others: "
            "expect about a fifth more error; docs/predict.md says how to train for them"
        )
    known = "" if card.calibration is None else card.calibration.found_by
    if known and known != detector:
        yield (
            f"the run knows how the boxes of {known} lie, not those of {detector}; "
            f"landmark-calibrate run=... detector={detector} measures that"
        )


def _boxes(
    setting: str, video: str | None
) -> tuple[Callable[[str], str | NDArray[np.float64]], str]:
    """The boxes of a photo by its name, and which kind they are.

    Raises:
        UserError: A table for a video.
    """
    if setting in ("detector", "whole"):
        return (lambda name: setting), ("detector" if setting == "detector" else "true")
    if video is not None:
        raise UserError(
            f"boxes={setting} can't be used with a video, in which faces move; say boxes=detector "
            "or boxes=whole"
        )
    table = Path(setting)
    known = boxes_of(table)
    return (lambda name: boxes_in(known, name, table)), "true"


def _add(
    found: Found,
    keeping: Keeping,
    tables: Tables,
    counts: dict[str, int],
    config: Predict,
    copy: Annotated | None,
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
    if not len(faces):
        counts["empty"] += 1
        if found.moment is None:
            tqdm.write(f"  No face: {shown(found.name)}", file=sys.stderr)
    tables.add(found.name, faces, found.moment)
    if copy is not None and found.moment is not None:
        copy.add(Frame(found.moment.frame, found.moment.time, found.grays), faces)
    elif config.draw:
        path = config.output / "overlays" / _overlay_name(found.name, counts["photos"])
        picture = overlay(
            found.grays, faces.points, faces.predicted_error, faces.kept, faces.box, rejected,
            covered=faces.covered,
        )  # fmt: skip
        with replacing(path) as temporary:
            picture.save(temporary, format="png")


def _overlay_name(name: str, number: int) -> str:
    """A file's name for the overlay of a photo: photos of several folders may share theirs."""
    return f"{number:05d}-{_plain(name)}.png"


def _plain(name: str) -> str:
    """The stem of a file's name in characters that any file system takes."""
    stem = "".join(c if c.isalnum() or c in "-_. ()" else "_" for c in Path(name).stem)
    return stem[:100]


def _summarize(
    counts: dict[str, int], config: Predict, seconds: float, landmarks: int, video: bool
) -> None:
    faces, photos = counts["faces"], counts["photos"]
    unit = "frames" if video else "photos"
    if video:
        photos -= counts["skipped"]
    share = f"{100 * counts['kept'] / (faces * landmarks):.0f}%" if faces else "none"
    print(
        f"  {faces} faces in {photos} {unit}, {faces / seconds:.0f} a second"
        + (f" ({photos / seconds:.0f} frames)" if video else "")
        + f"; {share} of their landmarks kept"
    )
    if counts["rejected"]:
        print(f"  {counts['rejected']} faces are hardly any (validity below {REJECTED:g})")
    if counts["empty"]:
        print(f"  no face found in {counts['empty']} {unit}")
    if counts["skipped"] and video:
        print(f"  a part of the video can't be decoded, so it is left out (status {SKIPPED})")
    elif counts["skipped"]:
        print(
            f"  {counts['skipped']} photos can't be read, so they are left out (status {SKIPPED})"
        )
    written = [path.name for path in paths(config.output)] + ["overlays"] * config.draw
    print(f"Wrote {config.output}: {', '.join(written)}")
