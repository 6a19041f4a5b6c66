"""A writer that is killed: in a forked process, at a seeded moment."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

Write = Callable[[], object]


class Killed:
    """Kills a writer again and again.

    Every other time it dies right before one of its calls that opens, moves or removes something
    in the folder, where a set is most vulnerable; else after a share of the time that it needs.

    Args:
        write: Writes files; it runs in forked processes.
        folder: Where it does.
    """

    def __init__(self, write: Write, folder: Path) -> None:
        self.write, self.folder = write, folder
        reader, writer = os.pipe()
        started = time.monotonic()
        assert self._forked(lambda: os.write(writer, str(self._count(0)).encode())) == 0
        self.seconds = time.monotonic() - started
        self.calls = int(os.read(reader, 20))
        os.close(reader)
        os.close(writer)

    def kill(self, seed: int) -> None:
        """Starts the writer and kills it."""
        draw = random.Random(seed)
        if seed % 2:
            last = 1 + draw.randrange(self.calls)
            assert self._forked(lambda: self._count(last)) == -signal.SIGKILL
        else:
            # It may have come to its end by then.
            ended = self._forked(self.write, draw.uniform(0, self.seconds))
            assert ended in (0, -signal.SIGKILL)

    def _forked(self, run: Write, seconds: float | None = None) -> int:
        """Runs something in a fork of this process; gives its status, negative for a signal."""
        if not (child := os.fork()):
            status = 1
            # tqdm's own is shared by all forks: one that is killed with it blocks the others.
            tqdm.set_lock(threading.RLock())
            try:
                run()
                status = 0
            finally:
                os._exit(status)
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _count(self, last: int) -> int:
        """Writes, counting calls with a path in the folder; kills this process before one."""
        calls = 0

        def count(event: str, values: tuple[object, ...]) -> None:
            nonlocal calls
            ours = bool(values) and str(values[0]).startswith(str(self.folder))
            if ours and (event == "open" or event.startswith("os.")):
                calls += 1
                if calls == last:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        self.write()
        return calls
