"""The lock of a run's folder: at most one process trains in it.

The kernel locks a hidden file for a process, and unlocks it however the process ends, even in a
container whose processes nobody outside sees. Where the file system knows no such locks, a lease
takes its place: the ``state.json`` that a running attempt touches (``state.py``).
"""

import errno
import os
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

KERNEL, LEASE = "kernel", "lease"
"""The two ways in which a folder is kept."""

TRIES, PAUSE = 20, 0.05
"""Tries to take the lock, and seconds between them: who only looks holds it for a moment."""

_held: dict[Path, int | None] = {}


def acquire(path: Path) -> str:
    """Takes the lock until ``release`` or the end of the process.

    Returns:
        ``KERNEL``, or ``LEASE`` where there are no locks.

    Raises:
        BlockingIOError: Another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for tried in range(TRIES):
        try:
            _held[path.resolve()] = _locked(path, exclusive=True)
        except BlockingIOError:
            if tried == TRIES - 1:
                raise
            time.sleep(PAUSE)
        else:
            break
    return LEASE if _held[path.resolve()] is None else KERNEL


def release(path: Path) -> None:
    """Gives the lock back."""
    handle = _held.pop(path.resolve(), None)
    if handle is not None:
        os.close(handle)


def holds(path: Path) -> bool:
    """Whether this process has the lock."""
    return path.resolve() in _held


def is_held(path: Path) -> bool:
    """Whether any process holds the lock of the kernel; False where there are none."""
    if holds(path):
        return True
    try:
        handle = _locked(path, exclusive=False)
    except BlockingIOError:
        return True
    except OSError:  # no such file, or one that may not be read
        return False
    if handle is not None:
        os.close(handle)
    return False


def _locked(path: Path, exclusive: bool) -> int | None:
    """The handle of the locked file; None: it can't be locked.

    Raises:
        BlockingIOError: Another process holds the lock.
    """
    if fcntl is None:
        return None
    handle = os.open(path, os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY, 0o666)
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK):
            raise
        return None
    return handle


def _forget() -> None:
    """A forked child holds no lock: else it would keep its parent's beyond the parent's end."""
    for handle in _held.values():
        if handle is not None:
            os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
