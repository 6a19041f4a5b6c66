"""Files, and sets of files, that appear only when they are whole."""

import errno
import hashlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from landmark_lightning.seals import seal

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STALE_SECONDS = 3600.0
"""A temporary file that nobody has written to for so long is left over from a killed writer, also
where no lock tells."""

FRESH_SECONDS = 1.0
"""A temporary file is not left over for so long: its writer may not have locked it yet."""

COMPLETE = ".complete"
"""A folder of the files of a set that are all written and not yet all in their places."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary file in ``path``'s folder, which takes its place if the block succeeds.

    It is on the disk before it does, so that neither a kill nor a full disk harms an old file.
    What killed writers have left over in the folder is swept. A missing folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary = _temporary(path)
    # With the rights that the umask leaves, as any program's new file.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        with _kept(temporary):
            yield temporary
            with temporary.open("rb+") as written:
                _to_the_disk(written.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_set(folder: Path, names: Collection[str]) -> Iterator[Path]:
    """Gives an empty folder; the files put there take their places in ``folder`` together.

    They do when the block has succeeded. A reader that calls ``finish_set`` first has the old
    files or the new ones, never some of both, even where the writer was killed.

    Args:
        folder: Where the files belong; it is made where it is missing, and the block succeeds.
        names: Names that a file of the set may have. Those that the block did not write are
            removed from ``folder``.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    staged = _temporary(folder / "set")
    staged.mkdir()
    try:
        with _kept(staged):
            yield staged
            for name in names:
                (staged / name).touch()  # an empty file stands for none
            with _kept(folder):
                _finish(folder)
                staged.rename(folder / COMPLETE)
                _finish(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        for path in missing:
            with suppress(OSError):  # something lies in it
                path.rmdir()


def finish_set(folder: Path) -> None:
    """Puts the files of a complete set in their places, where their writer was killed before.

    Raises:
        OSError: They can't be put there.
    """
    if (folder / COMPLETE).is_dir():
        with _kept(folder):
            _finish(folder)


def is_of_a_set(name: str) -> bool:
    """Whether a folder of this name holds a set that is not in its place yet."""
    return name == COMPLETE or (name.startswith(".set.") and name.endswith(".tmp"))


def _finish(folder: Path) -> None:
    complete = folder / COMPLETE
    if complete.is_symlink() or not complete.is_dir():
        return
    for path in sorted(complete.iterdir()):
        with suppress(FileNotFoundError):  # another process has put it there
            if path.lstat().st_size:
                path.replace(folder / path.name)
            else:
                (folder / path.name).unlink(missing_ok=True)
                path.unlink()
    with suppress(FileNotFoundError):
        complete.rmdir()


def _temporary(path: Path) -> Path:
    """A name beside a path that no other file has; it tells on which machine it was given."""
    return path.with_name(f".{path.name}.{_machine()}{secrets.token_hex(4)}.tmp")


def _machine() -> str:
    """8 letters for this machine since its last start: of its locks every process here knows."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    name = boot.read_text() if boot.is_file() else socket.gethostname()
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _sweep(folder: Path) -> None:
    """Removes temporary files and folders whose writers were killed."""
    for left_over in folder.glob(".*.????????????????.tmp"):
        with suppress(OSError):
            age = time.time() - left_over.stat().st_mtime
            here = left_over.name[-20:-12] == _machine()
            if age > STALE_SECONDS or (here and age > FRESH_SECONDS and _is_abandoned(left_over)):
                if left_over.is_dir():
                    shutil.rmtree(left_over)
                else:
                    left_over.unlink()


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Locks a file or folder for the block, until this process ends, where there are locks."""
    handle = None
    try:
        if fcntl is not None:
            with suppress(OSError):  # a mount without locks
                handle = os.open(path, os.O_RDONLY)
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _is_abandoned(path: Path) -> bool:
    """Whether nobody keeps a temporary file or folder locked; False where there are no locks."""
    if fcntl is None:
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


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


def write_sealed(path: Path, text: str) -> None:
    """Writes a text file, in UTF-8, of a format with comments like YAML's; with a seal."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        seal(temporary)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a mapping as JSON.

    Raises:
        ValueError: A NaN or an infinity in it.
    """
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
