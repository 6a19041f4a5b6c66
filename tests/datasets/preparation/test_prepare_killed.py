"""A prepare that is killed leaves the old file or none, and the next one succeeds."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import BLOCK, prepare
from tests.conftest import DOTS, dotted_faces

# Its server has imported all that a process needs, and no thread of this one is copied.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])
COUNT = 3 * BLOCK


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _faces(dies_at: int | None = None, pause: float = 0) -> Iterator[Face]:
    for i, face in enumerate([*dotted_faces(COUNT, "train"), *dotted_faces(2, "test")]):
        if i == dies_at:
            _die()
        time.sleep(pause)
        yield face


def _prepare(faces: Iterator[Face], path: Path) -> None:
    prepare(
        faces,
        path,
        name="dots",
        root=None,
        scheme=DOTS,
        normalizer="inter_ocular",
        crop=CropRule(side=32),
        workers=2,
    )


def _until(moment: str, path: Path) -> None:
    """Prepares in a process of its own until it kills itself."""
    if moment == "synced":
        os.fsync = lambda fd: _die()
    elif moment == "renamed":
        Path.replace = lambda *_: _die()  # type: ignore[assignment,method-assign]
    _prepare(_faces(int(moment) if moment.isdigit() else None), path)
    _die()


def _slowly(path: Path) -> None:
    _prepare(_faces(pause=0.01), path)


def _check_and_prepare_again(path: Path, before: bytes | None, whole: bytes) -> None:
    after = path.read_bytes() if path.exists() else None
    assert after in (before, whole)
    assert {p.name for p in path.parent.iterdir() if not p.name.startswith(".")} <= {path.name}
    _prepare(_faces(), path)
    FaceFile.open(path).verify()
    assert path.read_bytes() == whole


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file as it must be."""
    path = tmp_path_factory.mktemp("whole") / "dots.h5"
    _prepare(_faces(), path)
    return path.read_bytes()


@pytest.mark.parametrize("old", [b"an old file", None], ids=["old", "none"])
@pytest.mark.parametrize(
    "moment", ["0", str(COUNT // 2), str(COUNT + 1), "synced", "renamed", "done"]
)
def test_killed_at_a_known_moment(
    tmp_path: Path, whole: bytes, moment: str, old: bytes | None
) -> None:
    path = tmp_path / "dots.h5"
    if old is not None:
        path.write_bytes(old)
    process = PROCESSES.Process(target=_until, args=(moment, path))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert path.exists() == (old is not None or moment == "done")
    if path.exists():
        assert path.read_bytes() == (whole if moment == "done" else old)
    _check_and_prepare_again(path, old, whole)


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_moment(tmp_path: Path, whole: bytes, seed: int) -> None:
    path = tmp_path / "dots.h5"
    path.write_bytes(b"an old file")
    process = PROCESSES.Process(target=_slowly, args=(path,))
    process.start()
    while process.is_alive() and not list(tmp_path.glob(".dots.h5.*")):
        time.sleep(0.005)
    time.sleep(np.random.default_rng(seed).uniform(0, 0.012 * COUNT))
    process.kill()
    process.join()
    _check_and_prepare_again(path, b"an old file", whole)
