import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from landmark_lightning.datasets import facefile_arrays
from landmark_lightning.datasets.facefile import FaceFile


@pytest.fixture
def copy(dots: FaceFile, tmp_path: Path) -> Path:
    path = tmp_path / "dots.h5"
    shutil.copy(dots.path, path)
    return path


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.h5 does not exist; landmark-prepare"):
        FaceFile.open(tmp_path / "none.h5")


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_cut_file_is_named(copy: Path, keep: int) -> None:
    copy.write_bytes(copy.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"dots\.h5 is no FaceFile or is damaged"):
        FaceFile.open(copy)


def test_another_schema_is_named(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        file.attrs["schema"] = 99
    with pytest.raises(ValueError, match="schema 99"):
        FaceFile.open(copy)


def test_a_foreign_hdf5_file_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(ValueError, match="does not say its schema"):
        FaceFile.open(tmp_path / "x.h5")


def test_a_flipped_bit_is_found(copy: Path) -> None:
    found = 0
    content = copy.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content) // 4, len(content) - 1000, 20):
        damaged = bytearray(content)
        damaged[place] ^= 1
        copy.write_bytes(damaged)
        try:
            FaceFile.open(copy).verify()
        except ValueError:
            found += 1
    assert found >= 18  # the rest hit bytes that nothing uses


@pytest.mark.parametrize("place", [0, 6, 7, 59])
def test_a_change_is_found_in_every_portion(
    copy: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(facefile_arrays, "ROWS_AT_ONCE", 7)
    FaceFile.open(copy).verify()
    with h5py.File(copy, "r+") as file:
        file["train/images"][place, 30, 30] ^= 1
    with pytest.raises(ValueError, match="has changed since it was written"):
        FaceFile.open(copy).verify()


@pytest.mark.parametrize("link", [h5py.ExternalLink("/etc/passwd", "/x"), h5py.SoftLink("/test")])
def test_links_are_refused(copy: Path, link: object) -> None:
    with h5py.File(copy, "r+") as file:
        del file["train/box"]
        file["train/box"] = link
    with pytest.raises(ValueError, match="train/box is missing or links elsewhere"):
        FaceFile.open(copy)


def test_a_declared_size_that_is_not_there_is_refused(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        del file["train/images"]
        file["train"].create_dataset("images", (10**9, 64, 64), "u1", chunks=(1, 64, 64))
    with pytest.raises(ValueError, match="train/images is shorter than it declares"):
        FaceFile.open(copy)


def test_external_storage_is_refused(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        faces = len(file["train/box"])
        del file["train/box"]
        external = [("/etc/passwd", 0, 16 * faces)]
        file["train"].create_dataset("box", (faces, 4), "f4", external=external)
    with pytest.raises(ValueError, match="train/box is not stored in the file itself"):
        FaceFile.open(copy)


def test_another_shape_is_refused(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        faces = len(file["train/box"])
        del file["train/landmarks"]
        file["train/landmarks"] = np.zeros((faces, 4, 2), np.float32)
    with pytest.raises(ValueError, match="train/landmarks has shape"):
        FaceFile.open(copy)
