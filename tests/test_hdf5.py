import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest

from landmark_lightning.datasets.facefile import KIND, CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from tests.conftest import DOTS, dotted_faces

WRITER = """
import sys, h5py
with h5py.File(sys.argv[1], "r+"):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_file_that_is_open_elsewhere_is_not_damaged(dots: FaceFile, tmp_path: Path) -> None:
    path = tmp_path / "dots.h5"
    path.write_bytes(dots.path.read_bytes())
    other = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"open\n"
    with pytest.raises(BlockingIOError, match=r"dots.h5 can't be read now: another program has"):
        FaceFile.open(path)
    other.communicate()
    assert FaceFile.open(path).sha256 == dots.sha256


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_file_that_the_system_does_not_give_is_not_damaged(
    dots: FaceFile, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: Any) -> None:  # noqa: ANN401
        raise OSError(number, "of h5py, with much around it")

    monkeypatch.setattr(h5py, "File", refused)
    with pytest.raises(OSError, match=f"can't be read now: {os.strerror(number)}"):
        FaceFile.open(dots.path)


def test_a_mount_without_locks_is_read(dots: FaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = h5py.File

    def unlockable(*given: Any, locking: bool | None = None) -> h5py.File:  # noqa: ANN401
        if locking is not False:
            raise OSError(errno.ENOLCK, "No locks available")
        return opened(*given, locking=locking)

    monkeypatch.setattr(h5py, "File", unlockable)
    with KIND.open(dots.path) as file:
        assert set(file) == {"train", "test"}


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tiny_disk: Path) -> None:
    """Also where the library finds out when it closes the file, after which it kills Python."""
    program = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from landmark_lightning.hdf5 import created\n"
        "path = Path(sys.argv[1])\n"
        "for rows in (511, 800):\n"
        "    try:\n"
        "        with created(path, Path('faces.h5')) as file:\n"
        "            images = file.create_dataset('i', (rows, 64, 64), 'u1', chunks=(1, 64, 64))\n"
        "            for row in range(rows):\n"
        "                images[row] = np.full((64, 64), row % 256)\n"
        "    except OSError as error:\n"
        "        print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tiny_disk / "x.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = "faces.h5 can't be written: No space left on device; make room or choose another folder"
    assert done.stdout.splitlines() == [said] * 2


def test_room_is_looked_for_before_a_face_is_read(tiny_disk: Path) -> None:
    faces = [*dotted_faces(600, "train"), *dotted_faces(2, "test")]
    told = {"name": "dots", "root": None, "scheme": DOTS, "normalizer": "box"}
    with pytest.raises(OSError, match=r"dots.h5 needs about 2.5 MB, 2.1 MB are free"):
        prepare(faces, tiny_disk / "dots.h5", crop=CropRule(side=64), **told)  # type: ignore[arg-type]
    with pytest.raises(OSError, match=r"dots.h5 can't be written: No space left"):
        prepare((face for face in faces), tiny_disk / "dots.h5", crop=CropRule(side=64), **told)  # type: ignore[arg-type]
    assert list(tiny_disk.iterdir()) == []
