"""What a file was made with against what is requested now: the first setting that differs."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

LEFT_TO_THE_FILE = ("scheme", "normalizer", "exif", "detector")
"""Settings of a dataset that may be null: preparing finds what they are, its FaceFile knows."""


def first_difference(
    before: Mapping[str, Any], now: Mapping[str, Any], ignored: Collection[str] = ()
) -> tuple[str, Any, Any] | None:
    """The first setting, by name, that differs between nested settings of old and of today.

    Those that are ignored, by their dotted names, may differ with all that is below them.

    Returns:
        Its dotted name and its two values (None where it is missing), or None: all are the same.
    """
    old, new = dict(leaves(before)), dict(leaves(now))
    for key in sorted(old.keys() | new.keys()):
        passed = any(key == name or key.startswith(f"{name}.") for name in ignored)
        if not passed and old.get(key) != new.get(key):
            return key, old.get(key), new.get(key)
    return None


def under(content: Any, keys: Iterable[str]) -> Any:  # noqa: ANN401
    """What stands under nested keys; None where one of them is missing or null."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def leaves(settings: Any, prefix: str = "", joint: str = ".") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Every setting that holds no others, with its dotted name; items of lists by their place."""
    if isinstance(settings, (list, tuple)) and settings:
        settings = dict(enumerate(settings))
    if isinstance(settings, Mapping) and settings:
        for key, value in settings.items():
            yield from leaves(value, f"{prefix}{joint}{key}" if prefix else str(key), joint)
    else:
        yield prefix, settings
