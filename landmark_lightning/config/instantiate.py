"""Building objects from config by ``_target_``, from a short list of packages only.

A config or a checkpoint may come from somebody else, and ``_target_`` can name any function of any
package. What is not listed here is refused unless the command line allows it by name.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate

TRUSTED = ("pytorch_lightning.", "torch.optim.", "torch.nn.", "kornia.augmentation.")

OWN = (
    "LandmarkNetwork", "read_300w", "read_aflw", "read_own", "read_synthetic", "read_wflw",
)  # fmt: skip
"""Public names of this library that may be built; others write files, or are no parts of a run."""

OLDER = {
    "landmark_lightning.learning.network.LandmarkNetwork": "landmark_lightning.LandmarkNetwork",
    "landmark_lightning.data.sources.w300.read": "landmark_lightning.read_300w",
    **{
        f"landmark_lightning.data.sources.{name}.read": f"landmark_lightning.read_{name}"
        for name in ("aflw", "own", "synthetic", "wflw")
    },
}
"""What targets were called in checkpoints, FaceFiles and runs of before."""


def modern(settings: Any) -> Any:  # noqa: ANN401
    """Nested settings as they would be written today: a file of before has names of before."""
    if isinstance(settings, Mapping):
        changed = {key: modern(value) for key, value in settings.items()}
        if isinstance(target := changed.get("_target_"), str):
            changed["_target_"] = OLDER.get(target, target)
        return changed
    return [modern(value) for value in settings] if isinstance(settings, list) else settings


def build(config: Mapping[str, Any], *args: Any, allow: Sequence[str] = (), **kwargs: Any) -> Any:  # noqa: ANN401
    """Calls the ``_target_`` of a plain mapping with its other keys as arguments.

    Args:
        config: The mapping; nested mappings with a ``_target_`` are built first.
        *args: Positional arguments of the call.
        allow: Prefixes of targets to trust besides ``TRUSTED``.
        **kwargs: More arguments of the call.

    Returns:
        What the target returns (or a partial, with ``_partial_: true``).

    Raises:
        ValueError: A target that is not trusted or does not exist, or what it says of its
            arguments.
    """
    if not isinstance(config, Mapping) or "_target_" not in config:
        raise ValueError(f"{config!r} must be a mapping with a _target_")
    if isinstance(allow, str):
        raise ValueError(f"allow_targets={allow!r} must be a list, such as [mypackage.]")
    for target in _targets(config):
        _check(target, tuple(allow))
    try:
        return instantiate(config, *args, _convert_="all", **kwargs)
    except InstantiationException as error:
        cause = error.__cause__
        if cause is not None:
            raise ValueError(f"{config['_target_'].rpartition('.')[2]}: {cause}") from error
        raise ValueError(" ".join(str(error).split())) from error


def check_arguments(function: Callable[..., Any], given: Mapping[str, Any], room: str) -> None:
    """Checks that a function or class takes the settings that a room of the config holds.

    Args:
        function: What they are arguments of.
        given: The settings.
        room: Dotted name of the room.

    Raises:
        ValueError: It takes no such argument.
    """
    try:
        inspect.signature(function).bind_partial(**given)
    except TypeError as error:
        raise ValueError(f"{room} {error}") from error


def _check(target: str, allow: tuple[str, ...]) -> None:
    """Refuses a target by its name and by where what it names really comes from.

    A module of a trusted package also holds what it imports: there is a
    ``torch.nn.modules.module.torch.load``.
    """
    if target.startswith(allow) and allow:
        return
    package, _, name = target.rpartition(".")
    if package == "landmark_lightning" and name in OWN:
        return
    if target.startswith(TRUSTED):
        try:
            found = get_object(target)
        except (ImportError, ValueError) as error:
            raise ValueError(f"_target_={target!r} does not exist") from error
        origin = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"
        if origin.startswith(TRUSTED):
            return
    raise ValueError(
        f"_target_={target!r} is not of a trusted package; allow it with "
        f"'allow_targets=[{target.rpartition('.')[0]}.]'"
    )


def _targets(value: object) -> Iterator[str]:
    """Every ``_target_`` in a nest of mappings and lists."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield str(value["_target_"])
        for inner in value.values():
            yield from _targets(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _targets(inner)
