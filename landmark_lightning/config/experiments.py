"""Experiments that lie anywhere: ``experiment=folder/mine.yaml`` beside those of ``conf/``."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from landmark_lightning.config.outside import read_outside
from landmark_lightning.errors import UserError

ENDINGS = (".yaml", ".yml")


def with_files(arguments: Sequence[str]) -> list[str]:
    """Makes the files that ``experiment=`` names known to Hydra, which looks in ``conf/`` alone.

    Args:
        arguments: Of landmark-train; the files are read from the working folder, and commas
            separate them as they do names.

    Returns:
        The arguments, a file named as Hydra knows it now.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: A file is no mapping in YAML, or asks for more than settings.
    """
    return [_with_file(argument) for argument in arguments]


def _with_file(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if key.lstrip("+") != "experiment" or not equals:
        return argument
    given = value.strip("'\"")
    known = [_known(part) for part in ([given] if _is_file(given) else value.split(","))]
    return f"{key}={','.join(known)}"


def _known(name: str) -> str:
    """The name in Hydra of a file, which is told to it; any other name as it is."""
    if not _is_file(name):
        if "/" in name and name.endswith(ENDINGS):
            raise FileNotFoundError(
                f"experiment={name} does not exist; landmark-inspect writes such a file"
            )
        return name
    path = Path(name).expanduser().resolve()
    content = read_outside(path)
    if not isinstance(content, dict):
        raise UserError(f"experiment={name} must be a mapping, as conf/experiment/own.yaml is")
    digest = hashlib.sha256(bytes(path)).hexdigest()[:8]  # Hydra's names take few characters
    known = f"{re.sub(r'[^0-9A-Za-z_-]', '_', path.stem)}_{digest}"
    node = OmegaConf.create(content)
    ConfigStore.instance().store(name=known, node=node, group="experiment", package="_global_")
    return known


def _is_file(name: str) -> bool:
    path = Path(name.strip("'\"")).expanduser()
    return path.suffix in ENDINGS and path.is_file()
