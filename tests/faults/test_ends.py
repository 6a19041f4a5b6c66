"""Runs, sweeps and processes that train together, asked to end at any moment.

They end in a line, without a trace, with the status that shells know, and leave no process.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landmark_lightning.runs.state import read_states
from tests.console import TINY
from tests.faults.share import share

PROGRAM = """
import signal, sys
for name in ("SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from landmark_lightning.commands import entry
print("begun", flush=True)
entry.train()
"""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RNG = random.Random(0)
MOMENTS = [(SIGNALS[k % 3], round(_RNG.uniform(0, 6), 2)) for k in range(60)]
"""Seconds after a command's first line: most while it loads modules, some while it renders faces
or trains."""

TOGETHER = {
    "joblib": ("-m", "model=non,nobb,bb", "launcher=joblib"),
    "ranks": ("trainer=ddp_cpu",),
    "joblib of ranks": ("-m", "model=non,nobb", "launcher=joblib", "trainer=ddp_cpu"),
}
SHARED = [
    (number, name, seconds)
    for name in TOGETHER
    for number in SIGNALS
    for seconds in (0.5, 5.0, 15.0, 30.0)
]
"""Seconds after the first output."""


def begun(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A landmark-train of a long training, the leader of a group of processes."""
    long = (*TINY[:-2], "batch_size=10", "phases.scale=100", "logger.wandb=false")
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *long, *arguments],
        cwd=folder, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stdout.readline() == "begun\n"
    return run


def ended(run: "subprocess.Popen[str]", number: signal.Signals, whole: bool) -> str:
    """Sends a signal to a process, or as a terminal does to its group; what it says last.

    Whatever became of it, none of its processes is left.
    """
    try:
        (os.killpg if whole else os.kill)(run.pid, number)
        _, err = run.communicate(timeout=60)
        assert run.returncode == 128 + number, err
        assert "Traceback" not in err
        deadline = time.monotonic() + 30
        while _lives(run.pid):
            assert time.monotonic() < deadline, "it has left a process"
            time.sleep(0.1)
    finally:
        if _lives(run.pid):
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    return str(err.splitlines()[-1])


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("number", "seconds"), share(MOMENTS))
def test_a_run_ends_at_any_moment(tmp_path: Path, number: signal.Signals, seconds: float) -> None:
    run = begun(tmp_path, "dataset.source.train=300")
    time.sleep(seconds)
    last = ended(run, number, whole=number == signal.SIGINT)
    said = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert last.startswith(f"landmark-train: {said}")
    assert {run.state for run in read_states(tmp_path)} <= {"cut"}


@pytest.mark.slow
@pytest.mark.parametrize(("number", "name", "seconds"), share(SHARED, least=3))
def test_processes_that_work_together_end_together(
    tmp_path: Path, number: signal.Signals, name: str, seconds: float
) -> None:
    run = begun(tmp_path, *TOGETHER[name])
    assert run.stdout is not None
    run.stdout.readline()
    time.sleep(seconds)
    last = ended(run, number, whole=number == signal.SIGINT)
    said = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert last == f"landmark-train: {said}; start the same command again to go on"
    assert {run.state for run in read_states(tmp_path / "runs")} <= {"cut", "missing"}
