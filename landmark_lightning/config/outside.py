"""Folders of YAML files that the command line adds to ours, by ``--config-dir`` and its like.

They may be somebody else's, and Hydra would run what they say of Hydra itself, resolve what they
say of the environment, and trust what they say is to be trusted. They may have settings, no more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from landmark_lightning.config.difference import leaves
from landmark_lightning.documents import from_yaml, read_text
from landmark_lightning.errors import UserError

_FOLDERS = ("--config-dir", "-cd", "--config-path", "-cp")
_MOST_FILES = 1000
_OF_HYDRA = ("hydra.sweeper.params", "hydra.mode")
"""What a file may say of Hydra itself."""


def check_outside(arguments: Sequence[str]) -> None:
    """Checks the YAML files of every folder that a command line adds.

    Raises:
        UserError: One asks for the environment or for code, is damaged, or a pickle is to be read.
    """
    for argument in arguments:
        if argument.partition("=")[0] == "--experimental-rerun":
            raise UserError(f"{argument} reads a pickle, which may run code; pass the settings")
    for folder in _folders(arguments):
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".yaml", ".yml"))
        if len(files) > _MOST_FILES:
            raise UserError(f"{folder} has {len(files):,} YAML files; name a folder of settings")
        for path in files:
            read_outside(path, path.relative_to(folder))


def read_outside(path: Path, place: Path | None = None) -> object:
    """Reads and checks one YAML file of settings; gives its content.

    Args:
        path: The file.
        place: Its name in the folder, which says whose settings it has; None: those of all.

    Raises:
        UserError: It asks for the environment or for code, or is damaged.
    """
    try:
        text = read_text(path)
        content = from_yaml(text)
        _check(text, place, content)
    except UserError as error:
        raise UserError(f"{path} can't be used: {error}") from error
    return content


def _folders(arguments: Sequence[str]) -> Iterator[Path]:
    for place, argument in enumerate(arguments):
        name, given, value = argument.partition("=")
        if name in _FOLDERS:
            value = value if given else "".join(arguments[place + 1 : place + 2])
            path = Path(value.removeprefix("file://"))
            if name in _FOLDERS[2:] and not path.is_absolute():  # to Hydra, it lies in the package
                raise UserError(f"{name} {value} must be an absolute path")
            yield path


def _check(text: str, place: Path | None, content: object) -> None:
    """Checks one file's settings; arguments as ``read_outside``."""
    packages = re.findall(r"^#\s*@package\s+(\S+)", text, flags=re.MULTILINE)
    if place is None:
        package = "_global_"
    else:
        package = packages[-1] if packages else ".".join(place.parts[:-1])
    above = "" if package == "_global_" else f"{package}."
    settings = dict(content) if isinstance(content, Mapping) else {}
    chosen = list(leaves(settings.pop("defaults", None)))
    if any(re.search("@:?(hydra|allow_targets)", f"{key} {value}") for key, value in chosen):
        raise UserError("its defaults choose what only the command line may")
    for name, value in leaves(settings):
        whole = f"{above}{name}"
        room = whole.partition(".")[0]
        if room == "allow_targets" or (room == "hydra" and not whole.startswith(_OF_HYDRA)):
            raise UserError(f"it sets {whole}; only the command line may")
        if isinstance(value, str) and re.search(r"\$\{[^}]*:", value):
            raise UserError(f"{whole} asks for what is no setting; only the command line may")
