from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import own
from tests.conftest import DOTS

pytestmark = pytest.mark.filterwarnings("ignore:the training frames lie in")

HEADING = [
    "scorer," + ",".join(["ann"] * 10),
    "bodyparts," + ",".join(f"{n},{n}" for n in "abcde"),
    "coords," + ",".join(["x,y"] * 5),
]
FRAME = "labeled-data/video 1/img001.png"
NUMBERS = "1,2,3,4,5,6,7,8,9,10"


def _write(root: Path, *lines: str) -> Path:
    (root / FRAME).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 20)).save(root / FRAME)
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def _read(root: Path) -> list[Face | Rejection]:
    return list(own.read(root, DOTS, format="dlc", train="labels.csv"))


def test_a_row_is_a_face(tmp_path: Path) -> None:
    first, second = _read(_write(tmp_path, *HEADING, f"{FRAME},{NUMBERS}", f"{FRAME},1,2,,,,nan"))
    assert isinstance(first, Face)
    assert first.landmarks.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert (first.photo, first.group, first.visible) == (FRAME, "", None)
    assert first.where.endswith("labels.csv line 4")
    assert isinstance(second, Rejection)
    assert "it has 7 cells, the header 11" in second.reason


@pytest.mark.parametrize("index", ["labeled-data,video 1,img001.png", FRAME.replace("/", "\\")])
def test_the_photo_s_path_in_three_columns_or_of_windows(tmp_path: Path, index: str) -> None:
    more = index.count(",") * ","
    heading = [line.replace(",", f",{more}", 1) for line in HEADING]
    [face] = _read(_write(tmp_path, *heading, f"{index},1,2,,,5,6,7,8,nan,NaN"))
    assert isinstance(face, Face)
    assert face.photo == FRAME
    assert face.visible is not None
    assert face.visible.tolist() == [2, 0, 2, 2, 0]
    assert np.isnan(face.landmarks).any(axis=1).tolist() == [False, True, False, False, True]


def test_frames_without_labels_are_left_out_and_counted(tmp_path: Path) -> None:
    _write(tmp_path, *HEADING, f"{FRAME}{',' * 10}", f"{FRAME},{NUMBERS}", f"none.png{',' * 10}")
    with pytest.warns(UserWarning, match=r"labels\.csv: 2 frames have no labelled bodypart"):
        [face] = _read(tmp_path)
    assert isinstance(face, Face)


def test_a_likelihood_is_not_read(tmp_path: Path) -> None:
    heading = [
        "scorer," + ",".join(["ann"] * 15),
        "bodyparts," + ",".join(f"{n},{n},{n}" for n in "abcde"),
        "coords," + ",".join(["x,y,likelihood"] * 5),
    ]
    row = ",".join(f"{2 * i + 1},{2 * i + 2},0.01" for i in range(5))
    [face] = _read(_write(tmp_path, *heading, f"{FRAME},{row}"))
    assert isinstance(face, Face)
    assert face.landmarks.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]


def test_each_animal_is_a_face(tmp_path: Path) -> None:
    heading = [
        "scorer," + ",".join(["ann"] * 20),
        "individuals," + ",".join(["ant"] * 10 + ["bee"] * 10),
        "bodyparts," + ",".join(f"{n},{n}" for n in "abcdeedcba"),
        "coords," + ",".join(["x,y"] * 10),
    ]
    turned = "9,10,7,8,5,6,3,4,1,2"
    _write(tmp_path, *heading, f"{FRAME},{NUMBERS},{turned}", f"{FRAME},{NUMBERS}{',' * 10}")
    first, second, third = _read(tmp_path)
    assert first.where.endswith("labels.csv line 5, ant")
    assert second.where.endswith("labels.csv line 5, bee")
    for face in (first, second, third):
        assert isinstance(face, Face)
        assert face.landmarks.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("none.png," + NUMBERS, "photo 'none.png' does not exist"),
        (f"{FRAME},1,2,3,four,5,6,7,8,9,10", "y of b is 'four', not a number"),
        (
            f"{FRAME},1,2,3,,5,6,7,8,9,10",
            "landmark 1 (b) at (3, nan) lacks a coordinate; if it is",
        ),
        (
            f"{FRAME},1,2,0,0,5,6,7,8,9,10",
            "landmark 1 (b) at (0, 0) is a mark rather than a place",
        ),
        (f'"{FRAME},{NUMBERS}', "a quote in it is not closed"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: str, said: str) -> None:
    good, bad = _read(_write(tmp_path, *HEADING, f"{FRAME},{NUMBERS}", row))
    assert isinstance(good, Face)
    assert isinstance(bad, Rejection)
    assert bad.where.endswith("labels.csv line 5")
    assert said in bad.reason


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([""], "line 1 is none of the heading rows"),
        ([f"image,split,{NUMBERS}"], "line 1 is none of the heading rows"),
        (HEADING[:2], "line 1 is none of the heading rows"),
        (HEADING[2:], r": column 2 has no bodypart"),
        ([HEADING[0], HEADING[1].replace("b", "a", 2), HEADING[2]], "line 2 is none of the head"),
        (
            [HEADING[0], HEADING[1].replace("b,b", "a,a"), HEADING[2]],
            "has x of bodypart 'a' twice",
        ),
        (
            [*HEADING[:2], HEADING[2].replace("x,y", "x,z", 1)],
            ": column 3 has no bodypart, or non",
        ),
        (
            [HEADING[0] + ",ann", HEADING[1] + ",f", HEADING[2] + ",x"],
            ": bodypart 'f' lacks its x or its y",
        ),
        (
            [line[: -len(line.split(",", 9)[-1]) - 1] for line in HEADING],
            "has 4 bodyparts, scheme",
        ),
        ([*HEADING[:2], "coords" + "," * 10], ": column 1 has no bodypart"),
    ],
)
def test_headings_that_cannot_be_used_are_named(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=rf"labels\.csv.*{said}"):
        _read(_write(tmp_path, *lines))
