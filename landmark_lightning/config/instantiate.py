"""Building objects from config by ``_target_``, from a short list of packages only.

A config or a checkpoint may come from somebody else, and ``_target_`` can name any function of any
package. What is not listed here is refused unless the command line allows it by name.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate

from landmark_lightning.config.difference import leaves
from landmark_lightning.errors import UserError, did_you_mean

TRUSTED = (
    "kornia.augmentation.", "torch.nn.", "torch.optim.", "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.", "pytorch_lightning.plugins.", "pytorch_lightning.profilers.",
    "pytorch_lightning.strategies.", "pytorch_lightning.trainer.",
)  # fmt: skip
"""Where classes come from that may be built; their methods may not: some load and run files."""

FUNCTIONS = "torch.nn.functional."
"""Where functions come from that may be called."""

OWN = (
    "Even", "LandmarkNetwork", "Online", "OnlineBalancing", "Rescored", "Rescoring", "read_300w",
    "read_aflw", "read_own", "read_synthetic", "read_wflw",
)  # fmt: skip
"""Public names of this library that may be built; others write files, or are no parts of a run."""


def build(
    config: Mapping[str, Any],
    *args: Any,  # noqa: ANN401
    kind: type | None = None,
    has: Sequence[str] = (),
    allow: Sequence[str] = (),
    **kwargs: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Calls the ``_target_`` of a plain mapping with its other keys as arguments.

    Args:
        config: The mapping; nested mappings with a ``_target_`` are built first.
        *args: Positional arguments of the call.
        kind: What the place takes, such as ``torch.nn.Module``; None: anything.
        has: Attributes that this must have.
        allow: Prefixes of targets to trust besides ``TRUSTED``.
        **kwargs: More arguments of the call.

    Returns:
        What the target returns (or a partial, with ``_partial_: true``).

    Raises:
        UserError: A target that is not trusted, does not exist, or makes no ``kind`` or one
            without an attribute, what it says of its arguments, or a value that asks for another
            one, such as ``${oc.env:HOME}``.
    """
    if not isinstance(config, Mapping) or "_target_" not in config:
        raise UserError(f"{config!r} must be a mapping with a _target_")
    if isinstance(allow, str):
        raise UserError(
            f"allow_targets={allow!r} must be a list of packages, such as [mypackage.]"
        )
    for name, inner in leaves(config):
        if name.rpartition(".")[2] == "_target_":
            _check(str(inner), allow)
        elif isinstance(inner, str) and "${" in inner:
            raise UserError(f"{name}={inner!r} must be a value itself")
    target = str(config["_target_"])
    found = None
    with suppress(ImportError, ValueError):  # what does not exist, instantiate names
        found = get_object(target)
    if kind is not None and inspect.isclass(found) and not issubclass(found, kind):
        raise UserError(f"_target_={target!r} makes no {kind.__name__}")
    try:
        made = instantiate(config, *args, _convert_="all", **kwargs)
    except InstantiationException as error:
        message = " ".join(str(error.__cause__ or error).split())
        own = _allowed(target, allow)  # conf/ gives it no arguments: all were passed
        hint = _hint(get_object(target), message, config if own else ())
        raise UserError(f"{target.rpartition('.')[2]}: {message}{hint}") from error
    if kind is not None and not isinstance(made, kind):
        raise UserError(f"_target_={target!r} makes no {kind.__name__}")
    for name in has:
        if not hasattr(made, name):
            raise UserError(
                f"_target_={target!r} makes a {type(made).__name__} without {name}; give it one"
            )
    return made


def check_arguments(function: Callable[..., Any], given: Mapping[str, Any], room: str) -> None:
    """Checks that a function or class takes the settings given in a room of the config.

    Raises:
        UserError: It takes no such argument.
    """
    try:
        inspect.signature(function).bind_partial(**given)
    except TypeError as error:
        raise UserError(f"{room} {error}{_hint(function, str(error))}") from error


def _hint(function: Callable[..., Any], message: str, passed: Collection[str] = ()) -> str:
    """The argument, not among those passed, that an unknown one was likely meant to be."""
    unknown = re.search(r"unexpected keyword argument '(\w+)'", message)
    known = (name for name in inspect.signature(function).parameters if name not in passed)
    return did_you_mean(unknown[1], list(known)) if unknown else ""


def _allowed(target: str, allow: Sequence[str]) -> bool:
    """Whether a target is one of the prefixes, or lies in a package or module of that name."""
    return any(f"{target}.".startswith(f"{prefix.rstrip('.')}.") for prefix in allow if prefix)


def _check(target: str, allow: Sequence[str]) -> None:
    """Refuses a target by its name and by where what it names really comes from.

    A module of a trusted package also holds what it imports: there is a
    ``torch.nn.modules.module.torch.load``.
    """
    if _allowed(target, allow):
        return
    package, _, name = target.rpartition(".")
    if package == "landmark_lightning" and name in OWN:
        return
    if target.startswith((*TRUSTED, "pytorch_lightning.")):
        try:
            found = get_object(target)
        except (ImportError, ValueError) as error:
            raise UserError(f"_target_={target!r} does not exist") from error
        origin = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
        if origin.startswith(TRUSTED if inspect.isclass(found) else FUNCTIONS):
            return
    raise UserError(
        f"_target_={target!r} is not of a trusted package; allow it with "
        f"'allow_targets=[{target.rpartition('.')[0]}.]'"
    )
