"""Variants: runs of one model that may not share a row, and what their rows are called.

Seeds share a row only where the settings and the faces are the same. Rows are named by what
differs: ``network.width=8``, or ``data 3f2a91``, the first digits of the faces' hash. A sweep
names the folders of its runs likewise, by what it varies.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONTENT, SETS = "dataset.content", "dataset.sets"
"""Not settings: the hash of the faces, and that of their subsets, groups and validation set."""

SHOWN = 3
"""Most settings in a row's name, unless it takes more to tell the rows apart."""

LONGEST = 120
"""Characters of what a sweep varies in a folder's name; beyond that a digest stands for it."""

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


def variant_of(varied: Mapping[str, str]) -> str:
    """What a sweep varies as a part of a folder's name: ``network.width=8+phases.lr=0.001``.

    Args:
        varied: The settings that it varies and their values in this run, as the command line has
            them. Values that can't stand in a name are shortened to what can, and a digest.
    """
    words = [f"{_as_name(name.lstrip('+~'))}={_as_name(value)}" for name, value in varied.items()]
    text = "+".join(words)
    return text if len(text) <= LONGEST else f"sweep-{_digest(text)}"


def varied_in(variant: str | None) -> dict[str, Any]:
    """The settings that a variant names, and their values: numbers, or else texts."""
    words = (word.partition("=") for word in (variant or "").split("+"))
    return {name: _number(value) for name, joint, value in words if joint}


def _as_name(text: str) -> str:
    """A text as a part of a file's name, the same for no other text."""
    bare = text[1:-1] if re.fullmatch(r"'[^']*'|\"[^\"]*\"", text) else text
    clean = re.sub(r"[^\w.-]+", "_", bare).strip("_")
    return clean if clean == bare and len(bare) <= 40 else f"{clean[:24]}-{_digest(text)[:6]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def variants(
    known: Sequence[Settings | None],
    content: Sequence[str | None],
    varied: Sequence[Settings] | None = None,
) -> list[Variant]:
    """Divides runs of one model into those that may share a row.

    Args:
        known: The settings of each run by dotted name; None: not known. Such runs share a row with
            each other alone.
        content: The hash of each run's faces; None: not known.
        varied: What a sweep varied of each run's settings, as its user calls them. Where all that
            are of a kind have them, the rows go by these names, such as ``phases.lr`` for the
            rates of all phases; None: no run is of a sweep.

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
        swept = [_shared([varied[place] for place in m] if varied else []) for _, m in of_kind]
        by_all = set(swept[0]).intersection(*swept[1:]) if swept else set()
        of_kind = [
            ({**{name: own[name] for name in by_all}, **settings}, members)
            for own, (settings, members) in zip(swept, of_kind, strict=True)
        ]
        names = differing([settings for settings, _ in of_kind], by_all)
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


def _shared(settings: Sequence[Settings]) -> Settings:
    """What all agree in."""
    first = settings[0] if settings else {}
    return {name: v for name, v in first.items() if all(s.get(name) == v for s in settings)}


def differing(settings: Sequence[Settings], swept: Collection[str] = ()) -> list[str]:
    """The names of what is not the same in all: what a sweep varies, then those that tell most.

    Those are left out that follow from what the sweep varies.
    """
    names = dict.fromkeys(name for of_one in settings for name in of_one)
    found = sorted((name for name in names if _classes([name], settings) > 1), key=_rank)
    told = [name for name in found if name in swept]
    classes = _classes(told, settings)
    rest = [name for name in found if name not in swept]
    return told + [name for name in rest if _classes([*told, name], settings) > classes]


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
