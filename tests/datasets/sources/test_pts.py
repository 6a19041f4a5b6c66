from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import own
from tests.conftest import DOTS

ROWS = "1 2\n3 4\n5 6\n7 8\n9 10\n"


def _add(root: Path, name: str, rows: str = ROWS) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 20)).save(path)
    points = path.with_suffix(".pts")
    points.write_text(f"version: 1\nn_points: 5\n{{\n{rows}}}\n")
    return points


def _read(root: Path) -> list[Face | Rejection]:
    return list(own.read(root, DOTS, format="pts", train="faces"))


def test_a_folder_and_those_in_it(tmp_path: Path) -> None:
    for name in ("faces/b one.JPG", "faces/a.png", "faces/002/a.webp", "faces/001/a.bmp"):
        _add(tmp_path, name)
    (tmp_path / "faces/.a.pts").write_text("")
    found = _read(tmp_path)
    assert [face.photo for face in found] == [
        "faces/a.png",
        "faces/b one.JPG",
        "faces/001/a.bmp",
        "faces/002/a.webp",
    ]
    for face in found:
        assert isinstance(face, Face)
        assert face.landmarks.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
        assert (face.split, face.box, face.visible) == ("train", None, None)


def test_the_root_itself_may_be_the_folder(tmp_path: Path) -> None:
    _add(tmp_path, "a.png")
    [face] = own.read(tmp_path, DOTS, format="pts", test=".")
    assert (face.photo, face.split) == ("a.png", "test")


def test_nan_is_a_landmark_that_is_not_labelled(tmp_path: Path) -> None:
    _add(tmp_path, "faces/a.png", ROWS.replace("5 6", "nan  NaN"))
    [face] = _read(tmp_path)
    assert isinstance(face, Face)
    assert face.visible is not None
    assert face.visible.tolist() == [2, 2, 0, 2, 2]
    assert np.isnan(face.landmarks).any(axis=1).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS.replace("5 6", "0 0"), "landmark 2 at (0, 0) is a mark rather than a place"),
        (ROWS.replace("5 6", "-1.0 -1.0"), "(-1, -1) is a mark rather than a place; if it is not"),
        (ROWS.replace("5 6", "1e12 6"), "x is '1e12', no pixel of a photo"),
        (ROWS.replace("5 6", "nan 6"), "x is 'nan', not a finite number"),
        (ROWS.replace("5 6\n", ""), "it holds 4 points, its header says 5"),
        ("nan nan\n" * 5, "it has no labelled landmark"),
    ],
)
def test_points_that_cannot_be_used_are_named(tmp_path: Path, rows: str, said: str) -> None:
    path = _add(tmp_path, "faces/a.png", rows)
    [bad] = _read(tmp_path)
    assert isinstance(bad, Rejection)
    assert bad.where.startswith(str(path))
    assert said in bad.reason
    assert (bad.split, bad.photo) == ("train", "faces/a.png")


def test_photos_and_points_alone(tmp_path: Path) -> None:
    _add(tmp_path, "faces/a.png")
    _add(tmp_path, "faces/b.png").unlink()
    (_add(tmp_path, "faces/c.png").parent / "c.png").unlink()
    _add(tmp_path, "faces/d.png")
    _add(tmp_path, "faces/d.jpg")
    with pytest.warns(UserWarning, match=r"holds 1 photos without a \.pts, such as b\.png"):
        first, second, third = _read(tmp_path)
    assert isinstance(first, Face)
    assert isinstance(second, Rejection)
    assert (second.missing, second.reason) == (True, "no photo lies beside it")
    assert isinstance(third, Rejection)
    assert third.reason == "photos d.jpg and d.png lie beside it"


def test_a_name_that_is_no_text_is_rejected(tmp_path: Path) -> None:
    _add(tmp_path, "faces/a\nb.png")
    _add(tmp_path, "faces/\udcff.png")
    for bad in _read(tmp_path):
        assert isinstance(bad, Rejection)
        assert "has a line break, a control character or no UTF-8 in its name" in bad.reason
        str(bad).encode()
        assert "\n" not in str(bad)


def test_a_link_to_a_folder_is_followed_once(tmp_path: Path) -> None:
    _add(tmp_path, "elsewhere/a.png")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/up").symlink_to(tmp_path / "faces")
    assert [face.photo for face in _read(tmp_path)] == ["faces/link/a.png"]
