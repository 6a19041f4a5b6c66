"""How the schema describes a setting: as a dataclass field whose metadata ``read`` goes by."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

from landmark_lightning.config.limits import Limit


def setting(limit: Limit, **default: Any) -> Any:  # noqa: ANN401
    """A setting with its limit."""
    return field(metadata={"limit": limit}, **default)


def room(kind: "type | Callable[[Any], type | None]", many: bool = False) -> Any:  # noqa: ANN401
    """A setting that holds others.

    Args:
        kind: The dataclass of these, or a function that chooses it by the value; where that gives
            None, the mapping stays as it is.
        many: Whether the setting is a list of them.
    """
    return field(metadata={"kind": kind, "many": many})


def built(kind: "type | None" = None, by: str = "", more: bool = False) -> Any:  # noqa: ANN401
    """A mapping with a ``_target_``, whose other settings are arguments that the target knows.

    Args:
        kind: The dataclass of the arguments of one target, which are checked here already.
        by: That target. Arguments of any other are left to it.
        more: Whether it takes arguments beside those of ``kind``.
    """
    return field(metadata={"built": kind, "by": by, "more": more})
