"""Every notebook runs from top to bottom, and is committed without what it showed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.made_runs import made_records, write_run

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
COMPARE = next(path for path in NOTEBOOKS if path.stem == "compare_runs")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_is_committed_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p != COMPARE], ids=lambda p: p.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    done = _run(path, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("named", [pytest.param(False, marks=pytest.mark.slow), True])
def test_runs_become_a_table_and_a_plot(tmp_path: Path, named: bool) -> None:
    """From the folder ``runs`` where the notebook is started, or from one that is named."""
    runs = tmp_path / ("elsewhere" if named else "runs")
    for model, seed in (("non", 0), ("bb", 0), ("bb", 1)):
        write_run(runs, made_records(model=model, seed=seed))
    done = _run(
        COMPARE, tmp_path, "--overwrite", **({"LANDMARK_RUNS": str(runs)} if named else {})
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [
        output["data"]
        for cell in json.loads((tmp_path / COMPARE.name).read_text())["cells"]
        for output in cell.get("outputs", [])
    ]
    table = next("".join(data["text/markdown"]) for data in shown if "text/markdown" in data)
    assert [line.split(" | ")[:2] for line in table.splitlines() if line.startswith("| ")][2:] == [
        ["| non", "1"],
        ["| bb", "2"],
    ]
    assert sum("image/png" in data for data in shown) == 1


def _run(
    path: Path, folder: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a copy of a notebook in a folder."""
    (folder / path.name).write_bytes(path.read_bytes())
    nbmake = ["--nbmake", "--nbmake-timeout=300", *options]
    command = [sys.executable, "-m", "pytest", *nbmake, path.name]
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
