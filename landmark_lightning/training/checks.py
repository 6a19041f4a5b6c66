"""What a training builds by its settings, tried before a face is read or rendered."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from landmark_lightning.config.instantiate import argument_hint
from landmark_lightning.config.read import plain, speaking_of
from landmark_lightning.config.schema import Train
from landmark_lightning.errors import UserError
from landmark_lightning.loading.faces import Batch
from landmark_lightning.model.losses import Objective
from landmark_lightning.model.saved import take_weights
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.strategies import Strategy, strategy_from
from landmark_lightning.schemes import SCHEMES, scheme_from
from landmark_lightning.training.trainer import (
    build_trainer,
    check_answer,
    check_monitors,
    own_callbacks,
)


class Built(NamedTuple):
    """What is built once: the user's own may know each other.

    Attributes:
        strategy: How the faces are drawn.
        callbacks: Those of the setting ``callbacks``.
    """

    strategy: Strategy
    callbacks: list[Callback]


def check_training(config: Train) -> Built:
    """Builds network, losses, optimizer, augmentation, strategy and trainer, and tries them.

    Where the scheme is not known yet, as of a dataset whose source names its landmarks, that of
    68 landmarks stands in.

    Returns:
        The strategy and the user's callbacks, to be used; all else is built again for the faces.

    Raises:
        UserError: A setting that can't be used; it is named.
    """
    with speaking_of("model.balancing"):
        strategy = strategy_from(plain(config.model.balancing), config.allow_targets)
    _try_losses(config)
    callbacks = own_callbacks(config)
    task = _stand_in(config)
    if config.dataset.scheme is not None:
        check_answer(task)
        if config.init_from is not None:
            take_weights(task.network, task.scheme, config.network, config.init_from)
    if callbacks:
        check_monitors(callbacks, logged(task, _blank(task)), open_ended=True)
    # Its own loggers and callbacks are still to come.
    build_trainer(config, task, [], [])
    return Built(strategy, callbacks)


def logged(task: LandmarkTask, batch: Batch) -> set[str]:
    """Names of the figures that a task logs while it trains, found with a validation batch.

    ``batch`` is as ``loading.faces`` has it.
    """
    task.eval()
    with torch.no_grad():
        task.validation_step(task.to_input(batch), 0)
    task.train()
    return {*task.figures("val"), "epoch", "step"}


def _stand_in(config: Train) -> LandmarkTask:
    """The task as it would be, of a dataset without subsets and without a detector's boxes."""
    settings, dataset = plain(config), config.dataset
    scheme = SCHEMES["ibug68"] if dataset.scheme is None else scheme_from(dataset.scheme)
    normalizers = [*scheme.normalizers]
    if dataset.normalizer in normalizers:
        normalizers.sort(key=lambda name: name != dataset.normalizer)
    return LandmarkTask(
        dataset={"scheme": scheme.to_dict(), "normalizers": normalizers, "subsets": []},
        crop=settings["dataset"]["crop"],
        network=config.network,
        augmentation=settings["augmentation"] | {"box_jitter": 0},
        phases=settings["phases"],
        validation=config.model.validation,
        steps_per_epoch=1,
        coverage=config.model.coverage,
        allow_targets=config.allow_targets,
    )


def _blank(task: LandmarkTask) -> Batch:
    """A batch of one black face, its landmarks in the middle of the crop."""
    side, landmarks = task.augmentation.crop_side, task.scheme.landmarks
    normalizers = len(task.scheme.normalizers)
    return {
        "image": torch.zeros(1, 1, side, side, dtype=torch.uint8),
        "landmarks": torch.full((1, landmarks, 2), side / 2),
        "visible": torch.full((1, landmarks), 2, dtype=torch.uint8),
        "normalizer": torch.ones(1, normalizers),
        "subsets": torch.zeros(1, 0, dtype=torch.bool),
        "index": torch.zeros(1, dtype=torch.int64),
    }


def _try_losses(config: Train) -> None:
    """Calls the losses and the distance that a ``_target_`` names."""
    allow = config.allow_targets
    residuals = torch.zeros(2, 5, 2, requires_grad=True)
    for place, phase in enumerate(config.phases.list):
        if isinstance(phase.loss, dict):
            room = f"phases.list[{place}]"
            with speaking_of(room):
                loss = Objective(phase.loss, None, allow).coordinate
            _call(f"{room}.loss", loss, (residuals,), residuals.shape)
    if isinstance(config.model.validation, dict):
        with speaking_of("model"):
            distance = Objective("l2", config.model.validation, allow).distance
        assert distance is not None
        _call("model.validation", distance, (residuals, residuals), residuals.shape[:2])


def _call(
    name: str, function: Callable[..., Any], given: tuple[Tensor, ...], shape: torch.Size
) -> None:
    """Calls a function of a setting, and checks the shape of what it gives."""
    try:
        found = function(*given)
    except Exception as error:  # whatever it says of arguments that it is not made for
        message = " ".join(str(error).split())
        hint = argument_hint(getattr(function, "func", function), message)
        raise UserError(f"{name} can't be called with what it gets: {message}{hint}") from error
    if getattr(found, "shape", None) != shape:
        what = tuple(getattr(found, "shape", ())) or type(found).__name__
        raise UserError(
            f"{name} gives {what} of tensors of {tuple(given[0].shape)}, not {tuple(shape)}"
        )
