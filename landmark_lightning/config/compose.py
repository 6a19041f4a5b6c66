"""From a command line to its settings: composed by Hydra, then read and checked."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose as compose_with_hydra
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from landmark_lightning.config.command_schemas import COMMANDS
from landmark_lightning.config.difference import leaves, under
from landmark_lightning.config.experiments import with_files
from landmark_lightning.config.read import names, read
from landmark_lightning.config.schema import SCHEDULE, Dataset, Train
from landmark_lightning.config.typed_paths import as_typed

_NO_TEXT = re.compile(r"null|true|false|nan|[+-]?(inf|[\d.]+(e[+-]?\d+)?)", re.IGNORECASE)


def config_folder() -> Path:
    """The folder of the YAML files: inside the installed package, or the checkout's.

    Raises:
        FileNotFoundError: Neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf folder with train.yaml in {package} or beside it")


def compose(*overrides: str) -> Train:
    """The settings of a training, as the command line of landmark-train gives them.

    Args:
        overrides: What the command line would hold, such as ``"model=bb"`` or ``"seed=1"``.

    Raises:
        UserError: A setting that is unknown, or that is not what it must be.
        HydraException: A choice that there is not.
    """
    typed = with_files(as_typed(as_chosen("train", overrides)))
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        composed = compose_with_hydra("train", typed, return_hydra_config=True)
    settings: Train = settings_of("train", composed, composed.hydra)
    return settings


def as_chosen(command: str, arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, its groups' choices as text.

    Hydra would read ``network=3`` as a number, and refuses null also where a group's choice is
    null by itself: there it is left out.
    """
    folder = config_folder()
    entries = OmegaConf.load(folder / f"{command}.yaml").defaults
    named = [pair for entry in entries if not isinstance(entry, str) for pair in entry.items()]
    optional = {group for group, choice in named if choice is None}
    chosen = []
    for argument in arguments:
        group, _, value = argument.partition("=")
        if not (folder / group).is_dir() or not _NO_TEXT.fullmatch(value):
            chosen.append(argument)
        elif value.lower() != "null" or group not in optional:
            chosen.append(f"{group}='{value}'")
    return chosen


def settings_of(command: str, composed: DictConfig, hydra: Any) -> Any:  # noqa: ANN401
    """The settings of a command, read and checked.

    Args:
        command: Its name.
        composed: What Hydra made of the YAML files and the command line.
        hydra: Its own settings, which have the command line and each group's choice.

    Raises:
        UserError: A setting that is unknown, or that is not what it must be.
    """
    ours = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    if "phases" in ours:  # which read it by interpolation
        SCHEDULE.check(OmegaConf.select(ours, "dataset.schedule"), "dataset.schedule")
    plain: Any = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    changes = OverridesParser.create().parse_overrides(list(hydra.overrides.task))
    choices = hydra.runtime.choices
    named = [change.key_or_group for change in changes]
    _keep_own_arguments(plain, changes, choices)
    added = [change.key_or_group for change in changes if change.is_add() or change.is_force_add()]
    settings: Any = read(COMMANDS[command], plain, added=added)
    if isinstance(dataset := getattr(settings, "dataset", None), Dataset):
        usual = dict(leaves(group_defaults("dataset", choices.get("dataset"))))
        given = [name.removeprefix("dataset.") for name in named if name.startswith("dataset.")]
        given += [
            key for key, v in leaves(plain["dataset"]) if key not in usual or v != usual[key]
        ]
        settings = replace(settings, dataset=replace(dataset, given=tuple(given)))
    return settings


def _keep_own_arguments(
    plain: dict[str, Any], changes: Sequence[Override], choices: Mapping[str, Any]
) -> None:
    """Leaves a new ``_target_`` of the command line the arguments that are named there.

    Hydra would mix in those of the target that it takes the place of.
    """
    rooms: dict[str, set[str]] = {}
    for change in changes:
        name, value = change.key_or_group, change.value()
        if isinstance(value, Mapping) and "_target_" in value:
            rooms.setdefault(name, set()).update(map(str, value))
        elif name.endswith("._target_"):
            rooms.setdefault(name.removesuffix("._target_"), {"_target_"})
    for room, kept in rooms.items():
        group, _, below = f"{room}._target_".partition(".")
        before = dict(leaves(group_defaults(group, choices.get(group)))).get(below)
        found = under(plain, room.split("."))
        if isinstance(found, dict) and found.get("_target_") != before:
            named = (change.key_or_group for change in changes)
            kept |= {
                n.removeprefix(f"{room}.").split(".")[0] for n in named if n.startswith(f"{room}.")
            }
            for key in found.keys() - kept:
                del found[key]


def group_defaults(group: str, choice: str | None) -> dict[str, Any]:
    """What the YAML file of a group's choice, and those it builds on, say; empty without one."""
    files = files_of(group, choice)
    merged: Any = OmegaConf.to_container(OmegaConf.merge({}, *map(OmegaConf.load, files)))
    merged.pop("defaults", None)
    return merged


def files_of(group: str, choice: str | None) -> list[Path]:
    """The YAML file of a choice, after those that it builds on; none of a choice elsewhere."""
    path = config_folder() / group / f"{choice}.yaml"
    if not path.is_file():
        return []
    own: Any = OmegaConf.load(path)
    names = (n for n in own.get("defaults", ()) if isinstance(n, str) and n != "_self_")
    chosen = (name.partition("@")[0] for name in names)  # nobb@model is nobb.yaml
    return [*(file for name in chosen for file in files_of(group, name)), path]


def known_names(command: str, arguments: Sequence[str]) -> list[str]:
    """Dotted names of a command's settings that its command line, which chooses, does not give."""
    groups = [path.name for path in config_folder().iterdir() if path.is_dir()]
    chosen = [a.split(",")[0] for a in arguments if a.split("=")[0] in groups]
    plain: Any = None
    with suppress(Exception), initialize_config_dir(str(config_folder()), version_base="1.3"):
        plain = OmegaConf.to_container(compose_with_hydra(command, chosen))
    below = [key for key, _ in leaves(plain or {}) if not any(k.isdigit() for k in key.split("."))]
    given = {argument.lstrip("+~").split("=")[0] for argument in arguments}
    found = dict.fromkeys([*names(COMMANDS[command], plain), *below, *groups])
    return [name for name in found if name not in given]
