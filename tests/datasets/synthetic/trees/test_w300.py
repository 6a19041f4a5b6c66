"""The tree of 300W, parsed here without the package's reader."""

import re
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

from landmark_lightning.datasets.synthetic.trees.w300 import OFFICIAL
from landmark_lightning.datasets.synthetic.trees.write import write_layout
from tests.datasets.synthetic.trees.conftest import Tree


def points_of(path: Path) -> np.ndarray:
    inside = path.read_text().split("{")[1].split("}")[0]
    return np.array([float(word) for word in inside.split()]).reshape(-1, 2)


def test_points_count_from_1(trees: dict[str, Tree]) -> None:
    root, faces = trees["300w"]
    for face in faces:
        written = points_of(root / face.where)
        np.testing.assert_allclose(written - 1, face.landmarks, atol=1e-9)
        assert (root / face.photo).parent == (root / face.where).parent
        assert Path(face.photo).stem == Path(face.where).stem


def test_counts_and_protocol(trees: dict[str, Tree]) -> None:
    root, faces = trees["300w"]
    assert sum(OFFICIAL.values()) == 3837
    assert OFFICIAL["afw"] + OFFICIAL["helen/trainset"] + OFFICIAL["lfpw/trainset"] == 3148
    for folder, count in OFFICIAL.items():
        here = [face for face in faces if Path(face.photo).parent.as_posix() == folder]
        assert abs(len(here) - 60 * count / 3837) < 1
        test = folder.endswith("testset") or folder == "ibug"
        subsets = {"ibug": ("challenging",)}.get(folder, ("common",)) if test else ()
        assert {(f.split, f.subsets) for f in here} == {("test" if test else "train", subsets)}
        on_disk = {p.stem for p in (root / folder).iterdir() if "_mirror" not in p.name}
        assert len(on_disk) == len(here)


def test_every_quirk_of_the_points_files(trees: dict[str, Tree]) -> None:
    root, faces = trees["300w"]
    texts = [(root / face.where).read_bytes() for face in faces]
    quirks = [
        rb"^version: 1\n",
        rb"^version: 1\.0\r?\n",
        rb"n_points: 68\r?\n",
        rb"n_points:  68\r?\n",
        rb"\r\n",
        rb"\d \r?\n",
        rb"\}\n$",
        rb"\} ?(\r\n\r\n|\n\n)$",
    ]
    for quirk in quirks:
        assert any(re.search(quirk, text) for text in texts), quirk
        assert not all(re.search(quirk, text) for text in texts), quirk


def test_names(trees: dict[str, Tree]) -> None:
    root, faces = trees["300w"]
    names = [face.photo for face in faces]
    assert "ibug/image_092 _01.jpg" in names
    assert {Path(name).suffix for name in names} == {".jpg", ".JPG", ".png", ".PNG"}
    assert {Path(face.where).suffix for face in faces} == {".pts", ".PTS"}
    numbers = [int(Path(n).stem[-4:]) for n in names if n.startswith("lfpw/trainset")]
    assert max(numbers) > len(numbers)
    assert len(list(root.rglob("*_mirror.pts"))) == 6
    for name in names:
        kind = "PNG" if name.lower().endswith("png") else "JPEG"
        with Image.open(root / name) as image:
            assert (image.format, image.mode, image.size) == (kind, "RGB", (48, 52))


def test_some_landmarks_lie_outside(trees: dict[str, Tree]) -> None:
    _, faces = trees["300w"]
    assert min(face.landmarks.min() for face in faces) < -1
    assert max((face.landmarks - [47, 51]).max() for face in faces) > 1


def test_boxes(trees: dict[str, Tree]) -> None:
    root, faces = trees["300w"]
    for folder in OFFICIAL:
        path = root / "Bounding_Boxes" / f"bounding_boxes_{folder.replace('/', '_')}.mat"
        cells = loadmat(path)["bounding_boxes"]
        assert cells.shape[0] == 1
        entries = {}
        for i in range(cells.shape[1]):
            entry = cells[0, i][0, 0]
            assert entry["bb_detector"].shape == entry["bb_ground_truth"].shape == (1, 4)
            entries[str(entry["imgName"][0])] = entry
        for face in faces:
            if Path(face.photo).parent.as_posix() != folder:
                continue
            entry = entries[Path(face.photo).stem + Path(face.photo).suffix.lower()]
            assert face.box is not None
            assert face.detector is not None
            np.testing.assert_allclose(entry["bb_ground_truth"][0] - 1, face.box, atol=1e-9)
            np.testing.assert_allclose(entry["bb_detector"][0] - 1, face.detector, atol=1e-9)
            tight = [*face.landmarks.min(axis=0), *face.landmarks.max(axis=0)]
            np.testing.assert_allclose(face.box, tight)
            assert (face.detector[2:] - face.detector[:2] < np.ptp(face.landmarks, axis=0)).all()


def test_outdated_boxes_follow_those_of_ibug(trees: dict[str, Tree]) -> None:
    root, faces = trees["300w"]
    cells = loadmat(root / "Bounding_Boxes/bounding_boxes_ibug.mat")["bounding_boxes"]
    names = [str(cells[0, i][0, 0]["imgName"][0]) for i in range(cells.shape[1])]
    ibug = sum(face.photo.startswith("ibug") for face in faces)
    afw = {Path(face.photo).stem: face for face in faces if face.photo.startswith("afw")}
    assert all(name.startswith("image_") for name in names[:ibug])
    assert len(names) == ibug + round(ibug * 202 / 135)
    for i in range(ibug, len(names)):
        box = afw[Path(names[i]).stem].box
        assert box is not None
        assert abs(cells[0, i][0, 0]["bb_ground_truth"][0] - 1 - box).min() > 5


def test_the_other_spelling(tmp_path: Path) -> None:
    faces = write_layout(
        tmp_path / "tree", "300w", faces=12, photo=32, distinct=4, nested=True, progress=False
    )
    assert "ibug/image_092_01.jpg" in [face.photo for face in faces]
    assert (tmp_path / "tree/ibug/image_092_01.jpg").is_file()
    cells = loadmat(tmp_path / "tree/Bounding Boxes/bounding_boxes_ibug.mat")["bounding_boxes"]
    assert str(cells[0, 0][0, 0]["imgName"][0]) == "image_092 _01.jpg"
