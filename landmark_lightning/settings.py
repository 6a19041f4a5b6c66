"""Settings: checks of single ones, and what a file was made with against what is asked now."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any


def first_difference(
    before: Mapping[str, Any], now: Mapping[str, Any], ignored: Collection[str] = ()
) -> tuple[str, Any, Any] | None:
    """The first setting, by name, that differs.

    Args:
        before: Nested settings of old.
        now: Nested settings of today.
        ignored: Dotted names that may differ, with all that is below them.

    Returns:
        Its dotted name and its two values (None where it is missing), or None: all are the same.
    """
    old, new = dict(leaves(before)), dict(leaves(now))
    for key in sorted(old.keys() | new.keys()):
        passed = any(key == name or key.startswith(f"{name}.") for name in ignored)
        if not passed and old.get(key) != new.get(key):
            return key, old.get(key), new.get(key)
    return None


def no_setting(key: str, known: Collection[str]) -> str:
    """One sentence on a setting that is not there: it names the nearest one that is, if any.

    Args:
        key: Its dotted name.
        known: Dotted names of the settings that there are.
    """
    room, _, last = key.rpartition(".")
    beside = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == room}
    near = [beside[name] for name in get_close_matches(last, beside, 1)]
    near += [name for name in known if name.rpartition(".")[2] == last and name != key]
    hint = f"did you mean {near[0]}" if near else "--cfg job lists all of them"
    return f"there is no setting {key!r}; {hint}"


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


def leaves(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Every setting that holds no others, with its dotted name; items of lists by their place."""
    if isinstance(settings, list) and settings:
        settings = dict(enumerate(settings))
    if isinstance(settings, Mapping) and settings:
        for key, value in settings.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, settings
