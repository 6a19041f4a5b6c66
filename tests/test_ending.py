import os
import signal
import subprocess
import sys

import pytest

from landmark_lightning.ending import Ended, ended_by_signals, sigterm_held_back


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_block_once(number: signal.Signals, code: int) -> None:
    def work() -> None:
        with ended_by_signals():
            try:
                signal.raise_signal(number)  # to this thread, so at once
            finally:
                signal.raise_signal(signal.SIGTERM)  # while it ends: ignored

    before = signal.signal(number, signal.SIG_DFL)  # nohup ignores SIGHUP
    try:
        with pytest.raises(Ended, match=f"ended by {number.name}") as caught:
            work()
        assert caught.value.code == code
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "x: interrupted"),
        (signal.SIGTERM, 143, "x: ended by SIGTERM"),
        (signal.SIGHUP, 129, "x: ended by SIGHUP"),
    ],
)
def test_before_the_work_a_signal_exits_at_once(
    number: signal.Signals, code: int, said: str
) -> None:
    """Whatever catches exceptions there; the work then ends by one."""
    program = (
        "import signal\nfrom landmark_lightning.ending import Ended, ended_by_signals\n"
        "from landmark_lightning.exiting import SIGNALS, ExitsAtOnce\n"
        f"number = {int(number)}\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "for each in SIGNALS: signal.signal(each, signal.SIG_DFL)\n"
        "with ExitsAtOnce('x'):\n"
        "    try:\n"
        "        with ended_by_signals(): signal.raise_signal(number)\n"
        "    except (Ended, KeyboardInterrupt) as end: print(type(end).__name__)\n"
        "    try: signal.raise_signal(number)\n"
        "    except BaseException: pass\n"
        "print('goes on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, f"{said}\n")
    assert done.stdout in ("", "Ended\n", "KeyboardInterrupt\n")  # what was not flushed is lost


def test_what_is_ignored_stays_ignored() -> None:
    """As nohup asks for."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_sigterm_is_held_back_to_the_end_of_the_block() -> None:
    steps = []

    def work() -> None:
        with ended_by_signals(), sigterm_held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("taken whole")

    with pytest.raises(Ended):
        work()
    assert steps


def test_a_signal_left_to_the_parent_does_nothing() -> None:
    program = (
        "import os, signal\nfrom landmark_lightning.ending import leave_signals_to_parent\n"
        "leave_signals_to_parent()\n"
        "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):\n"
        "    os.kill(os.getpid(), number)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
