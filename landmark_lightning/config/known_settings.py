"""Settings that there are, against those that the command line adds with ``+``.

Hydra refuses an unknown ``name=value``; ``+name=value`` it adds, and most rooms of the
configuration never look at what they don't know.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from landmark_lightning.config.limits import NETWORK
from landmark_lightning.errors import UserError, no_setting

OPEN = (
    "dataset.protocol", "dataset.scheme", "dataset.source", "model.validation",
    "phases.optimizer", "phases.schedules",
)  # fmt: skip
"""Settings with a free set of keys; what is built of them knows its own. So is a ``network`` whose
``_target_`` is not this library's, ``model.balancing`` with a ``_target_``, and ``trainer`` for
what is added to it. Entries of lists, such as ``callbacks``, are never looked at."""


def check_added(command: str, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Refuses what ``+`` adds to a configuration unread, and what ``~`` takes away from it.

    Call it where Hydra composes, as in the command's own function.

    Args:
        command: Name of the command.
        config: Its configuration.
        overrides: What the command line changes in it, as Hydra lists it.

    Raises:
        UserError: The first unknown setting, with the nearest known one, or the missing one.
    """
    groups = GlobalHydra.instance().config_loader().list_groups("")
    changes = [o for o in overrides if o[0] in "+~" and _key(o) not in groups]
    if not changes:
        return
    known: Any = OmegaConf.to_container(
        compose(command, overrides=[o for o in overrides if o not in changes])
    )
    rooms: tuple[str, ...] = OPEN
    if config.get("network", {}).get("_target_") != NETWORK:
        rooms += ("network",)
    if "_target_" in (config.get("model", {}).get("balancing") or {}):
        rooms += ("model.balancing",)
    for key in _more(config, known):
        if not _below(key, (*rooms, "trainer")):
            raise UserError(no_setting(key, list(_names(known))))
    for key in _more(known, config):
        if not _below(key, rooms):
            raise UserError(f"{key} can't be taken away; leave out ~{key}")


def known_names(command: str, folder: Path, arguments: Sequence[str]) -> list[str]:
    """Dotted names of a command's settings; of none where its choices can't be composed.

    Args:
        command: Name of the command.
        folder: Folder of the YAML files.
        arguments: The command line, whose choices (``model=bb``) decide what there is.
    """
    groups = {path.name for path in folder.iterdir() if path.is_dir()}
    chosen = [a.split(",")[0] for a in arguments if a.split("=")[0] in groups]
    with suppress(Exception), initialize_config_dir(str(folder), version_base="1.3"):
        return list(_names(OmegaConf.to_container(compose(command, overrides=chosen))))
    return []


def _key(override: str) -> str:
    return override.lstrip("+~").split("=")[0]


def _below(key: str, rooms: Sequence[str]) -> bool:
    return any(key == room or key.startswith(f"{room}.") for room in rooms)


def _more(config: Mapping[str, Any], known: Mapping[str, Any], room: str = "") -> Iterator[str]:
    """Dotted names of what is in a configuration but not in another one."""
    for key, value in config.items():
        name = f"{room}{key}"
        if key not in known:
            yield name
        elif isinstance(value, Mapping) and isinstance(known[key], Mapping):
            yield from _more(value, known[key], f"{name}.")


def _names(settings: Any, room: str = "") -> Iterator[str]:  # noqa: ANN401
    for key, value in settings.items():
        yield f"{room}{key}"
        if isinstance(value, Mapping):
            yield from _names(value, f"{room}{key}.")
