"""MATLAB files, read by a child process: a broken or hostile one can harm nothing but the child.

SciPy's reader may crash the interpreter on a damaged file, or ask for any amount of memory. The
child (``matparser.py``) has limits of time and memory and hands back plain arrays.
"""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.errors import UserError

SECONDS = 120
"""Time that the child may take."""

MEMORY = 2 * 1024**3
"""Bytes that the child may take, where the system can limit them."""

_PARSER = Path(__file__).with_name("matparser.py")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def read_arrays(paths: Sequence[Path], names: Sequence[str]) -> list[dict[str, NDArray[Any]]]:
    """Reads the same variables of several MATLAB files (version 5 to 7).

    Args:
        paths: The files.
        names: The variables. Numbers keep their shape; a cell array of texts becomes a vector
            (N,) of texts. ``name.field`` is a field of N structs, an array of them or one in each
            cell: texts (N,), or numbers (N, M) float64.

    Returns:
        For each file its arrays by name.

    Raises:
        UserError: A file that does not exist, can't be read or lacks a variable; one sentence
            that names it.
    """
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} does not exist")
    if not paths:
        return []
    command = [sys.executable, "-P", str(_PARSER), str(SECONDS), str(MEMORY), ",".join(names)]
    command += [str(path.absolute()) for path in paths]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            env=os.environ | _ONE_THREAD,
            check=False,
        )
        output, code = done.stdout, done.returncode
        said = done.stderr.decode(errors="replace").strip().splitlines()
    except subprocess.TimeoutExpired as error:
        output, code, said = error.stdout or b"", 1, [f"it takes more than {SECONDS} seconds"]
    found = _archives(output)
    if code or len(found) != len(paths):
        culprit = paths[min(len(found), len(paths) - 1)]
        reason = _signal(code) if code < 0 else said[-1] if said else "it ended early"
        raise UserError(
            f"{culprit} can't be read as a MATLAB file ({reason[:200]}); unpack it again"
        )
    for path, arrays in zip(paths, found, strict=True):
        for name in names:
            if name not in arrays:
                raise UserError(f"{path} has no variable {name!r}")
    return found


def _archives(output: bytes) -> list[dict[str, NDArray[Any]]]:
    """The complete archives in the child's output."""
    found, place = [], 0
    while place + 8 <= len(output):
        size = int.from_bytes(output[place : place + 8], "little")
        archive = output[place + 8 : place + 8 + size]
        place += 8 + size
        try:
            with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
                found.append({name: arrays[name] for name in arrays})
        except (ValueError, OSError, EOFError, BadZipFile):  # cut short by the child's end
            break
    return found


def _signal(code: int) -> str:
    """What ended a child whose exit code is negative."""
    try:
        return f"reading it ended with {signal.Signals(-code).name}"
    except ValueError:
        return f"reading it ended with signal {-code}"
