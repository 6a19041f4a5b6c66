from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import w300
from landmark_lightning.schemes import SCHEMES

pytestmark = pytest.mark.filterwarnings("ignore:.*has no folder Bounding_Boxes")
IBUG68 = SCHEMES["ibug68"]
FOLDERS = ["afw", "helen/trainset", "lfpw/trainset", "helen/testset", "lfpw/testset", "ibug"]


def _points(seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(seed).uniform(5, 35, (68, 2)).round(3)


def _text(points: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    rows = "".join(f"{x:.3f} {y:.3f}\n" for x, y in points + 1)
    return f"version: 1\nn_points:  68\n{{\n{rows}}}\n"


def _add(root: Path, name: str, seed: int, suffix: str = ".jpg") -> Path:
    """A photo and its .pts; returns the .pts."""
    path = root / f"{name}.pts"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (40, 40)).save(path.with_suffix(suffix))
    path.write_text(_text(_points(seed)))
    return path


def _boxes(root: Path, folder: str, names: Sequence[str], place: str = "Bounding Boxes") -> Path:
    """A box file whose entry i has the corners i, i, 30 + i, 31 + i (counted from 1)."""
    entries = np.empty((1, len(names)), dtype=object)
    for i, name in enumerate(names):
        found = np.array([[i, i, 30 + i, 31 + i]]) + 1.0
        entries[0, i] = {
            "imgName": name,
            "bb_detector": found,
            "bb_ground_truth": found + [[0.5, 0.5, 0, 0]],
        }
    (root / place).mkdir(exist_ok=True)
    path = root / place / f"bounding_boxes_{folder.replace('/', '_')}.mat"
    savemat(path, {"bounding_boxes": entries})
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One face in each folder, under a root whose name holds those of folders."""
    root = tmp_path / "ibug300w_helen"
    for seed, folder in enumerate(FOLDERS):
        _add(root, f"{folder}/face_{seed}", seed, ".png" if "lfpw" in folder else ".jpg")
    return root


def _faces(root: Path) -> list[Face]:
    read = list(w300.read(root, IBUG68))
    assert all(isinstance(face, Face) for face in read), read
    return [face for face in read if isinstance(face, Face)]


def test_every_folder_has_its_split_and_subsets(root: Path) -> None:
    found = {face.photo: face for face in _faces(root)}
    assert [(name, face.split, face.subsets) for name, face in found.items()] == [
        ("afw/face_0.jpg", "train", ()),
        ("helen/trainset/face_1.jpg", "train", ()),
        ("lfpw/trainset/face_2.png", "train", ()),
        ("helen/testset/face_3.jpg", "test", ("common",)),
        ("lfpw/testset/face_4.png", "test", ("common",)),
        ("ibug/face_5.jpg", "test", ("challenging",)),
    ]
    for seed, face in enumerate(found.values()):
        np.testing.assert_allclose(face.landmarks, _points(seed), atol=1e-9)
        assert (face.box, face.detector, face.visible) == (None, None, None)


def test_a_missing_folder_of_boxes_is_warned_of(root: Path) -> None:
    with pytest.warns(UserWarning, match=r"ibug300w_helen has no folder Bounding_Boxes"):
        _faces(root)


def test_the_pixels_of_other_copies_may_count_from_zero(root: Path) -> None:
    face = next(iter(w300.read(root, IBUG68, one_based=False)))
    assert isinstance(face, Face)
    np.testing.assert_allclose(face.landmarks, _points(0) + 1, atol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        ("\n", "\r\n"),
        ("version: 1\n", "version: 1.0\n"),
        ("n_points:  68", "n_points: 68"),
        ("\n", "  \n"),
        ("}\n", "}"),
        ("}\n", "}\n\n"),
        ("version", "\ufeffversion"),
        (" ", "\t"),
    ],
)
def test_the_forms_of_a_points_file(root: Path, change: tuple[str, str]) -> None:
    path = root / "afw/face_0.pts"
    path.write_bytes(path.read_text().replace(*change).encode())
    np.testing.assert_allclose(_faces(root)[0].landmarks, _points(0), atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("\n", "", 1, "no line { opens the points"),
        ("{\n", "", 71, "no line { opens the points"),
        ("}\n", "", 71, "no line } closes the points"),
        ("n_points:  68", "points", 3, "no line n_points"),
        ("n_points:  68", "n_points: 69", 72, "68 points, its header says 69 and scheme ibug68 6"),
        ("LINE9", "", 71, "it holds 67 points, its header says 68"),
        ("LINE9", "1.0 two\n", 9, "y is 'two', not a number"),
        ("LINE9", "nan 2.0\n", 9, "x is 'nan', not a finite number"),
        ("LINE9", "1.0 2.0 3.0\n", 9, "'1.0 2.0 3.0' is not two numbers"),
    ],
)
def test_a_spoilt_points_file_is_named_with_its_line(
    root: Path, old: str, new: str, line: int, said: str
) -> None:
    path = root / "ibug/face_5.pts"
    text = path.read_text()
    if old == "LINE9":
        old = text.splitlines(keepends=True)[8]
    path.write_text(text.replace(old, new))
    *good, bad = w300.read(root, IBUG68)
    assert all(isinstance(face, Face) for face in good)
    assert isinstance(bad, Rejection)
    assert bad.where == f"{path} line {line}"
    assert said in bad.reason
    assert (bad.split, bad.photo) == ("test", "ibug/face_5.jpg")
    assert not bad.missing


def test_binary_points_are_named(root: Path) -> None:
    (root / "afw/face_0.pts").write_bytes(bytes(range(256)))
    bad = next(iter(w300.read(root, IBUG68)))
    assert isinstance(bad, Rejection)
    assert "no line { opens the points" in bad.reason


def test_names_with_blanks_other_suffixes_and_what_is_left_out(root: Path) -> None:
    _add(root, "ibug/image_092 _01", 92)
    _add(root, "ibug/image_093 _01", 93).rename(root / "ibug/image_093_01.PTS")
    photo = root / "ibug/image_093 _01.jpg"
    photo.rename(photo.with_suffix(".JPG"))
    _add(root, "ibug/image_094_mirror", 94)
    (root / "ibug/._face_5.pts").write_bytes(b"\0\5\x16\7")
    found = {face.photo: face for face in _faces(root) if face.photo.startswith("ibug")}
    assert list(found) == ["ibug/face_5.jpg", "ibug/image_092 _01.jpg", "ibug/image_093 _01.JPG"]
    assert np.allclose(found["ibug/image_093 _01.JPG"].landmarks, _points(93))


def test_boxes_are_found_by_name(root: Path) -> None:
    _add(root, "ibug/image_092_01", 92)
    _boxes(
        root, "ibug", ["image_092 _01.jpg", *(f"afw_{i}.jpg" for i in range(201)), "face_5.jpg"]
    )
    for folder in FOLDERS[:-1]:
        _boxes(root, folder, ["other.jpg"])
    *others, dark, blank = _faces(root)
    assert [face.box for face in others] == [None] * 5
    assert dark.box is not None
    assert dark.detector is not None
    assert dark.box.tolist() == [202.5, 202.5, 232.0, 233.0]
    assert dark.detector.tolist() == [202.0, 202.0, 232.0, 233.0]
    assert blank.detector is not None
    assert blank.detector.tolist() == [0.0, 0.0, 30.0, 31.0]


def test_a_box_file_that_is_missing_and_a_box_that_is_none_are_warned_of(root: Path) -> None:
    for folder in FOLDERS[1:]:
        _boxes(root, folder, [], "Bounding_Boxes")
    path = _boxes(root, "ibug", ["face_5.jpg"], "Bounding_Boxes")
    entries = np.empty((1, 1), dtype=object)
    entries[0, 0] = {
        "imgName": "face_5.jpg",
        "bb_detector": [[9.0, 9, 1, 1]],
        "bb_ground_truth": [[1.0, 2, 9, 9]],
    }
    savemat(path, {"bounding_boxes": entries})
    with (
        pytest.warns(UserWarning, match=r"afw\.mat does not exist: its faces have no boxes"),
        pytest.warns(
            UserWarning, match=r"ibug\.mat entry 1 \(face_5\.jpg\), bb_detector: its box"
        ),
    ):
        last = _faces(root)[-1]
    assert last.box is not None
    assert last.detector is None


def test_a_damaged_box_file_is_named(root: Path) -> None:
    for folder in FOLDERS:
        path = _boxes(root, folder, ["face_5.jpg"])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"bounding_boxes_ibug\.mat can't be read as a MATLAB"):
        w300.read(root, IBUG68)


def test_a_box_file_of_another_kind_is_named(root: Path) -> None:
    for folder in FOLDERS:
        path = _boxes(root, folder, ["face_5.jpg"])
    savemat(path, {"bounding_boxes": np.array([[1.0, 2, 3, 4]])})
    with pytest.raises(ValueError, match=r"bounding_boxes_ibug\.mat can't be read"):
        w300.read(root, IBUG68)


def test_points_without_a_photo_are_rejected_and_photos_without_points_warned_of(
    root: Path,
) -> None:
    (root / "afw/face_0.jpg").unlink()
    (root / "ibug/face_5.pts").unlink()
    with pytest.warns(UserWarning, match=r"ibug holds 1 photos without landmarks, such as face_5"):
        first, *_ = w300.read(root, IBUG68)
    assert isinstance(first, Rejection)
    assert (first.missing, first.split, first.photo) == (True, "train", "afw/face_0")
    assert first.where == str(root / "afw/face_0.pts")
    assert "no photo face_0.jpg or .png lies beside it" in first.reason


@pytest.mark.parametrize("name", ["afw/face_0.jpg", "afw/face_0.pts"])
def test_links_are_followed(root: Path, name: str) -> None:
    """Whether photos may lie outside the root is asked where they are read."""
    plain = _faces(root)[0]
    path = root / name
    path.rename(root.parent / path.name)
    path.symlink_to(root.parent / path.name)
    first = _faces(root)[0]
    assert (first.photo, first.landmarks.tolist()) == (plain.photo, plain.landmarks.tolist())


def test_a_part_of_the_folders_is_read(root: Path) -> None:
    for path in (root / "afw").iterdir():
        path.unlink()
    (root / "afw").rmdir()
    assert len(_faces(root)) == 5


def test_a_root_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds none of the folders afw, helen/trainset"):
        w300.read(tmp_path, IBUG68)
    with pytest.raises(ValueError, match=r"dataset\.root is not given"):
        w300.read(None, IBUG68)
    with pytest.raises(ValueError, match=r"scheme=aflw19 has 19 landmarks, 300W has 68"):
        w300.read(tmp_path, SCHEMES["aflw19"])
