import multiprocessing
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from landmark_lightning.datasets.sources import mat
from landmark_lightning.datasets.sources.mat import read_arrays


@pytest.fixture
def good(tmp_path: Path) -> Path:
    names = np.empty((3, 1), dtype=object)
    names[:, 0] = ["a b.jpg", "", "é.jpg"]
    cells = np.empty((1, 2), dtype=object)
    for i in range(2):
        cells[0, i] = {"name": f"{i}.jpg", "box": np.arange(4)[None] + i}
    records = np.array([("x", 1.5), ("y", 2.5)], dtype=[("name", object), ("value", object)])
    path = tmp_path / "good.mat"
    numbers = np.arange(600, dtype=np.int16).reshape(20, 30)
    savemat(path, {"n": numbers, "names": names, "cells": cells, "records": records})
    return path


def test_every_kind_of_variable(good: Path) -> None:
    names = ["n", "names", "cells.name", "cells.box", "records.name", "records.value"]
    first, second = read_arrays([good, good], names)
    assert first["n"].dtype == np.int16
    assert np.array_equal(first["n"], np.arange(600).reshape(20, 30))
    assert first["names"].tolist() == ["a b.jpg", "", "é.jpg"]
    assert first["cells.name"].tolist() == ["0.jpg", "1.jpg"]
    assert first["cells.box"].tolist() == [[0, 1, 2, 3], [1, 2, 3, 4]]
    assert first["records.name"].tolist() == ["x", "y"]
    assert first["records.value"].tolist() == [[1.5], [2.5]]
    assert all(np.array_equal(first[name], second[name]) for name in names)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "has no variable 'none'"),
        ("cells", "can't be read as a MATLAB file"),
        ("records", "not numbers or text"),
        ("n.field", "can't be read as a MATLAB file"),
    ],
)
def test_a_variable_that_is_missing_or_of_another_kind(good: Path, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"good\.mat .*{said}"):
        read_arrays([good], [name])


def test_a_file_that_is_none(good: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.mat does not exist"):
        read_arrays([good, tmp_path / "none.mat"], ["n"])
    (tmp_path / "text.mat").write_text("no MATLAB file, but text that is long enough " * 9)
    with pytest.raises(
        ValueError, match=r"text\.mat can't be read as a MATLAB file \(.+\); unpack it again$"
    ):
        read_arrays([good, tmp_path / "text.mat", good], ["n"])
    assert read_arrays([], ["n"]) == []


def _spoilt(good: Path, kind: str, seed: int) -> Path:
    content = bytearray(good.read_bytes())
    rng = np.random.default_rng(seed)
    if kind == "truncated":
        content = content[: int(rng.integers(len(content)))]
    else:
        content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    path = good.with_name(f"{kind}{seed}.mat")
    path.write_bytes(content)
    return path


def _check_spoilt(path: Path) -> None:
    said = ""
    try:
        read_arrays([path], ["n", "names", "cells.name", "cells.box"])
    except ValueError as error:
        said = str(error)
    assert not said or said.startswith(str(path))
    assert "\n" not in said
    assert len(said) < len(str(path)) + 260


@pytest.mark.parametrize("kind", ["truncated", "flipped"])
@pytest.mark.parametrize("seed", range(3))
def test_a_spoilt_file_is_one_sentence_or_read(good: Path, kind: str, seed: int) -> None:
    _check_spoilt(_spoilt(good, kind, seed))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["truncated", "flipped"])
def test_many_spoilt_files_are_one_sentence_or_read(good: Path, kind: str) -> None:
    for seed in range(100):
        _check_spoilt(_spoilt(good, kind, seed))


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "reading it ended with SIGSEGV",
        ),
        ("import time; time.sleep(60)", "it takes more than 2 seconds"),
        ("import sys; sys.exit(3)", "it ended early"),
        ("print('no archive at all')", "it ended early"),
        ("x = bytearray(10 ** 15)", "MemoryError"),
    ],
)
def test_whatever_the_child_does(
    good: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    parser = good.with_name("parser.py")
    parser.write_text(program)
    monkeypatch.setattr(mat, "_PROGRAM", parser)
    if "sleep" in program:
        monkeypatch.setattr(mat, "SECONDS", 2)
    with pytest.raises(ValueError, match=rf"good\.mat can't be read as a MATLAB file \({said}"):
        read_arrays([good], ["n"])


def test_the_child_loads_nothing_of_the_package() -> None:
    program = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); "
        "print([name for name in sys.modules if name.startswith('landmark_lightning')])"
    )
    command = [sys.executable, "-P", "-c", program, str(mat._PROGRAM)]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"[]\n"


def test_the_child_has_a_limit_of_memory(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = good.with_name("large.mat")
    savemat(path, {"n": np.zeros((10000, 5000), dtype=np.uint8)}, do_compression=True)
    assert read_arrays([path], ["n"])[0]["n"].shape == (10000, 5000)
    monkeypatch.setattr(mat, "MEMORY", 160 * 10**6)
    with pytest.raises(ValueError, match=r"large\.mat can't be read as a MATLAB file"):
        read_arrays([path], ["n"])


def _count(path: Path) -> int:
    return int(read_arrays([path], ["n"])[0]["n"].size)


def test_from_many_threads_and_from_a_spawned_process(good: Path) -> None:
    counts = []
    threads = [threading.Thread(target=lambda: counts.append(_count(good))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [600] * 4
    with multiprocessing.get_context("spawn").Pool(1) as pool:  # its workers are daemons
        assert pool.map(_count, [good]) == [600]
