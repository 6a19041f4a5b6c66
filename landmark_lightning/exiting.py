"""How a process ends that a signal asks to, before it has begun anything.

It loads nothing that a console script has not: a signal may come a moment after the start.
"""

import os
import signal

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP
"""What asks a process to end."""


class ExitsAtOnce:
    """Within its block Ctrl-C and the signals that ask to end exit there and then, in one line.

    An exception that is raised while modules are loaded may show as another one, or be lost. A
    signal that has a handler or is ignored keeps that; in another thread than the main one the
    block does nothing. ``ending.ended_by_signals`` takes over when something begins.

    Args:
        name: Who says so.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.before: dict[int, object] = {}

    def __call__(self, number: int, _: object) -> None:
        """Exits, as the handler of a signal."""
        name = signal.Signals(number).name
        told = "interrupted" if number == signal.SIGINT else f"ended by {name}"
        try:
            os.write(2, f"{self.name}: {told}\n".encode())
        finally:  # also where the terminal is gone
            os._exit(128 + number)

    def __enter__(self) -> None:
        for number in (signal.SIGINT, *SIGNALS):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                try:
                    self.before[number] = signal.signal(number, self)
                except ValueError:  # not the main thread
                    return

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
