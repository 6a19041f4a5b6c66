"""What signals do to a sweep's cell that is a job of submitit (launcher=slurm, slurm_local).

Some time before a job's time is up, and on some clusters where a job has to make room, Slurm sends
USR2: submitit's handler puts the job into the queue again and ends the process, so that the cell
is cut and goes on when the job runs once more. Elsewhere a job that has to make room is sent
SIGTERM only, which submitit lets pass; here it does the same as USR2.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from landmark_lightning.ending import Ended, handled

ANSWER_SECONDS = 10.0
"""How long Slurm may take to say what it does with the job."""


@contextmanager
def queued_again() -> Iterator[None]:
    """Within the block SIGTERM cuts a cell and queues it again, if a job of submitit runs it.

    Not where Slurm has decided already what becomes of the job, because it was cancelled or Slurm
    queues it again by itself: then SIGTERM only ends it. What follows the first signal is ignored.
    """
    user_signal = getattr(signal, "SIG" + os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2"))
    of_submitit = signal.getsignal(user_signal)
    if "SUBMITIT_EXECUTOR" not in os.environ or not callable(of_submitit):
        yield
        return
    ending = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        if ending:
            return
        ending = True
        if number == signal.SIGTERM and not _undecided():
            raise Ended(number)
        of_submitit(number, frame)
        ending = False  # it came back: another one of the job's processes answers for the job

    with handled((user_signal, signal.SIGTERM), end):
        yield


def _undecided() -> bool:
    """Whether what becomes of the job is not decided: to Slurm it just runs."""
    if os.environ["SUBMITIT_EXECUTOR"] != "slurm":
        return True
    job = os.environ["SLURM_JOB_ID"]
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    ask = ["squeue", "--noheader", f"--jobs={job}", "--format=%T"]
    try:
        told = subprocess.run(
            ask, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.stdout.split() == ["RUNNING"]
