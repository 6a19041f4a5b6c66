"""Files that appear only when they are whole."""

import errno
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STALE_SECONDS = 3600.0
"""A temporary file that nobody has written to for so long is left over from a killed writer."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary file in ``path``'s folder, which takes its place if the block succeeds.

    It is on the disk before it does, so that neither a kill nor a full disk harms an old file.
    What a killed writer of the same file left over an hour ago is swept; a younger one may belong
    to another process that writes the file right now. A missing folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left_over in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - left_over.stat().st_mtime > STALE_SECONDS:
                left_over.unlink()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    # With the rights that the umask leaves, as any program's new file.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with temporary.open("rb+") as written:
            _to_the_disk(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _to_the_disk(handle: int) -> None:
    """Waits until a file is on the disk; some mounts know no such thing."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EPERM):
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps other processes out of the same block for the same path, until it ends or is killed.

    The lock is a hidden file beside it; where the file system knows no locks, nobody is kept out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        if fcntl is not None:
            with suppress(OSError):  # a mount without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a mapping as JSON.

    Raises:
        UserError: A NaN or an infinity in it.
    """
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
