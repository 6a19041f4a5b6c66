from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.datasets.sources import own
from tests.conftest import DOTS
from tests.datasets.sources import written
from tests.datasets.sources.written import FORMS, NAMES

pytestmark = pytest.mark.filterwarnings("ignore:the training frames lie in")


def _read(root: Path, form: str, **settings: Any) -> list[Face]:  # noqa: ANN401
    found = list(own.read(root, DOTS, format=form, **settings))
    assert all(isinstance(face, Face) for face in found), found
    return [face for face in found if isinstance(face, Face)]


def _alike(found: Sequence[Face], expected: Sequence[Face]) -> None:
    assert [(f.photo, f.split) for f in found] == [(f.photo, f.split) for f in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.landmarks, other.landmarks)
        np.testing.assert_array_equal(one.visible, other.visible)


@pytest.mark.parametrize("form", FORMS)
def test_every_format_reads_the_same_landmarks(tmp_path: Path, form: str) -> None:
    faces = written.faces()
    found = _read(tmp_path, form, **FORMS[form](tmp_path, faces))
    _alike(found, faces)
    boxed = form in ("table", "coco", "dlib")
    for face, expected in zip(found, faces, strict=True):
        np.testing.assert_array_equal(face.box, expected.box if boxed else None)
        assert face.where.startswith(str(tmp_path))


def test_fifty_faces_have_the_same_content_in_every_format(tmp_path: Path) -> None:
    stored: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    contents = set()
    for form, write in FORMS.items():
        root = tmp_path / form
        settings = write(root, written.faces(40, 10))
        prepare(
            own.read(root, DOTS, format=form, **settings),
            root / "faces.h5",
            name="faces",
            root=root,
            scheme=DOTS,
            normalizer="box",
            crop=CropRule(side=32),
        )
        file = FaceFile.open(root / "faces.h5")
        contents.add(file.content)
        stored[form] = {
            f"{split}/{name}": getattr(file.read(split), name)
            for split in ("train", "test")
            for name in ("images", "landmarks", "visible", "normalizer", "to_photo")
        }
    assert len(stored["table"]["train/images"]) == 40
    for form, arrays in stored.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, stored["table"][name], f"{form} {name}")
    assert len(contents) == 1


@pytest.mark.parametrize("form", FORMS)
def test_the_files_that_decide_are_named(tmp_path: Path, form: str) -> None:
    settings = FORMS[form](tmp_path, written.faces())
    names = own.annotations(tmp_path, format=form, **settings)
    assert len(names) == len(set(names))
    photos = {face.photo for face in written.faces()}
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert set(names) == files - photos


@pytest.mark.parametrize("form", FORMS)
def test_pixels_may_be_counted_from_elsewhere(tmp_path: Path, form: str) -> None:
    faces = written.faces()
    settings = FORMS[form](tmp_path, faces)
    usual = _read(tmp_path, form, **settings)
    shifted = _read(tmp_path, form, first_pixel=0.5, **settings)
    shift = 0.5 if form == "pts" else -0.5
    for one, other in zip(usual, shifted, strict=True):
        np.testing.assert_array_equal(one.landmarks + shift, other.landmarks)
        if one.box is not None:
            assert other.box is not None
            np.testing.assert_array_equal(one.box + shift, other.box)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "table"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_one_split_is_enough(tmp_path: Path, form: str, split: str) -> None:
    faces = written.faces()
    settings = FORMS[form](tmp_path, faces)
    found = _read(tmp_path, form, **{split: settings[split]})
    _alike(found, [face for face in faces if face.split == split])


@pytest.mark.parametrize("form", [form for form in FORMS if form != "table"])
def test_a_validation_set_of_its_own(tmp_path: Path, form: str) -> None:
    settings = FORMS[form](tmp_path, written.faces())
    found = _read(tmp_path, form, train=settings["train"], validation=settings["test"])
    assert [(f.split, f.validation) for f in found] == [("train", False)] * 4 + [
        ("train", True)
    ] * 2


def test_tables_may_be_one_a_split(tmp_path: Path) -> None:
    written.table(tmp_path, written.faces())
    heading, *rows = (tmp_path / "landmarks.csv").read_text().splitlines()
    for name, chosen in (("a.csv", rows[:4]), ("b.csv", rows[4:])):
        lines = [heading.replace("split,", ""), *(r.replace(",train,", ",") for r in chosen)]
        text = "\n".join(lines).replace(",test,", ",")
        (tmp_path / name).write_text(text)
    _alike(_read(tmp_path, "table", train="a.csv", test="b.csv"), written.faces())
    whole = (tmp_path / "landmarks.csv").read_text().replace(",train,", ",val,", 1)
    (tmp_path / "landmarks.csv").write_text(whole)
    *first, last = own.read(tmp_path, DOTS, train="landmarks.csv", test="b.csv")
    assert "split is test, but the table is given as that of train" in str(first[4])
    assert [getattr(face, "validation", None) for face in first[:4]] == [True] + [False] * 3
    assert isinstance(last, Face)


@pytest.mark.parametrize("form", ["coco", "dlc"])
def test_names_of_landmarks(tmp_path: Path, form: str) -> None:
    settings = FORMS[form](tmp_path, written.faces())
    assert own.landmark_names(tmp_path, format=form, **settings) == NAMES


@pytest.mark.parametrize("form", ["table", "pts", "dlib"])
def test_formats_without_names(tmp_path: Path, form: str) -> None:
    settings = FORMS[form](tmp_path, written.faces())
    assert own.landmark_names(tmp_path, format=form, **settings) == ()


@pytest.mark.parametrize("form", ["coco", "dlc"])
def test_the_order_of_landmarks_is_that_of_their_names(tmp_path: Path, form: str) -> None:
    """A test file whose landmarks are in another order than those of the training file."""
    faces = written.faces(missing=False)
    settings = FORMS[form](tmp_path / "a", faces)
    turned = [replace(face, landmarks=face.landmarks[::-1]) for face in faces]
    FORMS[form](tmp_path / "b", turned, names=NAMES[::-1])
    (tmp_path / "b" / settings["test"]).replace(tmp_path / "a" / settings["test"])
    _alike(_read(tmp_path / "a", form, **settings), faces)


@pytest.mark.parametrize("form", ["coco", "dlc"])
def test_other_names_are_an_error(tmp_path: Path, form: str) -> None:
    settings = FORMS[form](tmp_path, written.faces())
    path = tmp_path / settings["test"]
    path.write_text(path.read_text().replace("nose", "snout"))
    with pytest.raises(ValueError, match=r"test\.\w+.* are not those expected: .*'nose'"):
        own.read(tmp_path, DOTS, format=form, **settings)


@pytest.mark.parametrize("form", FORMS)
def test_the_faces_of_a_folder_may_be_a_group(tmp_path: Path, form: str) -> None:
    settings = FORMS[form](tmp_path, written.faces())
    assert {face.group for face in _read(tmp_path, form, groups="none", **settings)} == {""}
    found = _read(tmp_path, form, groups="folder", **settings)
    assert [face.group for face in found] == ["train"] * 4 + ["test"] * 2


def test_the_videos_of_dlc_are_groups_where_there_are_enough(tmp_path: Path) -> None:
    faces = [
        replace(face, photo=f"labeled-data/video{i}/img.png")
        for i, face in enumerate(written.faces())
    ]
    settings = written.dlc(tmp_path, faces[:4])
    with pytest.warns(UserWarning, match="frames lie in 4 folders, too few to keep those of a v"):
        few = _read(tmp_path, "dlc", train=settings["train"])
    assert {face.group for face in few} == {""}
    settings = written.dlc(tmp_path, [replace(face, split="train") for face in faces])
    enough = _read(tmp_path, "dlc", train=settings["train"])
    assert [face.group for face in enough] == [f"labeled-data/video{i}" for i in range(6)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"format": "yolo"}, "format='yolo' must be one of table, coco, dlib, pts, dlc"),
        ({"format": "coco"}, "format=coco needs dataset.source.train=<file>"),
        ({"format": "pts"}, "format=pts needs dataset.source.train=<folder>"),
        ({"format": "coco", "test": "none.json"}, r"source\.test: .*none\.json is no file"),
        ({"format": "pts", "train": "landmarks.csv"}, r"landmarks\.csv is no folder"),
        ({"train": "landmarks.csv", "test": "landmarks.csv"}, "train and test are the same file"),
        ({"table": "none.csv"}, r"none\.csv does not exist"),
        ({"first_pixel": "one"}, "first_pixel='one' must be a number between 0 and 1"),
        ({"first_pixel": float("nan")}, "first_pixel=nan must be a number between 0 and 1"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    written.table(tmp_path, written.faces())
    with pytest.raises(ValueError, match=said):
        own.read(tmp_path, DOTS, **settings)
    with pytest.raises(ValueError, match=said):
        own.landmark_names(tmp_path, **settings)


def test_groups_of_another_kind(tmp_path: Path) -> None:
    written.table(tmp_path, written.faces())
    with pytest.raises(ValueError, match="groups='person' must be one of folder, none, null"):
        own.read(tmp_path, DOTS, groups="person")


def test_a_root_that_is_not_given() -> None:
    with pytest.raises(ValueError, match=r"dataset\.root is not given"):
        own.read(None, DOTS)
