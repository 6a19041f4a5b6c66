"""The whole grid at the size of the real datasets: `make rehearsal-full`.

Official trees with as many faces as the real ones, of small photos, and real faces of five
landmarks where ``shared/data/mtfl`` lies beside the checkout. What a command took is printed.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from landmark_lightning.runs.predictions import read_records
from landmark_lightning.runs.state import read_states

OFFICIAL = {"300w": 689, "aflw": 4386, "wflw": 2500}
"""Test faces of each."""
MTFL = Path(__file__).parents[3] / "shared" / "data" / "mtfl"
FIVE = (
    "dataset=custom", "dataset.name=mtfl", f"dataset.root={MTFL}", "dataset.crop.scale=2.2",
    "dataset.scheme={name: five, landmarks: 5, mirror: [[0, 1], [3, 4]], "
    "normalizers: {inter_ocular: [[0], [1]]}}",
)  # fmt: skip
EPOCH = ("network=small", "augmentation=mild", "phases.scale=0.025", "batch_size=32")
"""Settings of an epoch through all three phases."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "wait4"), reason="measures memory by wait4"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder, in which the commands run with their default data_dir and runs_dir."""
    folder = tmp_path_factory.mktemp("rehearsal-full")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def _run(*command: str) -> None:
    """Runs a command as a user does, and prints its seconds and its peak memory."""
    started = time.monotonic()
    name, *arguments = command
    if name == "python":
        whole = [sys.executable, *arguments]
    else:
        start = f"from landmark_lightning.commands import entry; entry.{name}()"
        whole = [sys.executable, "-c", start, *arguments]
    process = subprocess.Popen(whole)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(
        f"== {' '.join(command)}: {time.monotonic() - started:.0f} s, "
        f"{usage.ru_utime + usage.ru_stime:.0f} s of CPU, peak {usage.ru_maxrss / 1024:.0f} MB",
        flush=True,
    )
    assert process.returncode == 0


def _finish(dataset: str, test: int) -> None:
    """Tests again and exports both runs of a dataset, and checks that all test faces are there."""
    for model in ("nobb", "bb"):
        folder = Path("runs") / dataset / model / "seed0"
        _run("evaluate", f"run={folder}")
        _run("export", f"run={folder}")
        content = json.loads((folder / "metrics.json").read_text())
        assert content["subsets"]["full"]["faces"] == test
        again = json.loads((folder / "evaluations" / dataset / "metrics.json").read_text())
        assert again["subsets"] == content["subsets"]
        records = read_records(folder / "predictions.h5")
        assert len(records.photo) == test
        for name in ("faces.png", "surprises.png", "model.onnx"):
            assert (folder / name).stat().st_size > 10_000, name
        assert (folder / "checkpoints" / "best.ckpt").is_file()


def test_six_cells_of_rendered_faces_in_the_official_trees(place: Path) -> None:
    for dataset in OFFICIAL:
        layout = ("--photo", "64", "--distinct", "100")
        _run(
            "python",
            "-m",
            "landmark_lightning.datasets.synthetic.trees.write",
            dataset,
            dataset,
            *layout,
        )
        _run("prepare", f"dataset={dataset}", f"dataset.root={dataset}")  # compares the counts
    _run("train", "-m", "model=nobb,bb", f"dataset={','.join(OFFICIAL)}", *EPOCH)
    for dataset, test in OFFICIAL.items():
        _finish(dataset, test)
    _run("report", "runs=runs")
    assert [state.state for state in read_states(place / "runs")] == ["done"] * 6
    tables = (place / "report" / "tables.md").read_text()
    assert all(f"{dataset}: all models" in tables for dataset in OFFICIAL)


@pytest.mark.skipif(not MTFL.is_dir(), reason="shared/data/mtfl is not beside the checkout")
def test_two_cells_of_real_faces(place: Path) -> None:
    _run("prepare", *FIVE)
    _run("train", "-m", "model=nobb,bb", *FIVE, *EPOCH)
    _finish("mtfl", 2995)
    _run("report", "runs=runs", "output=report-mtfl")
    assert "mtfl: all models" in (place / "report-mtfl" / "tables.md").read_text()
