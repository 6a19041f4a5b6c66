"""MATLAB files, read by a child process: a broken or hostile one can harm nothing but the child.

SciPy's reader may crash the interpreter on a damaged file, or ask for any amount of memory. The
child is this file, run as a program that imports nothing of the package. It has limits of time and
memory and hands back plain arrays, without pickles. It is no pool of processes: a pool's child
runs the user's script again before it reads, and processes that are daemons may start none.

    python -P mat.py <seconds> <bytes> <name,name,...> <file> <file> ...
"""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import read_array, write_array
from numpy.typing import NDArray

SECONDS = 120
"""Time that the child may take."""

MEMORY = 2 * 1024**3
"""Bytes that the child may take, where the system can limit them."""

_PROGRAM = Path(__file__)
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
    from landmark_lightning.errors import UserError  # not above, where the child would load it

    for path in paths:
        if not path.is_file():
            raise UserError(f"{path} does not exist")
    if not paths:
        return []
    command = [sys.executable, "-P", str(_PROGRAM), str(SECONDS), str(MEMORY), ",".join(names)]
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
        messages = done.stderr.decode(errors="replace").strip().splitlines()
    except subprocess.TimeoutExpired as error:
        output, code, messages = error.stdout or b"", 1, [f"it takes more than {SECONDS} seconds"]
    stream, found = io.BytesIO(output), list[dict[str, NDArray[Any]]]()
    with suppress(ValueError):  # the output ends early where the child did
        for _ in paths:
            found.append({name: read_array(stream, allow_pickle=False) for name in names})
    if code or len(found) < len(paths):
        culprit = paths[min(len(found), len(paths) - 1)]
        reason = _signal(code) if code < 0 else messages[-1] if messages else "it ended early"
        raise UserError(
            f"{culprit} can't be read as a MATLAB file ({reason[:200]}); unpack it again"
        )
    return found


def _signal(code: int) -> str:
    """What ended a child whose exit code is negative."""
    try:
        return f"reading it ended with {signal.Signals(-code).name}"
    except ValueError:
        return f"reading it ended with signal {-code}"


def _limit(seconds: int, memory: int) -> None:
    """Limits this process's own computing time and memory, where the system knows how."""
    try:
        import resource
    except ImportError:  # Windows: the time limit of the parent remains
        return
    for kind, value in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
        _, hard = resource.getrlimit(kind)
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with suppress(ValueError, OSError):  # macOS refuses some; the parent's limit remains
            resource.setrlimit(kind, (soft, hard))


def _text(cell: NDArray[Any]) -> str:
    """The text of one cell."""
    if cell.dtype.kind != "U" or cell.size > 1:
        raise TypeError(f"a cell holds {cell.dtype} {cell.shape}, not one text")
    return str(cell.item()) if cell.size else ""


def _plain(cells: list[Any]) -> NDArray[Any]:
    """Cells that hold a text each, or equally many numbers each, as one array."""
    if all(isinstance(cell, np.ndarray) and cell.dtype.kind == "U" for cell in cells):
        return np.array([_text(cell) for cell in cells], dtype=str)
    return np.stack([np.asarray(cell, dtype=np.float64).reshape(-1) for cell in cells])


def _extract(variable: NDArray[Any], field: str) -> NDArray[Any]:
    """A variable, or a field of the structs that it holds, without any object in it."""
    if field:
        if variable.dtype.names is None:  # a cell array with one struct in each cell
            records = [cell.reshape(-1)[0] for cell in variable.reshape(-1)]
        else:
            records = list(variable.reshape(-1))
        return _plain([record[field] for record in records])
    if variable.dtype.kind == "O":
        return _plain(list(variable.reshape(-1)))
    if variable.dtype.kind not in "biufU":
        raise TypeError(f"it holds {variable.dtype}, not numbers or text")
    return variable


def _main() -> None:
    """The child: writes the variables of each file to its output, in NumPy's own format.

    What goes wrong ends it with Python's message, whose last line the parent shows.
    """
    from scipy.io import loadmat

    seconds, memory, names, *paths = sys.argv[1:]
    _limit(int(seconds), int(memory))
    requested = {name: name.partition(".")[::2] for name in names.split(",")}
    for path in paths:
        variables = [variable for variable, _ in requested.values()]
        content = loadmat(path, appendmat=False, variable_names=variables)
        output = io.BytesIO()
        for name, (variable, field) in requested.items():
            if variable not in content:
                sys.exit(f"it has no variable {name!r}")
            write_array(output, _extract(content[variable], field), allow_pickle=False)
        sys.stdout.buffer.write(output.getbuffer())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main()
