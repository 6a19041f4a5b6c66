from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import own
from tests.conftest import DOTS

BOX = "<box top='2' left='1' width='8' height='9'>"
FIVE = "".join(f"<part name='{i:02d}' x='{2 * i + 1}' y='{2 * i + 2}'/>" for i in range(5))


def _write(root: Path, *boxes: str, name: str = "faces.xml", photo: str = "a.png") -> Path:
    (root / photo).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 20)).save(root / photo)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    inner = "\n".join(boxes)
    (root / name).write_text(
        f"<?xml version='1.0' encoding='ISO-8859-1'?>\n<dataset><images>\n<image file='a.png'>\n"
        f"{inner}\n</image></images></dataset>\n"
    )
    return root


def _read(root: Path, train: str = "faces.xml", test: str | None = None) -> list[Face | Rejection]:
    return list(own.read(root, DOTS, format="dlib", train=train, test=test))


def test_a_box_is_a_face(tmp_path: Path) -> None:
    first, second = _read(_write(tmp_path, f"{BOX}{FIVE}</box>", f"{BOX}{FIVE[:58]}</box>"))
    assert isinstance(first, Face)
    assert isinstance(second, Face)
    assert first.where == f"{tmp_path / 'faces.xml'} line 4"
    assert first.landmarks.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert first.visible is None
    assert first.box is not None
    assert first.box.tolist() == [1, 2, 8, 10]
    assert second.visible is not None
    assert second.visible.tolist() == [2, 2, 0, 0, 0]
    assert np.isnan(second.landmarks).all(axis=1).tolist() == [False, False, True, True, True]


def test_photos_are_named_from_the_file_s_folder_or_the_root(tmp_path: Path) -> None:
    for photo in ("set/a.png", "a.png"):
        _write(tmp_path, f"{BOX}{FIVE}</box>", name="set/faces.xml", photo=photo)
        [face] = _read(tmp_path, train="set/faces.xml")
        assert face.photo == photo
        (tmp_path / photo).unlink()


def test_boxes_to_be_ignored_are_left_out_and_counted(tmp_path: Path) -> None:
    ignored = "<box top='2' left='1' width='8' height='9' ignore='1'/>"
    _write(tmp_path, ignored, f"{BOX}{FIVE}</box>")
    with pytest.warns(UserWarning, match="1 boxes are marked to be ignored"):
        [face] = _read(tmp_path)
    assert isinstance(face, Face)


def test_parts_may_be_numbered_from_one(tmp_path: Path) -> None:
    """The test file lacks the last part; it is numbered as the training file all the same."""
    parts = FIVE
    for i in range(5, 0, -1):
        parts = parts.replace(f"'{i - 1:02d}'", f"'{i}'")
    _write(tmp_path, f"{BOX}{parts}</box>")
    _write(tmp_path, f"{BOX}{parts[:56]}</box>", name="test.xml")
    first, second = _read(tmp_path, train="faces.xml", test="test.xml")
    assert isinstance(first, Face)
    assert isinstance(second, Face)
    assert first.landmarks[:, 0].tolist() == [1, 3, 5, 7, 9]
    assert second.landmarks[:2, 0].tolist() == [1, 3]


def test_parts_with_names_are_in_the_order_of_the_alphabet(tmp_path: Path) -> None:
    parts = FIVE
    for i, name in enumerate(["nose", "chin", "eye_r", "eye_l", "brow"]):
        parts = parts.replace(f"'{i:02d}'", f"'{name}'")
    _write(tmp_path, f"{BOX}{parts}</box>")
    names = own.landmark_names(tmp_path, format="dlib", train="faces.xml")
    assert names == ("brow", "chin", "eye_l", "eye_r", "nose")
    [face] = _read(tmp_path)
    assert isinstance(face, Face)
    assert face.landmarks[:, 0].tolist() == [9, 3, 7, 5, 1]


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (f"{BOX}</box>", "it has no labelled landmark"),
        (
            f"{BOX}<part name='0' x='3' y='4'/><part name='00' x='1' y='4'/></box>",
            "part '0' twice",
        ),
        (f"{BOX}<part name='0' x='3'/></box>", "y is '', not a number"),
        (f"{BOX}<part name='0' x='3' y='nan'/></box>", "y is 'nan', not a finite number"),
        (f"{BOX}<part name='0' x='3' y='1e12'/></box>", "y is '1e12', no pixel of a photo"),
        (f"{BOX}<part name='0' x='-1' y='-1'/></box>", "landmark 0 (0) at (-1, -1) is a mark rat"),
        (f"<box top='2' left='1' width='8'>{FIVE}</box>", "height is '', not a number"),
        (f"<box top='2' left='1' width='1' height='9'>{FIVE}</box>", "is not x0 < x1, y0 < y1"),
    ],
)
def test_a_box_that_cannot_be_used_is_named(tmp_path: Path, box: str, said: str) -> None:
    good, bad = _read(_write(tmp_path, f"{BOX}{FIVE}</box>", box))
    assert isinstance(good, Face)
    assert isinstance(bad, Rejection)
    assert bad.where.endswith("faces.xml line 5")
    assert said in bad.reason


def test_a_photo_that_is_missing_is_named(tmp_path: Path) -> None:
    (_write(tmp_path, f"{BOX}{FIVE}</box>") / "a.png").unlink()
    [bad] = _read(tmp_path)
    assert isinstance(bad, Rejection)
    assert (bad.missing, bad.photo) == (True, "a.png")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no XML"),
        ("<dataset><images>", "is no XML"),
        ("<?xml version='1.0' encoding='none'?><dataset/>", "is no XML"),
        ("<?xml version='1.0' encoding='utf-7'?><dataset/>", "is no XML"),
        ("<svg/>", "begins with <svg>, not <dataset>"),
        (
            "<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><dataset>&b;</dataset>",
            "declares a document type",
        ),
        (
            f"<dataset><images><image file='a.png'>{BOX}<part name='7' x='1' y='1'/></box></image>"
            "</images></dataset>",
            "part '7' is none of the 5 landmarks of scheme dots5, 0 to 4",
        ),
        (
            f"<dataset><images><image file='a.png'>{BOX}<part name='nose' x='1' y='1'/></box>"
            "</image></images></dataset>",
            "names 1 parts, scheme dots5 has 5 landmarks",
        ),
        (
            f"<dataset><images><image file='a.png'>{BOX}<part x='1' y='1'/></box></image>"
            "</images></dataset>",
            "part 0 has no name",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "faces.xml").write_text(text)
    with pytest.raises(ValueError, match=rf"faces\.xml.* {said}"):
        _read(tmp_path)
