"""Single settings, checked: names, paths, folders, and rooms that must be mappings or lists."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any


def check_name(value: object, name: str) -> str:
    """A setting that names files and folders: letters, digits, -, _ and dots between them.

    Raises:
        ValueError: It is anything else.
    """
    kind = isinstance(value, (str, int)) and not isinstance(value, bool)
    if not kind or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", str(value)):
        raise ValueError(f"{name}={value!r} must be letters, digits, -, _ and dots between them")
    return str(value)


def check_path(value: object, name: str) -> Path:
    """A setting that is a path, ``~`` being the home folder; YAML makes a number of 2024.

    Raises:
        ValueError: It is null or anything else, or holds a line break, which no message could.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Path)) or value == "":
        raise ValueError(f"{name}={value!r} must be a path")
    if len(str(value).splitlines()) > 1:
        raise ValueError(f"{name}={value!r} must be a path without line breaks")
    return Path(os.path.expanduser(value if isinstance(value, Path) else str(value)))  # noqa: PTH111


def check_folder(value: object, name: str) -> Path:
    """A setting that is a folder, or one that can be made.

    Raises:
        ValueError: It is no path, or a file lies there or on the way.
    """
    path = check_path(value, name)
    if found := next((p for p in (path, *path.parents) if p.exists() and not p.is_dir()), None):
        raise ValueError(f"{name}={path}: {found} is a file; name a folder")
    return path


def check_kinds(
    settings: Mapping[str, Any], mappings: Collection[str], lists: Collection[str]
) -> None:
    """Checks that settings which hold others, or are lists, were not replaced by something else.

    Args:
        settings: Nested settings.
        mappings: Dotted names of mappings, outer ones first.
        lists: Dotted names of lists.

    Raises:
        ValueError: Another kind; it is named.
    """
    for names, kind, word in ((mappings, Mapping, "a mapping"), (lists, list, "a list")):
        for name in names:
            value: Any = settings
            for key in name.split("."):
                value = value.get(key)
            if not isinstance(value, kind):
                raise ValueError(f"{name}={value!r} must be {word}")
