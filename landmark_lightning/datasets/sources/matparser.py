"""The child process of ``matfile``: reads MATLAB files and writes plain arrays to its output.

It is run as a program of its own and imports nothing of the package. For each file it writes the
length of an NPZ archive (8 bytes, little endian), then the archive. What goes wrong ends it with
Python's own message, whose last line ``matfile`` shows.

    python -P matparser.py <seconds> <bytes> <name,name,...> <file> <file> ...
"""

import io
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

try:
    import resource
except ImportError:  # Windows: the time limit of the parent remains
    LIMITS = {}
else:
    LIMITS = {"seconds": resource.RLIMIT_CPU, "bytes": resource.RLIMIT_AS}


def limit(kind: str, value: int) -> None:
    """Limits this process' own computing time or memory, where the system knows how."""
    if kind in LIMITS:
        _, hard = resource.getrlimit(LIMITS[kind])
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(LIMITS[kind], (soft, hard))
        except (ValueError, OSError):  # macOS refuses some; the time limit of the parent remains
            return


def text(cell: NDArray[Any]) -> str:
    """The text of one cell."""
    if cell.dtype.kind != "U" or cell.size > 1:
        raise TypeError(f"a cell holds {cell.dtype} {cell.shape}, not one text")
    return str(cell.item()) if cell.size else ""


def plain(cells: list[Any]) -> NDArray[Any]:
    """Cells that hold a text each, or equally many numbers each, as one array."""
    if all(isinstance(cell, np.ndarray) and cell.dtype.kind == "U" for cell in cells):
        return np.array([text(cell) for cell in cells], dtype=str)
    return np.stack([np.asarray(cell, dtype=np.float64).reshape(-1) for cell in cells])


def extract(variable: NDArray[Any], field: str) -> NDArray[Any]:
    """A variable, or a field of the structs that it holds, without any object in it."""
    if field:
        if variable.dtype.names is None:  # a cell array with one struct in each cell
            records = [cell.reshape(-1)[0] for cell in variable.reshape(-1)]
        else:
            records = list(variable.reshape(-1))
        return plain([record[field] for record in records])
    if variable.dtype.kind == "O":
        return plain(list(variable.reshape(-1)))
    if variable.dtype.kind not in "biufU":
        raise TypeError(f"it holds {variable.dtype}, not numbers or text")
    return variable


def main() -> None:
    """Reads the files named on the command line."""
    seconds, memory, names, *paths = sys.argv[1:]
    limit("seconds", int(seconds))
    limit("bytes", int(memory))
    wanted = [name.partition(".")[::2] for name in names.split(",")]
    for path in paths:
        found = loadmat(path, appendmat=False, variable_names=[name for name, _ in wanted])
        arrays: dict[str, Any] = {
            f"{name}.{field}" if field else name: extract(found[name], field)
            for name, field in wanted
            if name in found
        }
        archive = io.BytesIO()
        np.savez(archive, **arrays)
        sys.stdout.buffer.write(archive.tell().to_bytes(8, "little"))
        sys.stdout.buffer.write(archive.getbuffer())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
