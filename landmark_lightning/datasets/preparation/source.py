"""A dataset's source by its settings, and what lies beside its ``read``: the scheme, too."""

import inspect
import sys
import textwrap
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from landmark_lightning.config.instantiate import READERS, TRUSTED, build, check_arguments
from landmark_lightning.config.read import speaking_of
from landmark_lightning.config.schema import Dataset
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme, scheme_from, scheme_from_names


def source_of(settings: Mapping[str, Any], allow_targets: Iterable[str] = ()) -> "partial[Any]":
    """The source's ``read`` with its settings; it takes the dataset's folder and the scheme.

    Args:
        settings: ``dataset.source``.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        UserError: A source that is not there or not to be trusted, or settings that are not its.
    """
    if str(settings.get("_target_")).startswith(TRUSTED):
        raise UserError(
            f"dataset.source._target_={settings['_target_']!r} reads no dataset; name one of "
            f"{', '.join(f'landmark_lightning.{name}' for name in READERS)}, "
            "or a function of your own that allow_targets allows"
        )
    with speaking_of("dataset.source"):
        given = {**settings, "_partial_": True}
        read: partial[Any] = build(given, function=READERS, allow=tuple(allow_targets))
    check_arguments(read.func, read.keywords, "dataset.source")
    _check_call(read, "root", "scheme")
    return read


def _check_call(function: "partial[Any]", *places: str) -> None:
    """Refuses a function of a source that does not take what it is called with."""
    try:
        inspect.signature(function.func).bind(*places, **function.keywords)
    except TypeError as error:
        name = f"{function.func.__module__}.{function.func.__name__}"
        raise UserError(
            f"{name}: {error}; it must take {', '.join((*places, *function.keywords))}, and have "
            "a default for every other argument"
        ) from error


def beside(read: "partial[Any]", name: str) -> Any:  # noqa: ANN401
    """What a source's module has under a name beside its ``read``; None where it has nothing."""
    return getattr(sys.modules[read.func.__module__], name, None)


def function_beside(read: "partial[Any]", name: str) -> "partial[Any] | None":
    """A function beside a source's ``read``, with the same settings; it takes the folder alone."""
    found = beside(read, name)
    if found is None:
        return None
    function = partial(found, **read.keywords)
    _check_call(function, "root")
    return function


def check_source(
    read: "partial[Any]", root: Path | None = None, scheme: Scheme | None = None
) -> None:
    """Checks a source's settings, and the folder and the scheme where they are known.

    By the function ``check_source`` beside its ``read``, which takes the same arguments, if there
    is one: it reads no annotations and renders nothing.

    Raises:
        UserError: What that says.
    """
    found = beside(read, "check_source")
    if found is not None:
        found(root, scheme, **read.keywords)


def is_rendered(settings: Mapping[str, Any], allow_targets: Iterable[str] = ()) -> bool:
    """Whether a source renders its faces, as ``RENDERED`` beside its ``read`` says.

    Then it needs no folder, and landmark-train prepares it without being asked to.
    """
    try:
        return bool(beside(source_of(settings, allow_targets), "RENDERED"))
    except UserError:  # whoever needs the source reports that
        return False


def scheme_of(
    dataset: Dataset, read: "partial[Any]", root: Path | None
) -> tuple[Scheme, str | None]:
    """The scheme of a dataset that is to be prepared.

    Where none is given, it is made of the names that the source brings for its landmarks: by the
    function ``landmark_names`` beside its ``read``, which takes the same arguments but the scheme.
    ``read`` is what ``source_of`` gives, ``root`` the dataset's folder.

    Returns:
        The scheme, and lines that say what was made of the names; None where it was given.

    Raises:
        FileNotFoundError: The scheme is a file that does not exist.
        UserError: None is given and the source brings no names, or one that can't be used.
    """
    ask = function_beside(read, "landmark_names")
    if dataset.scheme is not None or ask is None:
        return scheme_from(dataset.scheme), None
    names = ask(root)
    if not names:
        return scheme_from(None), None
    scheme = scheme_from_names(dataset.name, names)
    pairs = ", ".join(f"{scheme.names[i]} - {scheme.names[j]}" for i, j in scheme.pairs)
    told = (
        f"left and right in them make the mirror pairs {pairs}"
        if pairs
        else "there is no left and right in them, so no mirror pairs"
    )
    line = f"scheme {scheme.name} of the landmarks' names in the source; {told}"
    return scheme, textwrap.fill(line, 98, initial_indent="  ", subsequent_indent="    ")
