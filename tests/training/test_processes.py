"""Two real processes on the CPU (trainer=ddp_cpu) against one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import landmark_lightning
from tests.console import TINY, Command

ARGUMENTS = (*TINY[:-2], "phases.scale=0.1", "batch_size=8", "logger.wandb=false")
"""27 faces to train: the fourth batch of an epoch holds 3, so that the parts differ."""

LONELY = ("batch_size=13",)
"""The third batch of an epoch holds one face: the second process has none of it."""


def _numbers(content: Any, name: str = "") -> Iterator[tuple[str, float | None]]:  # noqa: ANN401
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _numbers(value, f"{name}/{key}")
    else:
        yield name, content


def _same(one: Path, two: Path) -> None:
    """The same draws, and the same figures and weights but for rounding."""
    figures = [
        dict(_numbers(json.loads((run / "metrics.json").read_text())["subsets"]))
        for run in (one, two)
    ]
    assert figures[1] == pytest.approx(figures[0], abs=1e-5, nan_ok=True)
    states = [torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in (one, two)]
    assert states[0]["global_step"] == states[1]["global_step"]
    for name, value in states[0]["state_dict"].items():
        if name == "static_prior":  # measured at a run's end, for best.ckpt
            continue
        other = states[1]["state_dict"][name]
        assert torch.allclose(value, other, rtol=1e-4, atol=1e-5, equal_nan=True), name
    balancers = [state["FaceDataModule"] for state in states]
    assert balancers[0].keys() == balancers[1].keys()
    if "draws" in balancers[0]:
        assert torch.equal(balancers[0]["draws"], balancers[1]["draws"])
        assert torch.equal(balancers[0]["written"], balancers[1]["written"])
        mine, theirs = (balancer["losses"] for balancer in balancers)
        assert torch.allclose(mine, theirs, rtol=1e-4, equal_nan=True)


@pytest.mark.slow
@pytest.mark.parametrize("last", [(), LONELY])
def test_two_processes_learn_what_one_does(
    command: Command, tmp_path: Path, last: tuple[str, ...]
) -> None:
    """A multirun of them, for every way to draw; nothing of the one is left in the next."""
    before = dict(os.environ)
    arguments = ("-m", "model=nobb,bbo,bb,bbs", *ARGUMENTS, *last)
    for runs, trainer in (("one", "default"), ("two", "ddp_cpu")):
        done = command("train", *arguments, f"runs_dir={runs}", f"trainer={trainer}")
        assert done.code == 0, done.err
    assert "steps on 2 devices" in done.out
    for model in ("nobb", "bbo", "bb", "bbs"):
        _same(*(tmp_path / runs / "synthetic" / model / "seed0" for runs in ("one", "two")))
    changed = {name for name in os.environ if os.environ[name] != before.get(name)}
    assert not changed & {"LOCAL_RANK", "MASTER_PORT", "WORLD_SIZE"}


@pytest.mark.slow
def test_a_run_of_two_goes_on_with_one(command: Command, tmp_path: Path) -> None:
    arguments = ("model=bbo", *ARGUMENTS)
    assert command("train", *arguments, "runs_dir=one").code == 0
    two = tmp_path / "two/synthetic/bbo/seed0"
    done = command("train", *arguments, "runs_dir=two", "trainer=ddp_cpu")
    assert done.code == 0, done.err
    best, last = (two / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    steps = [torch.load(path, weights_only=True)["global_step"] for path in (best, last)]
    assert steps[0] < steps[1]
    last.write_bytes(best.read_bytes())  # as if it had been cut after that epoch
    (two / "metrics.json").unlink()
    again = command("train", *arguments, "runs_dir=two")
    assert again.code == 0, again.err
    assert "goes on from" in again.out
    _same(tmp_path / "one/synthetic/bbo/seed0", two)


def _children(pid: int) -> list[int]:
    told = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in told.stdout.split()]


def _started(tmp_path: Path, sign: str = "checkpoints/last.ckpt") -> subprocess.Popen[str]:
    """A long training of two processes, once it has written a file: a checkpoint."""
    long = [a for a in ARGUMENTS if not a.startswith("phases.scale")] + ["phases.scale=50"]
    code = "from landmark_lightning.commands.entry import train; train()"
    root = str(Path(landmark_lightning.__file__).parent.parent)
    run = subprocess.Popen(
        [sys.executable, "-c", code, "model=bbo", "trainer=ddp_cpu", *long],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        stderr=subprocess.PIPE,
        text=True,
    )
    written = tmp_path / "runs/synthetic/bbo/seed0" / sign
    while not written.is_file() and run.poll() is None:
        time.sleep(0.1)
    return run


def _all_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_sigterm_cuts_a_run_of_two(tmp_path: Path) -> None:
    """Whatever the processes tell each other when it comes; three times, since it is by chance."""
    for attempt in "abc":
        folder = tmp_path / attempt
        folder.mkdir()
        run = _started(folder)
        others = _children(run.pid)
        assert others
        run.terminate()
        _, said = run.communicate(timeout=90)
        assert "Traceback" not in said
        assert run.returncode == 143
        assert said.splitlines()[-1].startswith("landmark-train: ended by SIGTERM; start the same")
        _all_end(others)
        state = json.loads((folder / "runs/synthetic/bbo/seed0/state.json").read_text())
        assert state["state"] == "cut"


@pytest.mark.slow
def test_sigterm_cuts_a_run_of_two_that_is_just_starting(tmp_path: Path) -> None:
    """It came before Lightning had its handler, and was obeyed at the end of the training."""
    run = _started(tmp_path, "config.yaml")
    run.terminate()
    _, said = run.communicate(timeout=90)
    assert run.returncode == 143, said
    assert said.splitlines()[-1].startswith("landmark-train: ended by SIGTERM; start the same")


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["first", "second"])
def test_when_one_process_dies_the_other_ends(tmp_path: Path, victim: str) -> None:
    """Neither waits for ever for the one that is gone."""
    run = _started(tmp_path)
    others = _children(run.pid)
    assert others
    os.kill(run.pid if victim == "first" else others[0], signal.SIGKILL)
    _, said = run.communicate(timeout=90)
    assert run.returncode != 0
    if victim == "second":
        assert "process 1 of the run's 2 failed" in said
    _all_end(others)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trainer.strategy=ddp_spawn",), "trainer.strategy=ddp only"),
        (("batch_size=1",), "batch_size=1 is the whole batch of all 2 devices"),
    ],
)
def test_what_several_devices_cannot_do_is_said(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    kept = [a for a in ARGUMENTS if not a.startswith(arguments[0].split("=")[0])]
    done = command("train", *kept, "trainer=ddp_cpu", *arguments)
    assert done.code == 1
    assert said in done.err
    assert not (tmp_path / "runs").exists()
