"""LPBB's two ways to refresh the losses: by the training batches, or by rescoring."""

import time
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.distributed import gathered, world
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import Faces
from landmark_lightning.model.folded import has_bf16, scoring_copy
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.strategies import Online, Rescored, Strategy


def datamodule_of(trainer: Trainer) -> FaceDataModule:
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
    """

    in_step = False  # whether the training step itself updates the balancer

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Puts the losses on the device."""
        self.in_step = False
        if trainer.world_size == 1 and draws_on(pl_module.device):
            datamodule_of(trainer).draw_on(pl_module.device)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes them back."""
        datamodule_of(trainer).draw_on_host()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:  # noqa: ANN401
        """Updates the balancer."""
        outputs, batch, _ = args
        if self.in_step:
            return
        drawn = batch.get("drawn", batch["index"])
        datamodule_of(trainer).balancer.update(drawn, gathered(outputs["drawing"], len(drawn)))


class Rescoring(Callback):
    """BB and bbs: scores training faces on a schedule, in evaluation mode, without augmentation.

    The whole training set is scored before the first step of each phase, and a share of it after
    every ``every`` of an epoch.

    Args:
        every: Share of an epoch between rescorings; the paper's is 0.1.
        fraction: Share of the training faces that a rescoring scores, those whose losses are
            oldest; 1 scores all.
        precision: ``float32``; ``bf16``, faster where the device has units for it; or ``auto``:
            bf16 where it has. With ``auto`` two machines may draw other faces.

    Raises:
        UserError: A value out of range; it is named.
    """

    def __init__(
        self, every: float = 0.1, fraction: float = 1.0, precision: str = "float32"
    ) -> None:
        check(schema.Rescored, every=every, fraction=fraction, precision=precision)
        self.every, self.fraction, self.precision = every, fraction, precision
        self.seconds = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scores every face, unless the run goes on from a checkpoint."""
        if trainer.global_step == 0:
            self._rescore(trainer, pl_module, 1.0)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:  # noqa: ANN401
        """Scores faces when another ``every`` of the epoch is over, and all for a new phase."""
        *_, batch_idx = args
        assert isinstance(pl_module, LandmarkTask)
        schedule, step = pl_module.schedule, trainer.global_step
        between = self.every * len(datamodule_of(trainer).sampler)
        due = int((batch_idx + 1) / between + 1e-9) > int(batch_idx / between + 1e-9)
        if step < schedule.total_steps and schedule.index(step) != schedule.index(step - 1):
            self._rescore(trainer, pl_module, 1.0)  # losses of two phases can't be compared
        elif due:
            self._rescore(trainer, pl_module, self.fraction)

    def _rescore(self, trainer: Trainer, pl_module: LightningModule, fraction: float) -> None:
        assert isinstance(pl_module, LandmarkTask)
        started = time.perf_counter()
        datamodule = datamodule_of(trainer)
        balancer, faces = datamodule.balancer, datamodule.train_faces
        chosen = balancer.oldest(max(1, round(fraction * len(faces))))
        rank, ranks = world()
        mine = chosen[rank::ranks]
        losses = score_faces(pl_module, faces, mine, precision=self.precision)
        balancer.update(chosen, gathered(losses, len(chosen)))
        self.seconds += time.perf_counter() - started

    def state_dict(self) -> dict[str, Any]:
        """Seconds spent so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting seconds."""
        self.seconds = float(state_dict["seconds"])


def callbacks_of(strategy: Strategy) -> list[Callback]:
    """The callbacks that a strategy needs: its own ones, or what refreshes its losses."""
    if hasattr(strategy, "callbacks"):
        return list(strategy.callbacks())
    if isinstance(strategy, Rescored):
        return [Rescoring(strategy.every, strategy.fraction, strategy.precision)]
    return [OnlineBalancing()] if isinstance(strategy, Online) else []


def rescore_seconds(trainer: Trainer) -> float:
    """Seconds of a training that went into rescoring."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return sum((each.seconds for each in callbacks if isinstance(each, Rescoring)), 0.0)


BATCH_SIZES = {"cpu": 96, "cuda": 1024}
"""Faces in a batch: a CPU is slower with more, a GPU with fewer."""


def score_faces(
    task: LandmarkTask, faces: Faces, chosen: Tensor, precision: str = "float32"
) -> Tensor:
    """Losses by which LPBB draws faces, in the current phase, evaluated without augmentation.

    Args:
        task: The task; it is left as it is.
        faces: The faces.
        chosen: (n,) int64, places of the faces to score.
        precision: ``float32``, ``bf16`` (convolutions and hidden layers; a loss then differs by
            about one percent), or ``auto``: bf16 where the device has units for it.

    Returns:
        (n,) float32 on the task's device.
    """
    device = task.device
    low = precision == "bf16" or (precision == "auto" and has_bf16(device))
    size = BATCH_SIZES.get(device.type, BATCH_SIZES["cpu"])
    losses = []
    with (
        torch.inference_mode(),
        torch.autocast(device.type, dtype=torch.bfloat16, enabled=low),
    ):
        network = scoring_copy(task.network, device, torch.bfloat16 if low else torch.float32)
        for index in chosen.split(size):
            batch = task.to_input(faces[index], fixed=True)
            losses.append(task.losses(batch, network(batch["image"]).float())["drawing"])
    return torch.cat(losses)
