"""Callbacks: LPBB's two ways to refresh the losses, training curves and progress."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ProgressBar
from torch import Tensor
from tqdm import tqdm

from landmark_lightning.data.balancing import LossBalancer
from landmark_lightning.data.datamodule import FaceDataModule
from landmark_lightning.data.faces import Batch
from landmark_lightning.learning.objective import drawing_losses
from landmark_lightning.learning.ranks import gathered, summed, world
from landmark_lightning.learning.scoring import score_faces
from landmark_lightning.learning.task import LandmarkTask
from landmark_lightning.limits import check


def datamodule_of(trainer: pl.Trainer) -> FaceDataModule:
    """The datamodule that a trainer trains on."""
    datamodule = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(datamodule, FaceDataModule)
    return datamodule


def draws_on(device: torch.device) -> bool:
    """Whether LPBB may draw on a device, so that the host need not wait for its steps.

    Not where deterministic algorithms are asked for: CUDA's cumulative sum is none.
    """
    return device.type == "cuda" and not torch.are_deterministic_algorithms_enabled()


class OnlineBalancing(Callback):
    """BBO: after every batch, the losses of its own forward pass become its faces' losses.

    A face that is not drawn keeps its old loss, also where those of a new phase are larger. On a
    single GPU that holds the images, losses and draws stay there, so that no step is waited for.

    Args:
        score: ``total`` loss of a face, or that of its ``coordinates`` alone.

    Raises:
        ValueError: Another score.
    """

    seconds = 0.0  # the losses come for free

    def __init__(self, score: str = "total") -> None:
        self.score = check("model.balancing.score", score)
        self.in_step = False  # whether the training step itself updates the balancer

    def losses(self, outputs: dict[str, Tensor]) -> Tensor:
        """(B,) losses that draws go by, of what ``LandmarkTask.losses`` gave."""
        return drawing_losses(
            outputs["coordinates"], outputs["validation"], outputs["labelled_weight"], self.score
        )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts the losses on the device."""
        self.in_step = False
        if trainer.world_size == 1 and draws_on(pl_module.device):
            datamodule_of(trainer).draw_on(pl_module.device)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes them back."""
        datamodule_of(trainer).draw_on_host()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Updates the balancer."""
        if self.in_step:
            return
        losses = self.losses(outputs)
        drawn = batch.get("drawn", batch["index"])
        datamodule_of(trainer).balancer.update(drawn, gathered(losses, len(drawn)))


class Rescoring(Callback):
    """BB and bbs: scores training faces on a schedule, in evaluation mode, without augmentation.

    The whole training set is scored before the first step of each phase, and a share of it after
    every ``every`` of an epoch.

    Args:
        every: Share of an epoch between rescorings; the paper's is 0.1.
        fraction: Share of the training faces that a rescoring scores, those whose losses are
            oldest; 1 scores all.
        score: ``total`` loss of a face, or that of its ``coordinates`` alone.
        precision: ``float32``; ``bf16``, faster where the device has units for it; or ``auto``:
            bf16 where it has. With ``auto`` two machines may draw other faces.

    Raises:
        ValueError: A value out of range; it is named.
    """

    def __init__(
        self,
        every: float = 0.1,
        fraction: float = 1.0,
        score: str = "total",
        precision: str = "float32",
    ) -> None:
        for name, value in (("every", every), ("fraction", fraction)):
            check(f"model.balancing.{name}", value)
        self.every = every
        self.fraction = fraction
        self.score = check("model.balancing.score", score)
        self.precision = check("model.balancing.precision", precision)
        self.seconds = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Scores every face, unless the run goes on from a checkpoint."""
        if trainer.global_step == 0:
            self._rescore(trainer, pl_module, 1.0)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Scores faces when another ``every`` of the epoch is over, and all for a new phase."""
        assert isinstance(pl_module, LandmarkTask)
        schedule, step = pl_module.schedule, trainer.global_step
        batches = len(datamodule_of(trainer).sampler)
        if step < schedule.total_steps and schedule.index(step) != schedule.index(step - 1):
            self._rescore(trainer, pl_module, 1.0)  # losses of two phases can't be compared
        elif int((batch_idx + 1) / (self.every * batches) + 1e-9) > int(
            batch_idx / (self.every * batches) + 1e-9
        ):
            self._rescore(trainer, pl_module, self.fraction)

    def _rescore(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, fraction: float
    ) -> None:
        assert isinstance(pl_module, LandmarkTask)
        started = time.perf_counter()
        datamodule = datamodule_of(trainer)
        balancer, faces = datamodule.balancer, datamodule.train_faces
        chosen = balancer.oldest(max(1, round(fraction * len(faces))))
        rank, ranks = world()
        mine = chosen[rank::ranks]
        losses = score_faces(pl_module, faces, mine, self.score, precision=self.precision)
        balancer.update(chosen, gathered(losses, len(chosen)))
        self.seconds += time.perf_counter() - started

    def state_dict(self) -> dict[str, Any]:
        """Seconds spent so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting seconds."""
        self.seconds = float(state_dict["seconds"])


class TrainingCurves(Callback):
    """Logs means over the last steps: loss by part, learning rate, phase and the balancer's state.

    Losses gather on the device; the host sees them once in ``every`` steps.

    Args:
        every: Steps between two points of the curves.

    Raises:
        ValueError: Not a whole number of at least 1.
    """

    def __init__(self, every: int = 50) -> None:
        self.every: int = check("trainer.log_every_n_steps", every)
        self.sums: Tensor | None = None
        self.steps = 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Adds a step; logs when it is time."""
        assert isinstance(pl_module, LandmarkTask)
        faces = len(batch.get("drawn", batch["index"]))
        parts = torch.stack([outputs["coordinates"].sum(), outputs["validation"].sum()]) / faces
        self.sums = parts if self.sums is None else self.sums.to(parts.device) + parts
        self.steps += 1
        if trainer.global_step % self.every and (
            trainer.global_step != pl_module.schedule.total_steps  # the last point is one, too
        ):
            return
        coordinates, validation = (summed(self.sums) / self.steps).tolist()
        self.sums, self.steps = None, 0
        step = trainer.global_step - 1
        figures = {
            "train/loss": coordinates + validation,
            "train/loss_coordinates": coordinates,
            "train/loss_validation": validation,
            "train/lr": pl_module.schedule.lr(step),
            "train/phase": pl_module.schedule.index(step),
        }
        sampler = datamodule_of(trainer).sampler
        if isinstance(sampler, LossBalancer):
            figures |= {
                "balancing/effective_sample_size": sampler.effective_sample_size,
                "balancing/largest_probability": sampler.largest_probability,
                "balancing/invalid_losses": sampler.invalid,
            }
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=step)

    def state_dict(self) -> dict[str, Any]:
        """Sums since the last point, over all processes."""
        return {"sums": None if self.sums is None else summed(self.sums), "steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on summing; of several processes the first one takes the sums over."""
        self.sums, self.steps = state_dict["sums"], int(state_dict["steps"])
        if self.sums is not None and world()[0] > 0:
            self.sums = torch.zeros_like(self.sums)


class TrainingProgress(ProgressBar):
    """One bar over all steps of a training, with the phase and the last validation NME.

    Args:
        title: Text before the bar.
    """

    def __init__(self, title: str = "training") -> None:
        super().__init__()
        self.title = title
        self.shown = True
        self.bar: tqdm[None] | None = None

    def disable(self) -> None:
        """Shows nothing: Lightning says so to all ranks but the first."""
        self.shown = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Opens the bar."""
        assert isinstance(pl_module, LandmarkTask)
        if not self.shown:
            return
        self.bar = tqdm(
            total=pl_module.schedule.total_steps,
            initial=trainer.global_step,
            desc=self.title,
            unit="step",
            mininterval=1.0 if sys.stderr.isatty() else 15.0,
            dynamic_ncols=True,
        )

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:  # noqa: ANN401
        """Moves the bar."""
        if self.bar is not None:
            self.bar.update(trainer.global_step - self.bar.n)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Shows phase and NME."""
        assert isinstance(pl_module, LandmarkTask)
        nme = trainer.callback_metrics.get("val/nme")
        if self.bar is not None and nme is not None:
            phase = pl_module.schedule.phase(max(0, trainer.global_step - 1)).loss
            self.bar.set_postfix_str(f"{phase}, validation NME {float(nme):.2f}", refresh=False)

    def on_train_end(self, *_: Any) -> None:  # noqa: ANN401
        """Closes the bar."""
        self._close()

    def on_exception(self, *_: Any) -> None:  # noqa: ANN401
        """Closes the bar."""
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
