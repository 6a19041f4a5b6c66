"""What a value may be: limits, which the schema of the settings and the constructors share."""

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landmark_lightning.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Limit:
    """What a value must be.

    Attributes:
        words: It, to follow "must be".
        holds: Whether a value is so.
        choices: The values themselves, where they can be counted.
        become: What a value becomes that is so.
    """

    words: str
    holds: Callable[[Any], bool]
    choices: tuple[object, ...] = ()
    become: Callable[[Any], Any] = lambda value: value

    def check(self, value: object, name: str) -> Any:  # noqa: ANN401
        """The value, as it becomes.

        Raises:
            UserError: It is not what it must be.
        """
        if not self.holds(value):
            entries = value if isinstance(value, list) else []
            wrong = next((each for each in entries if each not in self.choices), value)
            hint = did_you_mean(wrong, self.choices)
            raise UserError(f"{name}={value!r} must be {self.words}{hint}")
        return self.become(value)


def _is(value: object, *kinds: type) -> bool:
    """Whether a value is of one of some kinds; true and false are no numbers here."""
    return isinstance(value, kinds) and not isinstance(value, bool)


def whole(least: int, most: float = math.inf) -> Limit:
    """A whole number of at least ``least``, and at most ``most`` where that is given."""
    span = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
    return Limit(f"a whole number {span}", lambda v: _is(v, int) and least <= v <= most)


def number(words: str, inside: Callable[[float], bool]) -> Limit:
    """A finite number for which ``inside`` holds."""
    return Limit(
        f"a number {words}", lambda v: _is(v, int, float) and math.isfinite(v) and inside(v)
    )


def between(low: float, high: float) -> Limit:
    """A number from ``low`` to ``high``, both included."""
    return number(f"between {low:g} and {high:g}", lambda value: low <= value <= high)


def one_of(*choices: object) -> Limit:
    """One of some texts, or true, false or null."""

    def holds(value: object) -> bool:
        return any(value is c or (isinstance(c, str) and value == c) for c in choices)

    words = ", ".join(c if isinstance(c, str) else json.dumps(c) for c in choices)
    return Limit(f"one of {words}", holds, choices)


def or_null(limit: Limit) -> Limit:
    """What a limit says, or null."""
    return Limit(
        f"{limit.words}, or null",
        lambda value: value is None or limit.holds(value),
        limit.choices,
        lambda value: None if value is None else limit.become(value),
    )


def named_or_target(*names: "str | None") -> Limit:
    """One of ours by its name, or one of one's own by ``_target_``."""
    named = one_of(*names)
    return Limit(
        f"{named.words}, or a mapping with a _target_",
        lambda value: named.holds(value) or (isinstance(value, dict) and "_target_" in value),
        names,
    )


def list_of(words: str, holds: Callable[[Any], bool] = lambda _: True) -> Limit:
    """A list whose entries are so."""
    return Limit(f"a list{words}", lambda v: isinstance(v, list) and all(map(holds, v)), (), list)


def some_of(*choices: str) -> Limit:
    """A list of some of the texts, at least one."""

    def holds(value: object) -> bool:
        return isinstance(value, list) and bool(value) and all(each in choices for each in value)

    return Limit(f"a list of some of {', '.join(choices)}", holds, choices)


def rising(most: float = math.inf) -> Limit:
    """Two numbers above 0, the first not above the second, which is at most ``most``."""
    end = "" if most == math.inf else f" <= {most:g}"

    def holds(value: object) -> bool:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            return False
        return all(map(ABOVE_ZERO.holds, value)) and bool(value[0] <= value[1] <= most)

    return Limit(f"two numbers, 0 < low <= high{end}", holds)


def _is_path(value: object) -> bool:
    # No message could show a line break.
    return _is(value, str, int, Path) and len(str(value).splitlines()) == 1


def _path(value: object) -> Path:
    return Path(os.path.expanduser(str(value)))  # noqa: PTH111 - Path("~nobody").expanduser() raises


def _is_name(value: object) -> bool:
    return _is(value, str, int) and bool(re.fullmatch(r"[\w-]+(\.[\w-]+)*", str(value)))


ABOVE_ZERO = number("above 0", lambda value: value > 0)
AT_LEAST_ZERO = number("of at least 0", lambda value: value >= 0)
INSIDE = number("above 0 and below 1", lambda value: 0 < value < 1)
SHARE = number("above 0 and at most 1", lambda value: 0 < value <= 1)
FLAG = Limit("true or false", lambda value: isinstance(value, bool))
BATCH = whole(1, 100_000)
"""Faces in a batch; more than that is a slip, and no device holds them."""
WORKERS = or_null(whole(1, 1024))
"""Threads; null: one a core."""
TEXT = Limit("text", lambda value: isinstance(value, str) and value != "")
TARGET = Limit(
    "a mapping with a _target_", lambda value: isinstance(value, Mapping) and "_target_" in value
)
MAPPING = Limit("a mapping", lambda value: isinstance(value, Mapping), (), dict)
ANYTHING = Limit("anything", lambda _: True)
NAME = Limit("letters, digits, -, _ and dots between them", _is_name, (), str)
"""What names files and folders; YAML makes a number of 300."""
VARIANT = Limit(
    "at most 150 letters, digits and - _ . = +, not beginning with - . = or +",
    lambda value: _is(value, str, int) and bool(re.fullmatch(r"\w[\w.=+-]{0,149}", str(value))),
    (),
    str,
)
"""What a folder's name has beside the model's: settings as ``name=value``, ``+`` between them."""
PATH = Limit("a path without line breaks", _is_path, (), _path)
"""A path, ``~`` being the home folder; YAML makes a number of 2024."""
