"""Settings read once: from plain mappings, as YAML has them, to the schema and back.

The schema describes a setting by ``setting``, ``room`` or ``built``: a dataclass field.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from landmark_lightning.config.limits import Limit
from landmark_lightning.errors import UserError, no_setting

T = TypeVar("T")


def setting(limit: Limit, **default: Any) -> Any:  # noqa: ANN401
    """A setting with its limit."""
    return field(metadata={"limit": limit}, **default)


def room(kind: "type | Callable[[Any], type | None]", many: bool = False, **default: Any) -> Any:  # noqa: ANN401
    """A setting that holds others.

    Args:
        kind: The dataclass of these, or a function that chooses it by the value; where that gives
            None, the mapping stays as it is.
        many: Whether the setting is a list of them.
        default: ``default``, what it is where a file of before does not have it.
    """
    return field(metadata={"kind": kind, "many": many}, **default)


def built(kind: "type | None" = None, by: str = "", more: bool = False) -> Any:  # noqa: ANN401
    """A mapping with a ``_target_``, whose other settings are arguments that the target knows.

    Args:
        kind: The dataclass of the arguments of one target, which are checked here already.
        by: That target. Arguments of any other are left to it.
        more: Whether it takes arguments beside those of ``kind``.
    """
    return field(metadata={"built": kind, "by": by, "more": more})


def check(kind: type, **values: object) -> None:
    """Checks arguments of a constructor by the limits of a dataclass's settings of these names.

    Raises:
        UserError: One is not what it must be; it speaks of the argument.
    """
    known = {each.name: each for each in fields(kind)}
    for name, value in values.items():
        known[name].metadata["limit"].check(value, name)


def read(
    kind: type[T],
    given: object,
    name: str = "",
    added: Collection[str] = (),
    known: Collection[str] | None = None,
) -> T:
    """Reads settings, each by its limit.

    Args:
        kind: The schema's dataclass.
        given: The mapping, as YAML has it.
        name: Dotted name of the room that it is; empty for all settings of a command.
        added: Settings that the command line adds with ``+``: each must be read.
        known: Dotted names to choose the nearest from where one is unknown; None: those of kind.

    Returns:
        The settings.

    Raises:
        UserError: One is unknown, missing or not what it must be; it is named in full.
    """
    if known is None:
        known = [each for each in names(kind, given, name) if each not in added]
    if not isinstance(given, Mapping):
        raise UserError(f"{name}={given!r} must be a mapping")
    above = f"{name}." if name else ""
    expected = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    for key in given:
        passed = key in getattr(kind, "PASSED", ()) and f"{above}{key}" not in added
        if key not in expected and not passed:
            raise UserError(no_setting(f"{above}{key}", known))
    values: dict[str, Any] = {}
    for key, each in expected.items():
        if key in given:
            values[key] = _read_one(each, given[key], f"{above}{key}", added, known)
        elif each.default is MISSING and name.endswith("]"):  # an entry of a list
            raise UserError(f"{above}{key} is not given")
        elif each.default is MISSING:
            raise UserError(f"{above}{key} can't be taken away; leave out ~{above}{key}")
    return kind(**values)


def _read_one(
    each: "Field[Any]",
    value: Any,  # noqa: ANN401
    name: str,
    added: Collection[str],
    known: Collection[str],
) -> Any:  # noqa: ANN401
    told = each.metadata
    if "limit" in told:
        return told["limit"].check(value, name)
    if "built" in told:
        if not isinstance(value, Mapping):
            raise UserError(f"{name}={value!r} must be a mapping")
        if value.get("_target_") == told["by"]:
            ours = {one.name for one in fields(told["built"])}
            mine = {k: v for k, v in value.items() if k in ours or not told["more"]}
            mine.pop("_target_", None)
            read(told["built"], mine, name, added, known)
        return dict(value)
    if told["many"]:
        if not isinstance(value, list) or not value:
            raise UserError(f"{name}={value!r} must be a list of mappings")
        return [read(told["kind"], v, f"{name}[{k}]", added) for k, v in enumerate(value)]
    kind = told["kind"]
    if not isinstance(kind, type):
        kind = kind(value)
        if kind is None:
            return value
    made = read(kind, value, name, added, known)
    return made if made or each.default is MISSING else each.default  # off, as where it is unsaid


@contextmanager
def speaking_of(room: str) -> Iterator[None]:
    """Puts the room of the settings before what a constructor says of its arguments."""
    try:
        yield
    except UserError as error:
        joint = "." if re.match(r"\w[\w.\[\]]*(=|\]: )", str(error)) else ": "
        raise UserError(f"{room}{joint}{error}") from error


def plain(settings: Any) -> Any:  # noqa: ANN401
    """Settings as YAML and JSON have them; without what is nothing by default and is so here."""
    if is_dataclass(settings):
        values = {each.name: plain(getattr(settings, each.name)) for each in fields(settings)}
        unsaid = {e.name for e in fields(settings) if not e.default and not values[e.name]}
        return {key: value for key, value in values.items() if key not in {*unsaid, "given"}}
    if isinstance(settings, Mapping):
        return {key: plain(value) for key, value in settings.items()}
    if isinstance(settings, (list, tuple)):
        return [plain(value) for value in settings]
    return str(settings) if isinstance(settings, Path) else settings


def names(kind: Any, given: Any = None, name: str = "") -> Iterator[str]:  # noqa: ANN401
    """Dotted names of all settings of a dataclass, rooms chosen as in a mapping of them."""
    above = f"{name}." if name else ""
    yield from (f"{above}{key}" for key in getattr(kind, "PASSED", ()))
    for each in fields(kind):
        value = given.get(each.name) if isinstance(given, Mapping) else None
        inner = each.metadata.get("kind") or each.metadata.get("built")
        if inner is not None and not isinstance(inner, type):
            inner = inner(value)
        if each.default is MISSING:
            yield f"{above}{each.name}"
        if inner is not None and not each.metadata.get("many"):
            yield from names(inner, value, f"{above}{each.name}")
