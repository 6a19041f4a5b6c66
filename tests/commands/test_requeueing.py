"""A cell as a job of submitit; Slurm itself is played by a script."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from landmark_lightning.commands.requeueing import queued_again
from landmark_lightning.ending import Ended


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """In a job of submitit: the signals that its own handler, which exits, was called with."""
    numbers: list[int] = []

    def requeue(number: int, _: object) -> None:
        numbers.append(number)
        raise SystemExit(144)

    monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")
    before = signal.signal(signal.SIGUSR2, requeue), signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield numbers
    finally:
        signal.signal(signal.SIGUSR2, before[0])
        signal.signal(signal.SIGTERM, before[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_job_that_is_asked_to_end_is_queued_again(asked: list[int], number: int) -> None:
    def job() -> None:
        with queued_again():
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)  # Slurm's own, once it has queued the job

    with pytest.raises(SystemExit) as caught:
        job()
    assert caught.value.code == 144
    assert asked == [number]


@pytest.mark.parametrize(
    ("state", "queued"), [("RUNNING", True), ("COMPLETING", False), (None, False)]
)
def test_slurm_is_asked_whether_it_has_decided(
    asked: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str | None,
    queued: bool,
) -> None:
    if state is not None:
        (tmp_path / "squeue").write_text(f'#!/bin/sh\n[ "$2" = --jobs=7_1 ] && echo {state}\n')
        (tmp_path / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, value in (("JOB_ID", "8"), ("ARRAY_JOB_ID", "7"), ("ARRAY_TASK_ID", "1")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    with pytest.raises(SystemExit) as caught, queued_again():
        os.kill(os.getpid(), signal.SIGTERM)
    assert isinstance(caught.value, Ended) != queued
    assert bool(asked) == queued


def test_outside_a_job_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUBMITIT_EXECUTOR", raising=False)
    with queued_again():
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
