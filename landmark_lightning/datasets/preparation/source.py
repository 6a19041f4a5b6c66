"""A dataset's source by its settings, and what lies beside its ``read``."""

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from landmark_lightning.config.instantiate import build, check_arguments
from landmark_lightning.config.read import speaking_of
from landmark_lightning.errors import UserError


def source_of(settings: Mapping[str, Any], allow_targets: Iterable[str] = ()) -> "partial[Any]":
    """The source's ``read`` with its settings; it takes the dataset's folder and the scheme.

    Args:
        settings: ``dataset.source``.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        UserError: A source that is not there or not to be trusted, or settings that are not its.
    """
    with speaking_of("dataset.source"):
        read: partial[Any] = build({**settings, "_partial_": True}, allow=tuple(allow_targets))
    check_arguments(read.func, read.keywords, "dataset.source")
    return read


def beside(read: "partial[Any]", name: str) -> Any:  # noqa: ANN401
    """What a source's module has under a name beside its ``read``; None where it has nothing."""
    return getattr(sys.modules[read.func.__module__], name, None)


def is_rendered(settings: Mapping[str, Any], allow_targets: Iterable[str] = ()) -> bool:
    """Whether a source renders its faces, as ``RENDERED`` beside its ``read`` says.

    Then it needs no folder, and landmark-train prepares it without being asked to.
    """
    try:
        return bool(beside(source_of(settings, allow_targets), "RENDERED"))
    except UserError:  # whoever needs the source reports that
        return False
