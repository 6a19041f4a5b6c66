"""Runs and sweeps that a signal asks to end, in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landmark_lightning.runs.state import read_state
from tests.console import TINY, start, states

QUIET = (*TINY, "logger.wandb=false")


def test_a_run_that_is_asked_to_end_says_how_to_go_on(tmp_path: Path) -> None:
    run = start(
        "tests.commands.stopped", "training", "SIGTERM", *QUIET, "phases.scale=1", cwd=tmp_path
    )
    _, err = run.communicate(timeout=120)
    assert run.returncode == 143, err
    assert err.splitlines()[-1] == (
        "landmark-train: ended by SIGTERM; start the same command again to go on"
    )
    assert states(tmp_path / "runs") == {"nobb": "cut"}
    assert (
        json.loads((tmp_path / "runs/synthetic/nobb/seed0/state.json").read_text())["state"]
        == "cut"
    )


@pytest.mark.slow
def test_a_cell_of_a_sweep_that_is_asked_to_end_leaves_the_others(tmp_path: Path) -> None:
    grid = ("-m", "model=non,nobb", "launcher=joblib", *QUIET, "phases.scale=2")
    sweep = start("tests.commands.stopped", "nowhere", "SIGTERM", *grid, cwd=tmp_path)
    os.kill(_trained_by(tmp_path / "runs/synthetic/nobb/seed0"), signal.SIGTERM)
    _, err = sweep.communicate(timeout=200)
    assert sweep.returncode == 1
    assert "landmark-train (runs/synthetic/nobb/seed0): ended by SIGTERM\n" in err
    assert "synthetic/nobb/seed0: cut" in err
    assert states(tmp_path / "runs") == {"non": "done", "nobb": "cut"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_job_that_is_asked_to_end_is_queued_again_and_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    grid = ("-m", "launcher=slurm_local", *QUIET, "phases.scale=2", "rerun=true")
    sweep = start("tests.commands.stopped", "nowhere", "SIGTERM", *grid, cwd=tmp_path)
    folder = tmp_path / "runs/synthetic/nobb/seed0"
    os.kill(_trained_by(folder), number)
    seen = set()
    while sweep.poll() is None:
        seen.add(read_state(folder).state)
        time.sleep(0.05)
    out, err = sweep.communicate()
    assert sweep.returncode == 0, err
    assert "cut" in seen
    (said,) = (tmp_path / "runs/.submitit").rglob("*.out")
    assert "goes on from" in said.read_text()
    assert read_state(folder).state == "done", out


def _trained_by(folder: Path) -> int:
    """The process that trains a run, once it has a checkpoint."""
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints/last.ckpt").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return int(json.loads((folder / "state.json").read_text())["pid"])


@pytest.mark.slow
def test_a_sweep_goes_on_when_its_terminal_is_gone(tmp_path: Path) -> None:
    """Whose writes then fail (EIO), where nohup keeps SIGHUP away."""
    terminal, end = os.openpty()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        sweep = subprocess.Popen(
            [sys.executable, "-m", "tests.commands.stopped", "nowhere", "SIGTERM", "-m",
             "model=non,nobb", *QUIET],
            stdin=end, stdout=end, stderr=end, cwd=tmp_path, start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGHUP, before)
        os.close(end)
    assert b"Sweep of 2 cells" in os.read(terminal, 1000)
    os.close(terminal)
    assert sweep.wait(timeout=200) == 0
    assert states(tmp_path / "runs") == {"non": "done", "nobb": "done"}
