"""How a process ends that a signal asks to.

SIGTERM comes from a scheduler, ``kill`` or a container that is stopped, SIGHUP from a terminal
that is closed.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from landmark_lightning.exiting import SIGNALS, ExitsAtOnce

Handler = Callable[[int, FrameType | None], Any]


class Ended(SystemExit):
    """A signal asked the process to end; its code is what a shell reports: 128 + the number.

    It is no Exception: what catches those lets it pass.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.status = 128 + number
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"ended by {self.name}"


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within the block a signal that asks to end raises Ended in the main thread.

    Later ones are ignored, so that what is said and written last is whole. A signal that has a
    handler or is ignored, as under ``nohup``, keeps that; but ExitsAtOnce stands back, and Ctrl-C
    raises KeyboardInterrupt. In another thread it does nothing.
    """
    requested = False

    def end(number: int, _: FrameType | None) -> None:
        nonlocal requested
        if not requested:
            requested = True
            raise Ended(number)

    known = {number: signal.getsignal(number) for number in (signal.SIGINT, *SIGNALS)}
    exiting = [number for number, handler in known.items() if isinstance(handler, ExitsAtOnce)]
    free = [number for number in SIGNALS if number in exiting or known[number] == signal.SIG_DFL]
    interrupts = [signal.SIGINT] if signal.SIGINT in exiting else []
    with handled(interrupts, signal.default_int_handler), handled(free, end):
        yield


@contextmanager
def sigterm_held_back() -> Iterator[Callable[[], bool]]:
    """Within the block SIGTERM is noted only; at its end the process takes it as it would have.

    For steps that several processes take together: one that leaves from wherever it is lets the
    others wait for it. Who can leave between two steps asks what the block gives: whether it came.
    """
    noted = False

    def note(*_: object) -> None:
        nonlocal noted
        noted = True

    handler = signal.getsignal(signal.SIGTERM)
    held = [signal.SIGTERM] if callable(handler) else []
    try:
        with handled(held, note):
            yield lambda: noted
    finally:
        if noted and callable(handler):
            handler(signal.SIGTERM, None)


def leave_signals_to_parent() -> None:
    """Lets signals that ask to end pass, Ctrl-C too: who started this process ends it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (*SIGNALS, signal.SIGINT))


@contextmanager
def handled(numbers: Iterable[signal.Signals], handler: Handler) -> Iterator[None]:
    """Within the block signals have a handler; in another thread than the main one, nothing is."""
    if threading.current_thread() is not threading.main_thread():
        numbers = ()  # Python takes signals in the main thread alone
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
