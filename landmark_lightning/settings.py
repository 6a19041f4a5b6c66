"""Comparing settings: what a file was made with against what is asked for now."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any


def first_difference(
    before: Mapping[str, Any], now: Mapping[str, Any], ignored: Collection[str] = ()
) -> tuple[str, Any, Any] | None:
    """The first setting, by name, that differs.

    Args:
        before: Nested settings of old.
        now: Nested settings of today.
        ignored: Names on the outermost level that may differ.

    Returns:
        Its dotted name and its two values (None where it is missing), or None: all are the same.
    """
    old, new = dict(_leaves(before)), dict(_leaves(now))
    for key in sorted(old.keys() | new.keys()):
        if key.split(".")[0] not in ignored and old.get(key) != new.get(key):
            return key, old.get(key), new.get(key)
    return None


def _leaves(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Every setting that is no mapping, with its dotted name."""
    if isinstance(settings, Mapping) and settings:
        for key, value in settings.items():
            yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, settings
