"""Text, JSON and YAML that somebody else may have written, read within limits.

A run's folder or a FaceFile may be mailed around. What it says is looked at before it is used: how
long it is before it is read, how deep it is and what it holds before anything recurses into it.
Messages are the reason alone, without the file's name; they never quote the file, which may be a
link to another one.
"""

import json
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from landmark_lightning.errors import UserError

LARGEST = 16 * 2**20
"""Bytes of a text that is read."""

DEEPEST = 64
"""Lists and mappings within each other."""

LONGEST = 4096
"""Letters of a text within JSON or YAML: the longest path of Linux."""

UNFIT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Line breaks, control characters and bytes that are no UTF-8."""

_YAML_LARGEST = 2**20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twenty times as fast as OmegaConf's


def read_text(path: Path, largest: int = LARGEST, within: Path | None = None) -> str:
    """Reads a text file in UTF-8, with a byte order mark or without.

    Args:
        path: The file.
        largest: Bytes that it may have.
        within: A folder that it must lie in, links followed; None: it may lie anywhere.

    Raises:
        OSError: It can't be read, such as FileNotFoundError.
        UserError: It is no file, as a pipe is none, too large, no UTF-8, or a link that leads out
            of the folder.
    """
    check_file(path, largest, within)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"it is no text in UTF-8 after byte {error.start}") from error


def check_file(path: Path, largest: int = LARGEST, within: Path | None = None) -> None:
    """Checks a file before it is opened, as ``read_text`` does."""
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        raise UserError("it is a link that leads out of its folder")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UserError("it is no file")
    if status.st_size > largest:
        size = f"{status.st_size / 1e6:,.1f} MB"
        raise UserError(f"it has {size}, more than the {largest / 1e6:,.1f} MB that are read")


def from_json(text: str | bytes, longest: int = LONGEST) -> Any:  # noqa: ANN401
    """What a JSON text holds, checked by ``check_plain``.

    Raises:
        UserError: It is no JSON, or ``check_plain`` refuses it.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise UserError("it is nested too deeply") from error
    except ValueError as error:  # its words quote no more of the text than a place in it
        raise UserError(f"it is no JSON ({error})") from error
    check_plain(content, longest)
    return content


def from_yaml(text: str) -> Any:  # noqa: ANN401
    """What a YAML text holds, checked by ``check_plain``.

    Raises:
        UserError: It is no YAML of plain values, has aliases, which could make it as large as one
            likes, or ``check_plain`` refuses it.
    """
    if len(text) > _YAML_LARGEST:
        raise UserError(f"it has more than {_YAML_LARGEST:,} letters")
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent):
                raise UserError("it has aliases (*), which are not read")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise UserError("it is nested too deeply")
        content = yaml.load(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"it is no YAML of plain values{line}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UserError("it is no YAML of plain values") from error
    check_plain(content)
    return content


def check_plain(content: object, longest: int = LONGEST) -> None:
    """Checks nested mappings and lists: how deep they are, and the texts and numbers in them.

    Raises:
        UserError: They are nested too deeply; a key is no text; a text is longer than ``longest``
            or has control characters; a whole number is beyond 64 bits; a value is of another
            kind than JSON has.
    """
    waiting: list[tuple[object, int]] = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, Mapping | list | tuple):
            if depth >= DEEPEST:
                raise UserError("it is nested too deeply")
            if isinstance(value, Mapping):
                waiting += [(key, depth + 1) for key in value]
                value = list(value.values())
            waiting += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            if len(value) > longest:
                raise UserError(f"a text in it has {len(value):,} letters")
            if not value.isascii() or not value.isprintable():
                _check_text(value)
        elif isinstance(value, int):
            if not -(2**63) <= value < 2**64:
                raise UserError("a whole number in it is too large")
        elif not isinstance(value, float | None):
            raise UserError(f"a {type(value).__name__} is in it, which is no plain value")


def _check_text(text: str) -> None:
    if UNFIT.search(text.replace("\n", "").replace("\t", "")):
        raise UserError("a text in it has control characters or bytes that are no UTF-8")
