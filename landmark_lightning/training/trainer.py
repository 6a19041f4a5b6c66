"""The Trainer of landmark-train: what it is built with, and what it must leave as it is."""

import copy
import logging
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import (
    BackboneFinetuning,
    BatchSizeFinder,
    Callback,
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateFinder,
    LearningRateMonitor,
    ModelCheckpoint,
    ModelPruning,
    ProgressBar,
    StochasticWeightAveraging,
)
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins import Precision
from pytorch_lightning.profilers import PassThroughProfiler, Profiler
from pytorch_lightning.strategies import Strategy

from landmark_lightning.config.instantiate import build
from landmark_lightning.config.read import speaking_of
from landmark_lightning.config.schema import Train
from landmark_lightning.errors import UserError, did_you_mean
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.folder import PROFILE, RunFolder
from landmark_lightning.samplers.batch_sampler import BatchSampler
from landmark_lightning.training.batch_norm import GlobalBatchNorms
from landmark_lightning.training.checkpoints import DurableCheckpointIO
from landmark_lightning.training.processes import check_ranks

_COUNTED = "the phases count every batch of every epoch"
_OF_PHASES = f"{_COUNTED}; change batch_size or phases.scale instead"
_OF_VALIDATION = "all validation faces choose the best checkpoint; change data.validation instead"
_OF_TEST = "Lightning's Trainer does not test: the run does, on all test faces"
LEFT_ALONE = (
    ("fast_dev_run", False, f"{_COUNTED}; experiment=debug is a tiny run from faces to figures"),
    (  # before those that it sets
        "overfit_batches",
        0.0,
        f"{_COUNTED}; data.validation=0.95 trains on a twentieth of the faces instead",
    ),
    ("accumulate_grad_batches", 1, _OF_PHASES),
    ("limit_train_batches", 1.0, f"{_COUNTED}; phases.scale=0.1 trains a tenth of them instead"),
    ("limit_val_batches", 1.0, _OF_VALIDATION),
    ("limit_test_batches", 1.0, _OF_TEST),
    ("limit_predict_batches", 1.0, _OF_TEST),
)
"""The Trainer's attributes that must be as they are by themselves, and why."""

_NEEDED = "a run needs it as it is"
INSTEAD = {
    "max_epochs": "the length follows from phases.list and phases.scale",
    "max_steps": "the length follows from phases.list and phases.scale",
    "gradient_clip_val": "phases.gradient_clip is it",
    "callbacks": "callbacks is a setting of its own",
    "logger": "logger.wandb and logger.also choose them",
    "barebones": "a run is made of what it leaves out",
    "enable_checkpointing": "a run goes on from its checkpoints",
    "plugins": _NEEDED,
    "num_sanity_val_steps": _NEEDED,
    "use_distributed_sampler": _NEEDED,
    "enable_model_summary": _NEEDED,
}
"""Arguments of the Trainer that a run gives itself, and what there is instead."""

REFUSED: dict[type[Callback], str] = {
    GradientAccumulationScheduler: _OF_PHASES,
    LearningRateFinder: "phases.list has the rates; sweep phases.lr_scale instead",
    BatchSizeFinder: "batch_size is a setting; sweep it instead",
    StochasticWeightAveraging: "it replaces the rates of the phases and adds an epoch to them; "
    "EMAWeightAveraging does neither",
    BackboneFinetuning: "the network has no backbone that could be frozen",
    ModelPruning: "it can't prune weights whose channels come last in memory, as the network's do",
}
"""Lightning's callbacks that can't do what they are for, and why."""


def hush_lightning() -> None:
    """Silences what Lightning says about things that are meant to be so."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec")
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval")
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message=".*sync_dist=True")  # the metrics sum themselves


def own_callbacks(config: Train) -> list[Callback]:
    """The user's callbacks, of the setting ``callbacks``.

    Raises:
        UserError: One that is none, or that can't work here.
    """
    callbacks: list[Callback] = []
    for place, given in enumerate(config.callbacks):
        with speaking_of(f"callbacks[{place}]"):
            callbacks.append(build(given, kind=Callback, allow=config.allow_targets))
    for callback in callbacks:
        for kind, reason in REFUSED.items():
            if isinstance(callback, kind):
                raise UserError(f"callbacks: {kind.__name__} can't be used: {reason}")
    return callbacks


def check_monitors(callbacks: list[Callback], logged: Collection[str], open_ended: bool) -> None:
    """Checks that the figures which callbacks watch are logged, as far as one can know before.

    Args:
        callbacks: All of the user's.
        logged: Names of the figures that a LandmarkTask logs.
        open_ended: Whether there may be more subsets than those have.

    Raises:
        UserError: One watches a figure that nobody logs.
    """
    free = any(  # to log what it likes
        isinstance(callback, LearningRateMonitor)
        or not type(callback).__module__.startswith("pytorch_lightning.")
        for callback in callbacks
    )
    for callback in [] if free else callbacks:
        name = None
        if isinstance(callback, EarlyStopping | ModelCheckpoint):
            name = callback.monitor if getattr(callback, "strict", True) else None
        if name is None or name in logged or (open_ended and name.count("/") > 1):
            continue
        known = sorted(n for n in logged if n == "val/nme" or n.startswith("val/nme/full/"))
        raise UserError(
            f"callbacks: {type(callback).__name__} watches {name!r}, which nobody logs; there are "
            f"{', '.join(known)} and what else has a column in metrics.csv"
            + did_you_mean(name, logged)
        )


def build_trainer(
    config: Train, task: LandmarkTask, callbacks: list[Callback], loggers: list[Logger]
) -> pl.Trainer:
    """The trainer that the settings ask for.

    Raises:
        UserError: A setting that belongs to the phases, or that breaks them.
    """
    own: dict[str, Any] = {
        "max_epochs": task.schedule.epochs,  # with max_steps a run that goes on loses an epoch
        "callbacks": callbacks,
        "logger": loggers,
        "plugins": [DurableCheckpointIO(), GlobalBatchNorms()],
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        "enable_model_summary": False,
    }
    for name in sorted(INSTEAD.keys() & config.trainer.keys()):
        raise UserError(
            f"trainer.{name} is not yours to set: {INSTEAD[name]}{_as_scale(config, name)}"
        )
    if config.trainer.get("enable_progress_bar") is False:
        own["callbacks"] = [each for each in callbacks if not isinstance(each, ProgressBar)]
    # Else a checkpoint that Lightning once left here for Slurm would start any new run.
    settings = {"default_root_dir": str(RunFolder.of(config).path)} | config.trainer
    parts = [Strategy, Profiler, Precision]
    with speaking_of("trainer"):
        trainer: pl.Trainer = build(
            settings, kind=pl.Trainer, parts=parts, allow=config.allow_targets, **own
        )
    profiler: Profiler = trainer.profiler  # type: ignore[attr-defined]
    if not isinstance(profiler, PassThroughProfiler) and profiler.filename is None:
        # Else what it found would go to a log that is silenced.
        profiler.dirpath, profiler.filename = RunFolder.of(config).path, PROFILE
    for name, whole, reason in LEFT_ALONE:
        given = getattr(trainer, name)
        if given != whole or (given == 1 and type(given) is not type(whole)):  # 1 is a batch
            raise UserError(f"trainer.{name}={given}: {reason}")
    every, epochs = trainer.check_val_every_n_epoch, task.schedule.epochs
    if every is not None and every > epochs:
        raise UserError(
            f"trainer.check_val_every_n_epoch={every}: a training of {epochs} epochs would never "
            "be validated, and no checkpoint be chosen"
        )
    check_ranks(trainer, config.batch_size)
    if trainer.world_size > 1 and config.threads != "auto":
        raise UserError(
            f"threads={config.threads}: the processes of a run on several devices share the cores "
            "evenly; leave threads out"
        )
    return trainer


def _as_scale(config: Train, name: str) -> str:
    """The ``phases.scale`` that makes as many epochs as a setting of the Trainer asks for."""
    epochs, planned = config.trainer[name], sum(phase.epochs for phase in config.phases.list)
    if name != "max_epochs" or not isinstance(epochs, int) or epochs < 1 or not planned:
        return ""
    return f"; phases.scale={epochs / planned:.4g} makes {epochs}"


def check_answer(task: LandmarkTask) -> None:
    """Checks the shape of the network's answer.

    Raises:
        UserError: It is another one.
    """
    network, image = copy.deepcopy(task.network), torch.zeros(1, 1, *2 * [task.network.side])
    with torch.no_grad():
        found = tuple(getattr(network.eval()(image), "shape", ()))
    if found != (expected := (1, task.scheme.landmarks, len(task.outputs))):
        raise UserError(
            f"network._target_={task.hparams['network']['_target_']!r} answers an image with "
            f"{found}, not with {expected}: {', '.join(task.outputs)} of each landmark"
        )


def check_last_batch(task: LandmarkTask, sampler: BatchSampler) -> None:
    """Checks that the network can be trained on the last batch of an epoch.

    Batch normalization needs two values a channel: two faces, or a picture of two pixels.

    Raises:
        UserError: The last batch is one face, with which it can't work.
    """
    size, batch, side = sampler.size, sampler.batch_size, task.network.side
    if (size % batch or batch) > 1:
        return
    try:
        copy.deepcopy(task.network).train()(torch.zeros(1, 1, side, side))
    except ValueError as error:
        raise UserError(
            f"batch_size={batch}: the last batch of {size} training faces would be a single face, "
            f"with which batch normalization can't work at network.side={side}; choose another "
            "batch_size or a larger network.side"
        ) from error


def fit(
    trainer: pl.Trainer, task: LandmarkTask, datamodule: FaceDataModule, resumed: Path | None
) -> None:
    """Trains a task, from the start or on from a checkpoint.

    Raises:
        UserError: What Lightning says of settings and callbacks, or that memory is short.
    """
    try:
        trainer.fit(task, datamodule=datamodule, ckpt_path=resumed, weights_only=True)
    except MisconfigurationException as error:
        raise UserError(" ".join(str(error).split())) from error
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the device's memory is too small ({error!s:.80}); pass a smaller batch_size or "
            "network.width, or data.residency=host"
        ) from error
    except RuntimeError as error:
        if not str(error).startswith("Early stopping conditioned on metric"):
            raise
        watched = ", ".join(sorted(trainer.callback_metrics))
        raise UserError(
            f"callbacks: EarlyStopping watches a figure that nobody logs; there are {watched}"
        ) from error
