"""Curves of a training: losses, rate and phase, and whom LPBB draws."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.distributed import summed, world
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.statistics import top_shares
from landmark_lightning.training.balancing import datamodule_of, rescore_seconds

PARTS = ("coordinates", "validation", "coverage")
"""Of a step's loss; ``train/loss`` is the sum of the first two, which LPBB draws by."""


class TrainingCurves(Callback):
    """Logs means over the last steps: loss by part, learning rate, phase and the balancer's state.

    Losses gather on the device; the host sees them once in ``every`` steps. Once an epoch follows
    what LPBB has done since the run began: ``balancing/top_1_percent`` and
    ``balancing/top_10_percent``, the shares of all draws that went to the most drawn hundredth and
    tenth of the faces, and ``balancing/rescore_seconds``, the seconds that rescoring took.

    Args:
        every: Steps between two points of the curves.

    Raises:
        UserError: Not a whole number of at least 1.
    """

    def __init__(self, every: int = 50) -> None:
        check(schema.Trainer, log_every_n_steps=every)
        self.every = every
        self.sums: Tensor | None = None
        self.steps = 0

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:  # noqa: ANN401
        """Adds a step; logs when it is time."""
        outputs, batch, _ = args
        assert isinstance(pl_module, LandmarkTask)
        faces = len(batch.get("drawn", batch["index"]))
        names = [name for name in PARTS if name in outputs]
        parts = torch.stack([outputs[name].sum() for name in names]) / faces
        self.sums = parts if self.sums is None else self.sums.to(parts.device) + parts
        self.steps += 1
        if trainer.global_step % self.every and (
            trainer.global_step != pl_module.schedule.total_steps  # the last point is one, too
        ):
            return
        means = dict(zip(names, (summed(self.sums) / self.steps).tolist(), strict=True))
        self.sums, self.steps = None, 0
        step = trainer.global_step - 1
        figures = {
            "train/loss": means["coordinates"] + means["validation"],
            **{f"train/loss_{name}": mean for name, mean in means.items()},
            "train/lr": pl_module.schedule.lr(step),
            "train/phase": pl_module.schedule.index(step),
        }
        drawing = datamodule_of(trainer).sampler.figures()
        figures |= {f"balancing/{name}": value for name, value in drawing.items()}
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs whom LPBB has drawn; nothing for even draws."""
        datamodule = datamodule_of(trainer)
        if datamodule.sampler.balanced:
            shares = top_shares(datamodule.balancer.draws)
            figures = {f"balancing/{name}": share for name, share in shares.items()}
            figures["balancing/rescore_seconds"] = rescore_seconds(trainer)
            for logger in trainer.loggers:
                logger.log_metrics(figures, step=trainer.global_step - 1)

    def state_dict(self) -> dict[str, Any]:
        """Sums since the last point, over all processes."""
        return {"sums": None if self.sums is None else summed(self.sums), "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on summing; of several processes the first one takes the sums over."""
        self.sums, self.steps = state_dict["sums"], int(state_dict["steps"])
        if self.sums is not None and world()[0] > 0:
            self.sums = torch.zeros_like(self.sums)
