"""Trained tasks: rebuilt from their checkpoints."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from landmark_lightning.config import schema
from landmark_lightning.config.limits import NAME, PATH, whole
from landmark_lightning.config.older import modern
from landmark_lightning.config.read import read, speaking_of
from landmark_lightning.documents import check_plain
from landmark_lightning.errors import UserError
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.model.task import LandmarkTask

_EXTRA = "augmentation.extra."
"""What the names of weights of one's own augmentations begin with."""


def load_task(path: Path, allow_targets: Sequence[str] = ()) -> LandmarkTask:
    """Rebuilds a trained task from its checkpoint, in evaluation mode, on the CPU.

    Of what the checkpoint names by ``_target_`` the network alone is built, so the task is to be
    used and not to be trained on.

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
        with speaking_of(str(path)):
            given = checkpoint["hyper_parameters"]
            check_plain(given)
            arguments = modern(given) | {"allow_targets": tuple(allow_targets), "to_train": False}
            _check_run(arguments.get("run"))
        saved = checkpoint["state_dict"].items()
        weights = {name: value for name, value in saved if not name.startswith(_EXTRA)}
        _check_size(arguments, weights)
        task = LandmarkTask(**arguments)
        task.load_state_dict(weights)
    except (AttributeError, LookupError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} is no checkpoint of this library ({type(error).__name__}: {reason:.60})"
        ) from error
    task.started, task.calibration = True, checkpoint.get("calibration")
    return task.eval()


def _check_run(run: Mapping[str, Any] | None) -> None:
    """Checks what a checkpoint says of the run that made it, if anything."""
    if not run:
        return
    read(schema.Dataset, run["dataset"], "dataset")
    read(schema.Data, run["data"], "data")
    NAME.check(run["model"], "model")
    whole(0).check(run["seed"], "seed")
    PATH.check(run["data_dir"], "data_dir")


def _check_size(arguments: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> None:
    """Checks that a network is as large as its weights before memory is taken for it.

    Raises:
        RuntimeError: It is not.
    """
    with suppress(NotImplementedError), torch.device("meta"):  # not all networks can be so
        task = LandmarkTask(**arguments)
        for name, expected in task.network.state_dict(prefix="network.").items():
            if name in weights and weights[name].shape != expected.shape:
                found = tuple(weights[name].shape)
                raise RuntimeError(f"{name} is {found}, not {tuple(expected.shape)}")
