"""A file's seal: the SHA-256 of its content, kept in it, by which a reader sees any damage.

A JSON object holds it as ``sha256``: the digest of all else in it, however that is laid out. A
checkpoint or a YAML file ends with it, after the bytes that it is the digest of: for YAML it is a
comment, for a checkpoint, which is a zip archive, the archive's comment. A file without a seal, of
an older version or another program, is read as it is.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from landmark_lightning.errors import UserError

KEY = "sha256"
"""Of the seal in a JSON object."""

OPENING = b"# sha256 "
LENGTH = len(OPENING) + 64 + 1
"""Bytes of a seal at the end of a file: 64 hexadecimal digits between ``OPENING`` and a line's
end."""

BROKEN = "its content does not agree with the sha256 in it; if you have edited it, remove that"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """An object for JSON, and its seal.

    Raises:
        ValueError: A NaN or an infinity in it.
    """
    return {**content, KEY: _digest(content)}


def unsealed(content: Any) -> Any:  # noqa: ANN401
    """What was read from JSON, without its seal.

    Raises:
        UserError: It does not agree with its seal; the message is the reason alone.
    """
    if not isinstance(content, dict) or KEY not in content:
        return content
    rest = {key: value for key, value in content.items() if key != KEY}
    if _digest(rest) != content[KEY]:
        raise UserError(BROKEN)
    return rest


def seal(path: Path, archive: bool = False) -> None:
    """Puts the seal at the end of a file.

    Args:
        path: The file.
        archive: Whether it is a zip archive, which has no comment yet.
    """
    with path.open("rb+") as file:
        if archive:
            file.seek(-2, os.SEEK_END)  # an archive's last number is the length of its comment
            file.write(LENGTH.to_bytes(2, "little"))
        size = file.seek(0, os.SEEK_END)
        mark = _digest_of_bytes(file, size)
        file.seek(size)
        file.write(OPENING + mark.encode() + b"\n")


def check_seal(path: Path) -> None:
    """Checks a file that may have a seal at its end.

    Raises:
        UserError: It does not agree with it; the message is the reason alone.
    """
    with path.open("rb") as file:
        size = max(file.seek(0, os.SEEK_END) - LENGTH, 0)
        file.seek(size)
        found = re.fullmatch(OPENING + rb"([0-9a-f]{64})\n", file.read())
        if found and _digest_of_bytes(file, size) != found[1].decode():
            raise UserError(BROKEN)


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, allow_nan=False)
    # As it is read again: numbers that are keys become text, and tuples lists.
    again = json.dumps(json.loads(text), sort_keys=True)
    return hashlib.sha256(again.encode()).hexdigest()


def _digest_of_bytes(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while size and (some := file.read(min(size, 1 << 20))):
        digest.update(some)
        size -= len(some)
    return digest.hexdigest()
