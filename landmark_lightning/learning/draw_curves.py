"""DrawCurves: how LPBB's draws spread over the faces while a training goes on."""

from collections.abc import Sequence
from typing import Protocol

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from landmark_lightning.data.balancing import LossBalancer
from landmark_lightning.data.datamodule import FaceDataModule
from landmark_lightning.data.draw_counts import top_shares


class Refreshing(Protocol):
    """A callback that refreshes the balancer's losses."""

    seconds: float


class DrawCurves(Callback):
    """Logs once an epoch what LPBB has done since the run began; nothing for even draws.

    ``balancing/top_1_percent`` and ``balancing/top_10_percent`` are the shares of all draws that
    went to the most drawn hundredth and tenth of the faces, ``balancing/rescore_seconds`` the
    seconds that rescoring took.

    Args:
        balancing: The callbacks that refresh the losses.
    """

    def __init__(self, balancing: Sequence[Refreshing] = ()) -> None:
        self.balancing = tuple(balancing)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Logs the epoch."""
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(datamodule, FaceDataModule)
        if not isinstance(datamodule.sampler, LossBalancer):
            return
        figures = {f"balancing/{n}": s for n, s in top_shares(datamodule.sampler.draws).items()}
        figures["balancing/rescore_seconds"] = sum(each.seconds for each in self.balancing)
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=trainer.global_step - 1)
