"""Paths on the command line as one types them.

Hydra reads ``name=value`` by a grammar of its own: to it ``dataset.root=/home/jürgen/x``,
``~/faces``, ``a=b`` or ``faces (2)`` are errors, and ``runs_dir=2024_01`` is the number 202401. So
the values of the settings in ``PATHS`` are put into its quotes before it sees them. The rule:

1. What is quoted for Hydra already, ``null`` and nothing stay as they are.
2. In a sweep (``-m``, an experiment, ``hydra.mode``) a comma separates values, of which each is
   quoted, and ``choice(a,b)`` is Hydra's, unless a path of just this name exists. In a single run
   a comma is a character like others.
3. ``~`` and ``~user`` at the beginning are the home folder.
4. Of the settings in ``MIXED`` numbers, ``[...]`` and ``{...}`` are no paths.

``${...}`` means another setting or a variable, as everywhere.
"""

import os
import re
from collections.abc import Sequence

from hydra.core.override_parser.types import Quote, QuotedString

from landmark_lightning.errors import UserError
from landmark_lightning.terminal import shown

PATHS = (
    "boxes", "data_dir", "dataset.detector", "dataset.root", "detector", "images", "init_from",
    "output", "run", "runs", "runs_dir",
)  # fmt: skip
"""Settings that are paths, or else a name, and nothing else."""

MIXED = (
    "data.validation", "dataset.scheme", "dataset.source.table", "dataset.source.test",
    "dataset.source.train", "dataset.source.validation",
)  # fmt: skip
"""Settings that may be a path."""

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_VALUE = re.compile(rf"(?:{_QUOTED}|\$\{{[^}}]*\}}|[^,])+")
_FUNCTION = re.compile(r"[A-Za-z_]+\(.*\)", re.DOTALL)
_TARGET = re.compile(r"[\w.]+=\{.*\b_target_\s*:")
_NO_PATH = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[\[{].*", re.DOTALL | re.IGNORECASE)


def as_typed(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, those that name files quoted for Hydra by the rule above.

    What is to be built by a ``_target_`` may have arguments that the one before it had not.
    """
    sweeps = any(
        argument == "-m"
        or argument.startswith("--multi")
        or argument.lstrip("+").startswith(("experiment=", "hydra.mode="))
        for argument in arguments
    )
    quoted = (_quoted(argument, sweeps) for argument in arguments)
    return [f"++{a}" if _TARGET.match(a) else a for a in quoted]


def readable(arguments: Sequence[str]) -> Sequence[str]:
    """The arguments as they are.

    Raises:
        UserError: One holds bytes that are no UTF-8, as a file's name from another system may.
    """
    for argument in arguments:
        if not argument.isascii() and argument != argument.encode(errors="replace").decode():
            raise UserError(f"{shown(argument)} is no UTF-8; rename the file or folder")
    return arguments


def _quoted(argument: str, sweeps: bool) -> str:
    key, equals, value = argument.partition("=")
    name = key.lstrip("+")
    if not equals or name not in (*PATHS, *MIXED):
        return argument
    exists = os.path.lexists(_at_home(value))
    if name in MIXED and _NO_PATH.fullmatch(value) and not exists:
        return argument
    if not sweeps or exists:
        return f"{key}={_as_text(value)}"
    if _FUNCTION.fullmatch(value):
        return argument
    return f"{key}=" + ",".join(_as_text(part.strip()) for part in _VALUE.findall(value))


def _as_text(value: str) -> str:
    if value.lower() in ("", "null") or re.fullmatch(_QUOTED, value, re.DOTALL):
        return value
    return QuotedString(_at_home(value), Quote.single).with_quotes()


def _at_home(value: str) -> str:
    return os.path.expanduser(value)  # noqa: PTH111 - Path("~nobody").expanduser() raises
