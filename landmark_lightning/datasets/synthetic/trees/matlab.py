"""Writes .mat files that are the same to the byte whenever they are written."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from scipy.io import savemat

_HEADER = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 2015"


def write_mat(path: Path, content: Mapping[str, Any]) -> None:
    """Writes the variables as Matlab would, compressed, under a header that names no time."""
    written = BytesIO()
    savemat(written, dict(content), do_compression=True, oned_as="row")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_HEADER.ljust(116) + written.getvalue()[116:])
