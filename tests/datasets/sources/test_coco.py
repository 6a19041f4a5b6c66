import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import own
from tests.conftest import DOTS

FIVE = [1, 2, 2, 3, 4, 2, 5, 6, 1, 7, 8, 2, 9, 10, 2]


def _write(
    root: Path, *annotations: dict[str, Any], photo: str = "a.png", **content: object
) -> Path:
    (root / photo).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 20)).save(root / photo)
    listed = {
        "images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 20}],
        "annotations": [{"id": 3, "image_id": 1, "keypoints": FIVE} | a for a in annotations],
    }
    (root / "faces.json").write_text(json.dumps(listed | content))
    return root


def _read(root: Path, name: str = "faces.json") -> list[Face | Rejection]:
    return list(own.read(root, DOTS, format="coco", train=name))


def _face(root: Path) -> Face:
    [face] = _read(root)
    assert isinstance(face, Face), face
    return face


def test_an_annotation_is_a_face(tmp_path: Path) -> None:
    _write(tmp_path, {"bbox": [1, 2, 8, 9]}, {"id": 4, "bbox": [0, 0, 0, 0]}, {"keypoints": FIVE})
    first, second, third = _read(tmp_path)
    assert isinstance(first, Face)
    assert first.where == f"{tmp_path / 'faces.json'} annotation '3'"
    assert first.landmarks.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]
    assert first.visible is not None
    assert first.visible.tolist() == [2, 2, 1, 2, 2]
    assert first.visible.dtype == np.uint8
    assert first.box is not None
    assert first.box.tolist() == [1, 2, 9, 11]
    assert isinstance(second, Face)
    assert isinstance(third, Face)
    assert (second.box, third.box) == (None, None)


def test_a_keypoint_of_v_0_has_no_place(tmp_path: Path) -> None:
    face = _face(_write(tmp_path, {"keypoints": [0, 0, 0, 3, 4, 2, 5, 6, 2, 7, 8, 0, -1, -1, 0]}))
    assert face.visible is not None
    assert face.visible.tolist() == [0, 2, 2, 0, 0]
    assert np.isnan(face.landmarks).all(axis=1).tolist() == [True, False, False, True, True]


def test_what_has_no_keypoints_is_left_out_and_counted(tmp_path: Path) -> None:
    """Label Studio's rectangles, people too small to label, crowds."""
    _write(
        tmp_path,
        {"keypoints": [0] * 15, "num_keypoints": 0},
        {"keypoints": []},
        {"iscrowd": 1},
        {},
    )
    with pytest.warns(UserWarning, match=r"faces\.json: 3 annotations have no labelled keypoint"):
        _face(tmp_path)


def test_a_file_that_has_v_1_alone_means_that_it_is_labelled(tmp_path: Path) -> None:
    """As mmpose writes 300W, AFLW and WFLW; else all of a face would count as covered."""
    points = [1, 2, 1, 3, 4, 1, 5, 6, 1, 7, 8, 1, 9, 10, 1]
    _write(tmp_path, {"keypoints": points}, {"keypoints": [*points[:-1], 0]})
    with pytest.warns(UserWarning, match="no keypoint has v=2, so 1 is taken for visible"):
        first, second = _read(tmp_path)
    assert isinstance(first, Face)
    assert isinstance(second, Face)
    assert first.visible is None
    assert second.visible is not None
    assert second.visible.tolist() == [2, 2, 2, 2, 0]


@pytest.mark.parametrize(
    ("place", "photo"),
    [
        ("faces.json", "a.png"),
        ("faces.json", "images/a.png"),
        ("annotations/person_keypoints_default.json", "images/default/a.png"),
        ("annotations/person_keypoints_train2017.json", "train2017/a.png"),
        ("annotations/train.json", "images/train/a.png"),
        ("export/result.json", "export/a.png"),
        ("set/annotations/train.json", "set/images/a.png"),
    ],
)
def test_where_photos_are_looked_for(tmp_path: Path, place: str, photo: str) -> None:
    _write(tmp_path, {}, photo=photo)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "faces.json").rename(path)
    [face] = _read(tmp_path, place)
    assert isinstance(face, Face)
    assert face.photo == photo


def test_the_folder_of_the_split_comes_first(tmp_path: Path) -> None:
    """Else photo a.png of the test file would be that of the training file."""
    for split in ("train", "test"):
        _write(tmp_path, {}, photo=f"{split}/a.png")
        (tmp_path / "faces.json").rename(tmp_path / f"{split}.json")
    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    found = own.read(tmp_path, DOTS, format="coco", train="train.json", test="test.json")
    assert [face.photo for face in found] == ["train/a.png", "test/a.png"]


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ({"image_id": 2}, "no image has its image_id '2'"),
        ({"keypoints": FIVE[:12]}, "it has 4 keypoints, scheme dots5 has 5 landmarks"),
        ({"keypoints": FIVE[:14]}, "its keypoints are no flat list of x, y and v"),
        ({"keypoints": [[1, 2, 2]] * 5 + [1]}, "its keypoints hold '[1, 2, 2]', not a number"),
        ({"keypoints": ["1", *FIVE[1:]]}, "its keypoints hold '1', not a number"),
        ({"keypoints": [*FIVE[:14], True]}, "its keypoints hold 'True', not a number"),
        ({"keypoints": [*FIVE[:14], 3]}, "v of keypoint 4 is 3, not 0, 1 or 2"),
        ({"keypoints": [*FIVE[:14], 0.7]}, "v of keypoint 4 is 0.7, not 0, 1 or 2"),
        ({"keypoints": [None, *FIVE[1:]]}, "landmark 0 at (nan, 2) lacks a coordinate"),
        ({"keypoints": [0, 0, *FIVE[2:]]}, "landmark 0 at (0, 0) is a mark rather than a place"),
        ({"keypoints": [1e12, *FIVE[1:]]}, "landmark 0 at (1e+12, 2) is no pixel of a photo"),
        ({"keypoints": [10**400, *FIVE[1:]]}, "hold a number beyond any photo"),
        ({"keypoints": [float("inf"), *FIVE[1:]]}, "at (inf, 2) is no pixel of a photo"),
        ({"bbox": [1, 2, -3, 4]}, "its box [1.0, 2.0, -2.0, 6.0] is not x0 < x1"),
        ({"bbox": [1, 2, 1e12, 4]}, "is beyond any photo"),
        ({"bbox": [1, 2, 3]}, "its bbox is not x, y, width and height"),
        ({"bbox": "large"}, "its bbox is not x, y, width and height"),
        ({"bbox": [1, 2, "3", 4]}, "its bbox hold '3', not a number"),
    ],
)
def test_an_annotation_that_cannot_be_used_is_named(
    tmp_path: Path, annotation: dict[str, Any], said: str
) -> None:
    good, bad = _read(_write(tmp_path, {}, annotation | {"id": 9}))
    assert isinstance(good, Face)
    assert isinstance(bad, Rejection)
    assert bad.where == f"{tmp_path / 'faces.json'} annotation '9'"
    assert said in bad.reason
    assert bad.split == "train"


@pytest.mark.parametrize("name", ["a\nb.png", "a\0.png", "\ud800.png", "../a.png", "", "none.png"])
def test_a_photo_that_cannot_be_is_named(tmp_path: Path, name: str) -> None:
    [bad] = _read(_write(tmp_path, {}, images=[{"id": 1, "file_name": name}]))
    assert isinstance(bad, Rejection)
    assert bad.missing == (name == "none.png")
    str(bad).encode()
    assert "\n" not in str(bad)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"images": {}}, "no COCO file: it has no list of images"),
        ({"annotations": [3]}, "no COCO file: it has no list of annotations"),
        ({"categories": "face"}, "no COCO file: it has no list of categories"),
        ({"images": [{"id": 1}]}, "image '1' has no file_name"),
        (
            {"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]},
            "two images have the id '1'",
        ),
        ({"categories": [{"keypoints": list("abcd")}]}, "names 4 keypoints, scheme dots5 has 5"),
        ({"categories": [{"keypoints": list("abcda")}]}, "names keypoint 'a' twice"),
        ({"categories": [{"keypoints": ["a", 2]}]}, "keypoint 1 has no name"),
        (
            {
                "categories": [
                    {"name": "face", "keypoints": list("abcde")},
                    {"name": "hand", "keypoints": list("vwxyz")},
                ]
            },
            "categories 'face' and 'hand' have different keypoints",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, content: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=rf"faces\.json.* {said}"):
        _read(_write(tmp_path, {}, **content))


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "\xff", '{"images": [], "annotations": ' + "9" * 5000 + "}"]
)
def test_what_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "faces.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"faces\.json is no JSON"):
        _read(tmp_path)


def test_a_list_is_no_coco_file(tmp_path: Path) -> None:
    (tmp_path / "faces.json").write_text("[]")
    with pytest.raises(ValueError, match=r"faces\.json is no COCO file: it has no list of images"):
        _read(tmp_path)
