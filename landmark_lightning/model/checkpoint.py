"""Trained tasks: reading a checkpoint, and rebuilding the task from it."""

from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from landmark_lightning.config.older import CHECKPOINT_FORMAT, modern
from landmark_lightning.errors import UserError
from landmark_lightning.model.task import LandmarkTask


def load_task(path: Path, allow_targets: Sequence[str] = ()) -> LandmarkTask:
    """Rebuilds a trained task from its checkpoint, in evaluation mode, on the CPU.

    Args:
        path: The checkpoint.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual; what the checkpoint
            itself allows does not count.

    Raises:
        FileNotFoundError: No such file.
        UserError: No checkpoint of this library, or damaged.
    """
    checkpoint = read_checkpoint(path)
    try:
        arguments = modern(checkpoint["hyper_parameters"]) | {
            "allow_targets": tuple(allow_targets)
        }
        task = LandmarkTask(**arguments)
        task.load_state_dict(checkpoint["state_dict"])
        task.started = True
    except (LookupError, RuntimeError, TypeError) as error:
        raise UserError(
            f"{path} is no checkpoint of this library ({type(error).__name__}: {error!s:.60})"
        ) from error
    return task.eval()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU; nothing in it is run.

    Raises:
        FileNotFoundError: No such file.
        UserError: No checkpoint, or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; landmark-train writes it")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, LookupError, RuntimeError, ValueError, UnpicklingError) as error:
        raise UserError(
            f"{path} is no checkpoint or is damaged; use the other one beside it, or train again "
            "with rerun=true"
        ) from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UserError(f"{path} is no checkpoint")
    if checkpoint.get("format", 1) > CHECKPOINT_FORMAT:
        raise UserError(f"{path} is of a newer version of this library; install that")
    return checkpoint
