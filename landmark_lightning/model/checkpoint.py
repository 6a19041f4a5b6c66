"""Trained tasks: rebuilt from their checkpoints."""

from collections.abc import Sequence
from pathlib import Path

from landmark_lightning.config.older import modern
from landmark_lightning.errors import UserError
from landmark_lightning.model.saved import read_checkpoint
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
        task.started, task.calibration = True, checkpoint.get("calibration")
    except (LookupError, RuntimeError, TypeError) as error:
        raise UserError(
            f"{path} is no checkpoint of this library ({type(error).__name__}: {error!s:.60})"
        ) from error
    return task.eval()
