"""HDF5 files: opened on any mount, and what goes wrong with them in words."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from landmark_lightning.errors import UserError

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Kind:
    """A kind of HDF5 file: its name, how one is opened, and the remedy for a damaged one."""

    name: str
    remedy: str

    def open(self, path: Path) -> h5py.File:
        """Opens a file to read it; on a mount without locks, without one.

        Raises:
            OSError: It can't be opened, though it may be sound, such as PermissionError or, where
                another program writes it, BlockingIOError: one sentence.
            UserError: It is no HDF5 file or is damaged: one sentence.
        """
        try:
            return h5py.File(path, "r")
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return h5py.File(path, "r", locking=False)
            if error.errno is None:
                raise self._damaged(path, error) from error
            reason = os.strerror(error.errno)
            if isinstance(error, BlockingIOError):
                reason = "another program has it open to write; close it there and start again"
            raise type(error)(f"{path} can't be read now: {reason}") from error

    @contextmanager
    def guarded(self, path: Path) -> Iterator[None]:
        """A block that reads an open file: an error in it means that the file is damaged.

        Raises:
            UserError: The error, as one sentence with the file's name and the remedy.
        """
        try:
            yield
        except (
            OSError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
        ) as error:  # fmt: skip
            raise self._damaged(path, error) from error

    @staticmethod
    def said(file: h5py.File, name: str, longest: int) -> Any:  # noqa: ANN401
        """An attribute of a file: one text or number, looked at before it is read.

        Raises:
            UserError: There is none, it is an array or of another kind, or a text of more than
                ``longest`` bytes; the message is the reason alone.
        """
        if name not in file.attrs:
            raise UserError(f"it does not say its {name}")
        told = file.attrs.get_id(name)
        if told.shape != () or told.dtype.kind not in "OSiu":
            raise UserError(f"its {name} is no single text or number")
        if told.dtype.itemsize > longest:
            raise UserError(f"its {name} has {told.dtype.itemsize:,} bytes")
        value = file.attrs[name]
        if isinstance(value, h5py.Empty | h5py.Reference | h5py.RegionReference):
            raise UserError(f"its {name} is no single text or number")
        if isinstance(value, bytes):
            value = value.decode()
        if isinstance(value, str) and len(value) > longest:
            raise UserError(f"its {name} has {len(value):,} letters")
        return value

    def _damaged(self, path: Path, error: Exception) -> UserError:
        text = error.args[0] if isinstance(error, KeyError) else error
        reason = " ".join(str(text).split())
        return UserError(f"{path} is no {self.name} or is damaged ({reason}); {self.remedy}")


@contextmanager
def created(path: Path, shown: Path) -> Iterator[h5py.File]:
    """A new file to write, which nobody else knows yet; errors call it ``shown``.

    Raises:
        OSError: The disk is full: one sentence.
    """
    # The format of HDF5 1.10 has checksums of all that older ones leave unchecked: what the groups
    # hold, and where in the file the parts of an array lie.
    file = h5py.File(path, "w", libver="v110", locking=False)
    handle = file.id.get_vfd_handle()
    try:
        yield file
        file.flush()
    except BaseException as error:
        # What is still to be written goes to the memory: the library kills the process where it
        # can't close a file.
        if hasattr(os, "memfd_create"):
            memory = os.memfd_create("given up")
            os.dup2(memory, handle)
            os.close(memory)
        with suppress(Exception):
            file.close()
        for number in FULL:
            if getattr(error, "errno", None) == number or f"errno = {number}" in str(error):
                raise no_room(number, shown) from error
        raise
    file.close()


def no_room(number: int, path: Path) -> OSError:
    """What a full disk, or a user's full share of it, is as an error: one sentence."""
    return OSError(
        f"{path} can't be written: {os.strerror(number)}; make room or choose another folder"
    )


def check_room(path: Path, size: int) -> None:
    """Checks that a file of about ``size`` bytes has room on its disk.

    Raises:
        OSError: It has not.
    """
    free = shutil.disk_usage(path.parent).free
    if free < size:
        raise OSError(
            f"{path} needs about {size / 1e6:.1f} MB, {free / 1e6:.1f} MB are free; make room or "
            "choose another folder"
        )
