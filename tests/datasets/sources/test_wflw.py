from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import wflw
from landmark_lightning.schemes import SCHEMES

WFLW98 = SCHEMES["wflw98"]
POINTS = np.random.default_rng(0).uniform(-5, 60, (98, 2)).round(6)
LISTS = "list_98pt_rect_attr_train_test"


def _line(
    flags: str = "0 0 0 0 0 0", photo: str = "0--Parade/a.jpg", rect: str = "1 2 40 50"
) -> str:
    return " ".join([*(f"{v:.6f}" for v in POINTS.reshape(-1)), rect, flags, photo])


def _write(
    root: Path, test: list[str], annotations: str = "WFLW_annotations", end: str = "\n"
) -> Path:
    """A training line and the test lines; returns the test list."""
    (root / "WFLW_images/0--Parade").mkdir(parents=True)
    Image.new("L", (50, 50)).save(root / "WFLW_images/0--Parade/a.jpg")
    folder = root / annotations / LISTS
    folder.mkdir(parents=True)
    for split, lines in (("train", [_line("1 0 0 0 0 1")]), ("test", test)):
        text = end.join([*lines, ""])
        (folder / f"list_98pt_rect_attr_{split}.txt").write_bytes(text.encode())
    return folder / "list_98pt_rect_attr_test.txt"


@pytest.mark.parametrize("annotations", ["WFLW_annotations", "WFLW_annotations/WFLW_annotations"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"])
def test_faces_are_lines(tmp_path: Path, annotations: str, end: str) -> None:
    path = _write(tmp_path, [_line(), _line("0 0 0 1 0 1"), _line()], annotations, end)
    read = list(wflw.read(tmp_path, WFLW98))
    faces = [face for face in read if isinstance(face, Face)]
    assert [face.split for face in faces] == ["train", "test", "test", "test"]
    assert [face.subsets for face in faces] == [
        ("pose", "blur"),
        ("no_challenge",),
        ("makeup", "blur"),
        ("no_challenge",),
    ]
    for face in faces:
        assert np.array_equal(face.landmarks, POINTS)  # outside the photo and the rect as well
        assert face.box is not None
        assert face.box.tolist() == [1.0, 2.0, 40.0, 50.0]
        assert (face.photo, face.detector) == ("WFLW_images/0--Parade/a.jpg", None)
    step = 2 if end == " \n\n" else 1
    assert [f.where for f in faces[1:]] == [f"{path} line {1 + step * i}" for i in range(3)]


@pytest.mark.parametrize("place", range(6))
def test_every_flag_has_its_subset(tmp_path: Path, place: int) -> None:
    _write(tmp_path, [_line(" ".join(str(int(i == place)) for i in range(6)))])
    names = ["pose", "expression", "illumination", "makeup", "occlusion", "blur"]
    assert getattr(list(wflw.read(tmp_path, WFLW98))[1], "subsets", ()) == (names[place],)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (_line().partition(" ")[2], "it has 206 cells, not 207"),
        (_line(photo="0--Parade/a b.jpg"), "it has 208 cells, not 207"),
        ("x " + _line().partition(" ")[2], "x0 is 'x', not a number"),
        (_line(rect="1 2 nan 50"), "x_max is 'nan', not a finite number"),
        (_line(rect="40 2 1 50"), "its box [40.0, 2.0, 1.0, 50.0] is not x0 < x1"),
        (_line("0 0 2 0 0 0"), "flag illumination is '2', not 0 or 1"),
        (_line(photo="../../a.jpg"), "photo 'WFLW_images/../../a.jpg' lies outside"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = _write(tmp_path, [_line(), line])
    *good, bad = wflw.read(tmp_path, WFLW98)
    assert [type(face) for face in good] == [Face, Face]
    assert isinstance(bad, Rejection)
    assert bad.where == f"{path} line 2"
    assert said in bad.reason
    assert (bad.split, bad.missing) == ("test", False)


def test_a_missing_photo_is_rejected_as_such(tmp_path: Path) -> None:
    _write(tmp_path, [_line(photo="1--Gone/b.jpg")])
    _, bad = wflw.read(tmp_path, WFLW98)
    assert isinstance(bad, Rejection)
    assert (bad.missing, bad.photo) == (True, "WFLW_images/1--Gone/b.jpg")


def test_a_link_that_leaves_the_root_is_left_to_the_cropping(tmp_path: Path) -> None:
    _write(tmp_path / "wflw", [])
    photo = tmp_path / "wflw/WFLW_images/0--Parade/a.jpg"
    photo.rename(tmp_path / "a.jpg")
    photo.symlink_to(tmp_path / "a.jpg")
    assert isinstance(next(iter(wflw.read(tmp_path / "wflw", WFLW98))), Face)


def test_a_root_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no folder WFLW_annotations/list_98pt_rect"):
        wflw.read(tmp_path, WFLW98)
    test = _write(tmp_path, [])
    with pytest.raises(ValueError, match=r"scheme=ibug68 has 68 landmarks, WFLW has 98"):
        wflw.read(tmp_path, SCHEMES["ibug68"])
    test.unlink()
    with pytest.raises(ValueError, match=r"list_98pt_rect_attr_test\.txt does not exist"):
        wflw.read(tmp_path, WFLW98)
    (tmp_path / "WFLW_images").rename(tmp_path / "images")
    with pytest.raises(ValueError, match=r"has no folder WFLW_images; dataset\.root"):
        wflw.read(tmp_path, WFLW98)
