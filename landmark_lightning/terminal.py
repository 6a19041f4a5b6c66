"""What is printed, whatever the terminal: one that knows few characters, one that is gone."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any


class _Steady:
    """A stream whose writes never fail: when its terminal or pipe is gone, they go nowhere."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401
        self._stream = stream
        with suppress(AttributeError, OSError, ValueError):  # not a text file; gone; closed
            stream.reconfigure(errors="backslashreplace")  # \xb1 where there is no plus-minus

    def write(self, text: str) -> int:
        try:
            return int(self._stream.write(text))
        except (OSError, ValueError):  # ValueError: closed
            self._let_go()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._let_go()

    def _let_go(self) -> None:
        # The descriptor itself, so that what is buffered, and Python at its end, can be written.
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._stream, name)


@contextmanager
def steady_output() -> Iterator[None]:
    """Within the block printing never fails, and progress bars neither.

    A character that the terminal lacks is shown as Python would write it. When the terminal or
    the pipe is gone, as a closed ssh session or ``| head`` leave it, the work goes on unseen.
    """
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    for name, stream in before.items():
        if stream is None:  # closed when Python began: else the next file would have its number
            stream = open(os.devnull, "w")  # noqa: SIM115, PTH123
            before[name] = stream
        if not isinstance(stream, _Steady):
            setattr(sys, name, _Steady(stream))
    try:
        yield
    finally:
        for name, stream in before.items():
            getattr(sys, name).flush()
            setattr(sys, name, stream)


def shown(name: object) -> str:
    """A name as it can stand in a line: line breaks and what else is no character are escaped.

    For names that others gave, such as those of photos; a line then stays a line.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in str(name)
    )


def aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Rows as indented lines, the first ``left`` columns flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place <= left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(["", *row], [0, *widths], strict=True))
        ).rstrip()
        for row in rows
    ]
