import io
import os
from pathlib import Path

import numpy as np
import pytest

from landmark_lightning.errors import UserError
from landmark_lightning.inference.photos.names import boxes_in, boxes_of, photo_names

NAMES = ("IMG (1).jpg", "x=y.jpg", "ü.JPEG", "a [b], c.png")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*NAMES, "note.txt", "deep/er/z.webp"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def test_a_file_whatever_it_is_called(folder: Path) -> None:
    for name in NAMES:
        assert photo_names(f"photos/{name}") == [f"photos/{name}"]


def test_a_folder_with_those_below(folder: Path) -> None:
    found = [Path(name).name for name in photo_names("photos")]
    assert sorted(found) == sorted([*NAMES, "z.webp"])
    assert photo_names("photos") == sorted(photo_names("photos"))


def test_a_pattern(folder: Path) -> None:
    assert photo_names("photos/*.jpg") == ["photos/IMG (1).jpg", "photos/x=y.jpg"]
    assert photo_names("photos/**/*.webp") == ["photos/deep/er/z.webp"]


def test_names_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("b.jpg\r\n\na, b.jpg\n"))
    assert photo_names("-") == ["b.jpg", "a, b.jpg"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(UserError, match="no names on standard input"):
        photo_names("-")


def test_nothing_there(folder: Path) -> None:
    os.mkdir("empty")  # noqa: PTH102
    for images, expected in (
        ("none.jpg", "none.jpg does not exist"),
        ("photos/*.gif", "nothing is called so"),
        ("empty", "no photos"),
    ):
        with pytest.raises(FileNotFoundError, match=expected):
            photo_names(images)


def test_boxes_of_a_table(folder: Path) -> None:
    table = folder / "boxes.csv"
    table.write_text(
        "face,box_x0,box_y0,box_x1,box_y1,image\n"
        "0,1,2,30,40,x=y.jpg\n1,5,5,9,9,x=y.jpg\n0,0,0,8.5,8,deep/er/z.webp\n"
    )
    boxes = boxes_of(table)
    np.testing.assert_array_equal(
        boxes_in(boxes, str(folder / "x=y.jpg"), table), [[1, 2, 30, 40], [5, 5, 9, 9]]
    )
    assert boxes_in(boxes, str(folder / "deep/er/z.webp"), table).tolist() == [[0, 0, 8.5, 8]]
    assert boxes_in(boxes, "other.jpg", table).shape == (0, 4)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("image,box_x0\n", "no column 'box_y0'"),
        ("image,box_x0,box_y0,box_x1,box_y1\na,1,2,3\n", "line 2"),
        ("image,box_x0,box_y0,box_x1,box_y1\na,1,2,3,4\nb,5,2,3,4\n", "line 3"),
        ("image,box_x0,box_y0,box_x1,box_y1\na,1,2,nan,4\n", "line 2"),
        (b"\xff\xfe\x00", "no CSV text"),
    ],
)
def test_what_is_no_table_of_boxes_is_named(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    path = tmp_path / "boxes.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=expected):
        boxes_of(path)
