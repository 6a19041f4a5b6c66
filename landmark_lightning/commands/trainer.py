"""The Trainer of landmark-train: what it is built with, and what it must leave as it is."""

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger

from landmark_lightning.commands.launching import check_ranks
from landmark_lightning.learning.callbacks import OnlineBalancing, Rescoring
from landmark_lightning.learning.checkpoints import DurableCheckpointIO
from landmark_lightning.learning.ranks import GlobalBatchNorms
from landmark_lightning.learning.task import LandmarkTask
from landmark_lightning.targets import build


def hush_lightning() -> None:
    """Silences what Lightning says about things that are meant to be so."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec")
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval")
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message=".*sync_dist=True")  # the metrics sum themselves


def refreshing(config: Mapping[str, Any]) -> list[OnlineBalancing | Rescoring]:
    """The callback that refreshes the balancer's losses, if any."""
    if config["refresh"] == "online":
        return [OnlineBalancing(config["score"])]
    if config["refresh"] == "rescore":
        return [
            Rescoring(
                config["every"],
                config["fraction"],
                config["score"],
                precision=config["precision"],
            )
        ]
    return []


def build_trainer(
    config: Mapping[str, Any],
    task: LandmarkTask,
    callbacks: list[Callback],
    loggers: list[Logger],
) -> pl.Trainer:
    """The trainer that the settings ask for.

    Raises:
        ValueError: A setting that belongs to the phases, or that breaks them.
    """
    own = {
        "max_epochs": task.schedule.epochs,  # with max_steps a run that goes on loses an epoch
        "gradient_clip_val": task.gradient_clip if task.automatic_optimization else None,
        "callbacks": callbacks,
        "logger": loggers,
        "plugins": [DurableCheckpointIO(), GlobalBatchNorms()],
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        "enable_model_summary": False,
    }
    if given := sorted((own.keys() | {"max_steps"}) & config["trainer"].keys()):
        raise ValueError(
            f"trainer.{given[0]} is not yours to set: the length follows from phases.list and "
            "phases.scale, callbacks, logger and phases.gradient_clip have settings of their own"
        )
    allow = tuple(config["allow_targets"])
    trainer: pl.Trainer = build(config["trainer"], allow=allow, **own)
    for name, whole in (("accumulate_grad_batches", 1), ("limit_train_batches", 1.0)):
        if (given := getattr(trainer, name)) != whole:
            raise ValueError(
                f"trainer.{name}={given}: the phases count every batch of every epoch; change "
                "batch_size or phases.scale instead"
            )
    check_ranks(trainer, config["batch_size"])
    return trainer
