"""landmark-prepare on trees as large as the official ones, of small photos."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.synthetic.trees.write import write_layout

COUNTS = {
    "300w": {"train": 3148, "test": 689, "common": 554, "challenging": 135},
    "aflw": {"train": 20000, "test": 4386},
    "wflw": {
        "train": 7500,
        "test": 2500,
        "pose": 326,
        "expression": 314,
        "illumination": 698,
        "makeup": 206,
        "occlusion": 736,
        "blur": 773,
    },
}
MEASURED = """
import resource
from landmark_lightning.commands.entry import prepare
prepare()
whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print("peak", sum(resource.getrusage(who).ru_maxrss for who in whose))
"""
"""Prepares as the console script does; then says how many KiB it and its child needed."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
@pytest.mark.parametrize("layout", COUNTS)
def test_counts_and_memory(layout: str, tmp_path: Path) -> None:
    root = tmp_path / layout
    written = write_layout(root, layout, photo=48, distinct=50, progress=False)
    arguments = [f"dataset={layout}", f"dataset.root={root}", f"data_dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    path = tmp_path / f"{layout}.h5"
    peak = 1024 * int(done.stdout.split("peak ")[1])
    assert peak < 1e9 + path.stat().st_size, done.stdout
    file = FaceFile.open(path)
    test = file.read("test")
    subsets = dict(zip(file.subsets, test.subsets.sum(axis=0).tolist(), strict=True))
    for name, count in COUNTS[layout].items():
        assert (file.faces | subsets)[name] == count, name
    assert subsets == Counter(
        name for face in written if face.split == "test" for name in face.subsets
    )
