"""The tree of WFLW, parsed here without the package's reader."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from landmark_lightning.datasets.synthetic.trees.wflw import OFFICIAL, SUBSETS
from landmark_lightning.datasets.synthetic.trees.write import write_layout
from tests.datasets.synthetic.trees.conftest import Tree

LISTS = "list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"
FLAGS = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")


def test_lines(trees: dict[str, Tree]) -> None:
    root, faces = trees["wflw"]
    assert OFFICIAL == {"train": 7500, "test": 2500}
    lines = []
    for split, count in (("train", 30), ("test", 10)):
        text = (root / "WFLW_annotations" / LISTS.format(split)).read_text()
        assert len(text.splitlines()) == count
        lines += [(split, line.split(" ")) for line in text.splitlines()]
    for (split, tokens), face in zip(lines, faces, strict=True):
        assert len(tokens) == 207
        assert face.split == split
        points = np.array([float(token) for token in tokens[:196]]).reshape(98, 2)
        np.testing.assert_allclose(points, face.landmarks, atol=1e-9)
        np.testing.assert_array_equal([int(token) for token in tokens[196:200]], face.box)
        found = tuple(name for name, flag in zip(FLAGS, tokens[200:206], strict=True) if int(flag))
        assert (found or ("no_challenge",)) == face.subsets
        assert f"WFLW_images/{tokens[206]}" == face.photo


def test_photos(trees: dict[str, Tree]) -> None:
    root, faces = trees["wflw"]
    of_photo = Counter(face.photo for face in faces)
    assert max(of_photo.values()) > 1
    for face in faces:
        with Image.open(root / face.photo) as image:
            assert (image.format, image.size) == ("JPEG", (48 * of_photo[face.photo], 52))
            outside = (face.landmarks < 0) | (face.landmarks > np.subtract(image.size, 1))
        assert face.box is not None
        inside = (face.landmarks >= face.box[:2]) & (face.landmarks <= face.box[2:])
        assert inside.any()
        assert not inside.all()
        assert of_photo[face.photo] == 1 or not outside.any()
    assert min(face.landmarks.min() for face in faces) < -1


def test_subsets_are_as_large_as_reported() -> None:
    assert list(SUBSETS.values()) == [326, 314, 698, 206, 736, 773]


def test_subsets_in_proportion(trees: dict[str, Tree]) -> None:
    _, faces = trees["wflw"]
    test = [face for face in faces if face.split == "test"]
    for name, count in SUBSETS.items():
        assert sum(name in face.subsets for face in test) == max(1, round(count * 10 / 2500))


def test_nested(tmp_path: Path) -> None:
    write_layout(
        tmp_path / "tree", "wflw", faces=6, photo=32, distinct=4, nested=True, progress=False
    )
    lists = tmp_path / "tree/WFLW_annotations/WFLW_annotations"
    assert (lists / LISTS.format("train")).is_file()
    assert (lists / LISTS.format("test")).is_file()
