"""Variants: runs of one model that may not share a row, and what their rows are called.

Seeds share a row only where the settings and the faces are the same. Rows are named by what
differs: ``network.width=8``, or ``data 3f2a91``, the first digits of the faces' hash.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONTENT, SETS = "dataset.content", "dataset.sets"
"""Not settings: the hash of the faces, and that of their subsets, groups and validation set."""

SHOWN = 3
"""Most settings in a row's name, unless it takes more to tell the rows apart."""

_UNSET = "\0unset"

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Variant:
    """Runs that may share a row.

    Attributes:
        members: Their places among all runs.
        name: What sets them apart, short; empty where there is no other row.
        differing: All that sets them apart.
    """

    members: tuple[int, ...]
    name: str
    differing: tuple[str, ...]


def variants(known: Sequence[Settings | None], content: Sequence[str | None]) -> list[Variant]:
    """Divides runs of one model into those that may share a row.

    Args:
        known: The settings of each run by dotted name; None: not known. Such runs share a row with
            each other alone.
        content: The hash of each run's faces; None: not known.

    Returns:
        The variants in the order of what sets them apart, unknown settings last.
    """
    kinds: dict[tuple[bool, str], tuple[Settings, list[int]]] = {}
    for place, (own, faces) in enumerate(zip(known, content, strict=True)):
        whole = {**(own or {}), CONTENT: faces}
        key = own is None, _plain(sorted((name, _plain(v)) for name, v in whole.items()))
        kinds.setdefault(key, (whole, []))[1].append(place)
    found = []
    sure = any(settings is not None for settings in known)
    for unknown in (False, True):
        of_kind = [kind for (is_unknown, _), kind in kinds.items() if is_unknown == unknown]
        names = differing([settings for settings, _ in of_kind])
        telling, more = _telling(names, [settings for settings, _ in of_kind])
        first = ["settings unknown"] if unknown and sure else []
        of_kind.sort(key=lambda kind: _order(kind[0], telling))
        for settings, members in of_kind:
            words = first + [_word(name, settings) for name in telling] + ["..."] * more
            apart = tuple(first + [_word(name, settings) for name in names])
            found.append(Variant(tuple(members), ", ".join(words), apart))
    return found


def data_name(content: str | None) -> str:
    """A short name for faces, by their hash."""
    return f"data {'unknown' if content is None else content[:6]}"


def differing(settings: Sequence[Settings]) -> list[str]:
    """The names of what is not the same in all, those that tell most first."""
    names = dict.fromkeys(name for of_one in settings for name in of_one)
    return sorted((name for name in names if _classes([name], settings) > 1), key=_rank)


def _rank(name: str) -> tuple[bool, bool, int, str]:
    """A group's name tells more than what is in it; a hash tells least."""
    return name in (CONTENT, SETS), not name.endswith(".name"), name.count("."), name


def _telling(differing: Iterable[str], settings: Sequence[Settings]) -> tuple[list[str], bool]:
    """Names enough to tell all apart, of each group one at least, and whether some are left out.

    Where that makes more than ``SHOWN``, only those without which two would be called the same.
    """
    groups: dict[str, list[str]] = {}
    for name in differing:
        groups.setdefault(name.partition(".")[0], []).append(name)
    chosen = [name for group in groups.values() for name in _enough(group, settings)]
    if len(chosen) <= SHOWN:
        return chosen, False
    fewer = _enough(chosen, settings)
    return fewer, len(fewer) < len(chosen)


def _enough(names: Iterable[str], settings: Sequence[Settings]) -> list[str]:
    """Those of the names that tell more apart than the ones before them."""
    chosen: list[str] = []
    for name in names:
        if _classes([*chosen, name], settings) > _classes(chosen, settings):
            chosen.append(name)
    return chosen


def _classes(names: Sequence[str], settings: Sequence[Settings]) -> int:
    return len({_plain([of_one.get(name, _UNSET) for name in names]) for of_one in settings})


def _plain(value: Any) -> str:  # noqa: ANN401
    """A setting as text, the same for equal ones; YAML may read 32.0 where 32 was meant."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, default=str)


def _order(settings: Settings, names: Sequence[str]) -> list[tuple[bool, float, str]]:
    """Sorts numbers as numbers, and texts after them."""
    values = [settings.get(name, _UNSET) for name in names]
    return [
        (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))
        for value in values
    ]


def _word(name: str, settings: Settings) -> str:
    """What one setting is, in short."""
    value = settings.get(name, _UNSET)
    if name == CONTENT:
        return data_name(value)
    if value == _UNSET:
        return f"{name} unset"
    if name == SETS:
        return f"sets {value[:6]}"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return f"{name}={text if len(text) <= 40 else f'{text[:37]}...'}"
