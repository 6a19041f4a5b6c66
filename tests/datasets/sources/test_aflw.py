from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from landmark_lightning.datasets.face import COVERED, Face, Rejection
from landmark_lightning.datasets.sources import aflw
from landmark_lightning.schemes import SCHEMES

AFLW19 = SCHEMES["aflw19"]
NAMES = ["0/image00002.jpg", "0/image00002.jpg", "2/image00005.jpg", "3/image00007.jpg"]
ORDER = [3, 1, 4, 2]


def _annotation() -> dict[str, Any]:
    """Four faces: 1 and 2 of the file share a photo; the order is 3, 1, 4, 2."""
    names = np.empty((4, 1), dtype=object)
    names[:, 0] = NAMES
    x = np.arange(19.0) + 10 * np.arange(1, 5)[:, None]
    visible = np.ones((4, 19))
    visible[3, 5] = 0
    return {
        "nameList": names,
        "bbox": np.array([[10.0 * i, 10.0 * i + 30, 5.0 * i, 5.0 * i + 30] for i in range(1, 5)]),
        "data": np.hstack([x, x + 0.25]),
        "mask_new": visible,
        "ra": np.array([ORDER], dtype=np.float64),
    }


def _write(root: Path, annotation: dict[str, Any], flickr: str = "data/flickr") -> Path:
    for name in NAMES:
        path = root / flickr / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (90, 90)).save(path)
    savemat(root / "AFLWinfo_release.mat", annotation, do_compression=True)
    return root


def _read(root: Path, train: int = 2) -> list[Face | Rejection]:
    return list(aflw.read(root, AFLW19, train=train))


@pytest.mark.parametrize("flickr", ["flickr", "data/flickr", "aflw/flickr", "aflw/data/flickr"])
def test_faces_in_the_file_s_order(tmp_path: Path, flickr: str) -> None:
    read = _read(_write(tmp_path, _annotation(), flickr))
    faces = [face for face in read if isinstance(face, Face)]
    assert [f.where.rpartition(" ")[2] for f in faces] == ["3", "1", "4", "2"]
    assert [f.photo for f in faces] == [f"{flickr}/{NAMES[i - 1]}" for i in ORDER]
    assert [f.split for f in faces] == ["train", "train", "test", "test"]
    assert [f.subsets for f in faces] == [(), (), (), ("frontal",)]
    for row, face in zip(ORDER, faces, strict=True):
        x = np.arange(19.0) + 10 * row
        assert np.array_equal(face.landmarks, np.stack([x, x + 0.25], axis=1))
        assert face.box is not None
        assert face.box.tolist() == [10.0 * row, 5.0 * row, 10.0 * row + 30, 5.0 * row + 30]
        assert face.visible is not None
        assert face.visible.dtype == np.uint8
        hidden = np.flatnonzero(face.visible == COVERED)
        assert hidden.tolist() == ([5] if row == 4 else [])
        assert face.detector is None


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float64])
def test_the_order_and_mask_in_any_type_of_number(tmp_path: Path, dtype: type) -> None:
    annotation = _annotation()
    annotation["ra"] = annotation["ra"].T.astype(dtype)
    annotation["mask_new"] = annotation["mask_new"].astype(dtype)
    assert [getattr(f, "split", "") for f in _read(_write(tmp_path, annotation), 3)].count(
        "train"
    ) == 3


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".jpeg"])
def test_a_photo_under_another_suffix(tmp_path: Path, suffix: str) -> None:
    path = _write(tmp_path, _annotation()) / "data/flickr" / NAMES[2]
    path.rename(path.with_suffix(suffix))
    assert getattr(_read(tmp_path)[0], "photo", "") == f"data/flickr/2/image00005{suffix}"


def test_a_missing_photo_is_rejected_for_each_of_its_faces(tmp_path: Path) -> None:
    (_write(tmp_path, _annotation()) / "data/flickr" / NAMES[0]).unlink()
    bad = [face for face in _read(tmp_path) if isinstance(face, Rejection)]
    assert [(face.missing, face.split, face.photo) for face in bad] == [
        (True, "train", "data/flickr/0/image00002.jpg"),
        (True, "test", "data/flickr/0/image00002.jpg"),
    ]
    assert bad[0].where == f"{tmp_path / 'AFLWinfo_release.mat'} row 1"
    assert "photo 'data/flickr/0/image00002.jpg' does not exist" in bad[0].reason


@pytest.mark.parametrize(
    ("name", "place", "value", "said"),
    [
        ("data", (0, 4), np.nan, r"landmark 4 at (nan, 14.25) is not at positive"),
        ("data", (0, 19), 0.0, r"landmark 0 at (10, 0) is not at positive"),
        ("data", (0, 0), -3.0, r"landmark 0 at (-3, 10.25) is not at positive"),
        ("data", (0, 0), np.inf, r"landmark 0 at (inf, 10.25) is not at positive"),
        ("bbox", (0, 1), 10.0, "its box [10.0, 5.0, 10.0, 35.0] is not x0 < x1"),
        ("bbox", (0, 3), np.nan, "its box [10.0, 5.0, 40.0, nan] is not x0 < x1"),
        ("nameList", (0, 0), "../../../x.jpg", "photo 'data/flickr/../../../x.jpg' lies outside"),
        ("nameList", (0, 0), f"0/{'a' * 300}.jpg", "is no file's name"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, place: tuple[int, int], value: object, said: str
) -> None:
    annotation = _annotation()
    annotation[name][place] = value
    bad = [face for face in _read(_write(tmp_path, annotation)) if isinstance(face, Rejection)]
    assert [face.where for face in bad] == [f"{tmp_path / 'AFLWinfo_release.mat'} row 1"]
    assert said in bad[0].reason
    assert (bad[0].split, bad[0].missing) == ("train", False)


def test_a_link_that_leaves_the_root_is_left_to_the_cropping(tmp_path: Path) -> None:
    root = _write(tmp_path / "aflw", _annotation())
    path = root / "data/flickr" / NAMES[2]
    path.rename(tmp_path / "away.jpg")
    path.symlink_to(tmp_path / "away.jpg")
    assert isinstance(_read(root)[0], Face)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ra", None, "has no variable 'ra'"),
        ("nameList", None, "has no variable 'nameList'"),
        ("ra", [[1.0, 2, 3, 3]], "ra is no order of the faces 1 to 4"),
        ("ra", [[0.0, 1, 2, 3]], "ra is no order of the faces 1 to 4"),
        ("ra", [[1.0, 2, 3]], "ra is no order of the faces 1 to 4"),
        ("bbox", np.ones((4, 3)), r"bbox has shape \(4, 3\), not \(4, 4\)"),
        ("data", np.ones((3, 38)), r"data has shape \(3, 38\), not \(4, 38\)"),
        ("mask_new", [["a" * 19]] * 4, r"mask_new"),
        ("nameList", np.ones((4, 1)), "nameList is no list of texts"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, value: object, said: str
) -> None:
    annotation = _annotation()
    del annotation[name]
    if value is not None:
        annotation[name] = np.array(value)
    with pytest.raises(ValueError, match=rf"AFLWinfo_release\.mat.*{said}"):
        _read(_write(tmp_path, annotation))


def test_a_damaged_annotation_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path, _annotation()) / "AFLWinfo_release.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"AFLWinfo_release\.mat can't be read as a MATLAB file"):
        _read(tmp_path)


def test_a_root_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"AFLWinfo_release\.mat does not exist; dataset\.root"):
        _read(tmp_path)
    savemat(tmp_path / "AFLWinfo_release.mat", _annotation())
    with pytest.raises(ValueError, match=r"holds none of the folders flickr, data/flickr"):
        _read(tmp_path)
    with pytest.raises(ValueError, match=r"train=4 must be a whole number below the 4 faces"):
        _read(tmp_path, 4)
    with pytest.raises(ValueError, match=r"scheme=ibug68 has 68 landmarks, AFLW has 19"):
        aflw.read(tmp_path, SCHEMES["ibug68"])
