"""What is checked of a command's settings before anything heavy is loaded."""

from typing import Any

from landmark_lightning.config.command_schemas import Calibrate, Evaluate, Export, Predict, Report
from landmark_lightning.errors import UserError
from landmark_lightning.runs.folder import checkpoint_of

FOLDERS = {
    "train": ("data_dir", "runs_dir"), "prepare": ("data_dir",), "inspect": ("data_dir", "output"),
    "evaluate": ("output",), "report": ("output",), "predict": ("output",),
}  # fmt: skip
"""Settings that are folders, or such as can be made, by command."""


def check_files(command: str, config: Any) -> None:  # noqa: ANN401
    """Checks the files and folders that a command's settings name.

    Raises:
        UserError: A file lies where a folder must be, or there is nothing to read.
    """
    for name in FOLDERS.get(command, ()):
        path = getattr(config, name)
        way = () if path is None else (path, *path.parents)
        if found := next((p for p in way if p.exists() and not p.is_dir()), None):
            raise UserError(f"{name}={path}: {found} is a file; name a folder")
    if isinstance(config, (Calibrate, Evaluate, Export, Predict)):
        checkpoint_of(config.run)
    if isinstance(config, Report) and not config.runs.is_dir():
        raise UserError(f"runs={config.runs} is no folder; landmark-train writes runs")
