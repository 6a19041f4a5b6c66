"""Building objects from config by ``_target_``, from a short list of packages only.

A config or a checkpoint may come from somebody else, and ``_target_`` can name any function of any
package. What is not listed here is refused unless the command line allows it by name.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from hydra._internal.utils import _locate  # hydra.utils.get_object prints what it does not find
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from landmark_lightning.config.difference import leaves
from landmark_lightning.errors import UserError, did_you_mean

TRUSTED = (
    "kornia.augmentation.", "torch.nn.", "torch.optim.", "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.", "pytorch_lightning.plugins.", "pytorch_lightning.profilers.",
    "pytorch_lightning.strategies.", "pytorch_lightning.trainer.",
)  # fmt: skip
"""Where classes come from that may be built; their methods may not: some load and run files."""

FUNCTIONS = ("torch.nn.functional.",)
"""Where functions come from that may be called, in places that take one."""

OWN = (
    "Even", "LandmarkNetwork", "Online", "OnlineBalancing", "Rescored", "Rescoring",
)  # fmt: skip
"""Public classes of this library that may be built; others write files or are no parts of runs."""

READERS = ("read_300w", "read_aflw", "read_own", "read_synthetic", "read_wflw")
"""Public functions of this library that may be called where a dataset's source is named."""


def build(
    config: Mapping[str, Any],
    *args: Any,  # noqa: ANN401
    kind: type = object,
    function: Sequence[str] = (),
    parts: Sequence[type] = (),
    has: Sequence[str] = (),
    allow: Sequence[str] = (),
    **kwargs: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Calls the ``_target_`` of a plain mapping with its other keys as arguments.

    Args:
        config: The mapping; nested mappings with a ``_target_`` are built first.
        *args: Positional arguments of the call.
        kind: Class of what the place takes, such as ``torch.nn.Module``.
        function: Where functions come from that the place takes as well, such as ``FUNCTIONS``;
            then what is made may be anything.
        parts: Classes of what may stand in nested mappings; empty: none may.
        has: Attributes that this must have.
        allow: Prefixes of targets to trust besides ``TRUSTED``.
        **kwargs: More arguments of the call.

    Returns:
        What the target returns (or a partial, with ``_partial_: true``).

    Raises:
        UserError: A target that is not trusted, does not exist, does not belong where it stands,
            or makes no ``kind`` or one without an attribute, what it says of its arguments, or a
            value that asks for another one, such as ``${oc.env:HOME}``.
    """
    if not isinstance(config, Mapping) or "_target_" not in config:
        raise UserError(f"{config!r} must be a mapping with a _target_")
    if isinstance(allow, str):
        raise UserError(
            f"allow_targets={allow!r} must be a list of packages, such as [mypackage.]"
        )
    for name, inner in leaves(config):
        if name == "_target_":
            _check(str(inner), allow, [kind], function)
        elif name.rpartition(".")[2] == "_target_":
            if not parts and not _allowed(str(inner), allow):
                raise UserError(
                    f"{name}={inner!r} has no place in the arguments of {config['_target_']}"
                )
            _check(str(inner), allow, parts, setting=name)
        elif isinstance(inner, str) and "${" in inner:
            raise UserError(f"{name}={inner!r} must be a value itself")
    target = str(config["_target_"])
    try:
        found = _locate(target)
    except (ImportError, ValueError) as error:
        message = " ".join(str(error.__cause__ or error).split())
        raise UserError(
            f"_target_={target!r} can't be loaded: {message}{_near(target)}"
        ) from error
    if not function and inspect.isclass(found) and not issubclass(found, kind):
        raise UserError(f"_target_={target!r} makes no {kind.__name__}")
    try:
        made = instantiate(config, *args, _convert_="all", **kwargs)
    except InstantiationException as error:
        message = " ".join(str(error.__cause__ or error).split())
        own = _allowed(target, allow)  # conf/ gives it no arguments: all were passed
        hint = argument_hint(found, message, config if own else ())
        called = target.rpartition(".")[2]
        if isinstance(error.__cause__, TypeError) and "argument" not in message:
            given = {**config, **kwargs}.items()
            called += f"({', '.join(f'{k}={v!r}' for k, v in given if k[0] != '_')})"
        raise UserError(f"{called}: {message}{hint}") from error
    if not function and not isinstance(made, kind):
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
        raise UserError(f"{room} {error}{argument_hint(function, str(error))}") from error


def argument_hint(function: Callable[..., Any], message: str, passed: Collection[str] = ()) -> str:
    """The argument, not among those passed, that an unknown one was likely meant to be."""
    unknown = re.search(r"unexpected keyword argument '(\w+)'", message)
    known = (name for name in inspect.signature(function).parameters if name not in passed)
    return did_you_mean(unknown[1], list(known)) if unknown else ""


def _near(target: str) -> str:
    """The name, in the module of a target that does not exist, that was likely meant."""
    package, _, name = target.rpartition(".")
    near: list[str] = []
    with suppress(ImportError, ValueError):
        near = get_close_matches(name, dir(_locate(package)), 1)
    return f"; did you mean {near[0]}" if near else ""


def _allowed(target: str, allow: Sequence[str]) -> bool:
    """Whether a target is one of the prefixes, or lies in a package or module of that name."""
    return any(f"{target}.".startswith(f"{prefix.rstrip('.')}.") for prefix in allow if prefix)


def _check(
    target: str,
    allow: Sequence[str],
    kinds: Sequence[type],
    function: Sequence[str] = (),
    setting: str = "_target_",
) -> None:
    """Refuses a target by its name, by what it is, and by where what it names really comes from.

    A module of a trusted package also holds what it imports: there is a
    ``torch.nn.modules.module.torch.load``.
    """
    if _allowed(target, allow):
        return
    package, _, name = target.rpartition(".")
    own = package == "landmark_lightning"
    if (own and name in (*OWN, *READERS)) or target.startswith((*TRUSTED, "pytorch_lightning.")):
        try:
            found = _locate(target)
        except (ImportError, ValueError) as error:
            raise UserError(f"{setting}={target!r} does not exist{_near(target)}") from error
        origin = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
        if inspect.isclass(found):
            if (own and name in OWN) or origin.startswith(TRUSTED):
                if issubclass(found, tuple(kinds)):
                    return
                wanted = " or ".join(kind.__name__ for kind in kinds)
                raise UserError(f"{setting}={target!r} makes no {wanted}")
        elif (own and name in function) or origin.startswith(
            tuple(f for f in function if "." in f)
        ):
            return
        elif (own and name in READERS) or origin.startswith(FUNCTIONS):
            raise UserError(f"{setting}={target!r} is a function, which has no place there")
    if own:
        known = [each for each in function if "." not in each] or OWN
        raise UserError(
            f"{setting}={target!r} is none of what may be built: {', '.join(known)}"
            f"{did_you_mean(name, known)}"
        )
    raise UserError(
        f"{setting}={target!r} is not of a trusted package; allow it with "
        f"'allow_targets=[{target.rpartition('.')[0]}.]'"
    )
