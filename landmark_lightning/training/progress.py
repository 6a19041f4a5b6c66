"""What a training says in the terminal: its plan, and one bar over all steps."""

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar
from tqdm import tqdm

from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.losses import loss_name
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.folder import RunFolder


def print_plan(
    folder: RunFolder,
    datamodule: FaceDataModule,
    task: LandmarkTask,
    trainer: pl.Trainer,
    resumed: Path | None,
) -> None:
    """Prints the faces, the network and the phases of a run that is about to start."""
    faces = datamodule.faces
    devices = f" on {trainer.world_size} devices" if trainer.world_size > 1 else ""
    weights = sum(p.numel() for p in task.network.parameters())
    print(
        f"Training {folder.path}\n"
        f"  {faces.path}: {len(datamodule.train_faces)} faces to train, "
        f"{len(datamodule.val_faces)} to validate ({datamodule.validation.source}), "
        f"{faces.faces['test'] or 'none'} to test\n"
        f"  {faces.describe()}\n"
        f"  {datamodule.describe()}\n"
        f"  network of {weights / 1e6:.2f} M weights, input {task.network.side} x "
        f"{task.network.side}\n"
        f"  {task.schedule.total_steps} steps{devices}: {task.schedule.describe()}"
        + (f"\n  goes on from {folder.checkpoints / resumed.name}" if resumed else "")
    )
    if resumed and resumed.name != folder.last.name:
        print(f"  Warning: {folder.last} is damaged, so that the epochs after that are made again")
    if task.taken and not resumed:
        print(f"  {task.taken}")
    if boxes := datamodule.describe_boxes():
        print(f"  {boxes}")
    batch, count = datamodule.sampler.batch_size, len(datamodule.train_faces)
    if batch > count:
        print(f"  Warning: batch_size={batch} is more than the {count} training faces")
    if warning := datamodule.validation.warning:
        print(f"  Warning: {warning}")
    if (start := datamodule.sampler.start_epoch) >= task.schedule.epochs:
        print(f"  Warning: model.balancing.start_epoch={start} never comes: all draws are even")


class TrainingProgress(ProgressBar):
    """One bar over all steps of a training: its title, the phase and the last validation NME."""

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
            phase = loss_name(pl_module.schedule.phase(max(0, trainer.global_step - 1)).loss)
            self.bar.set_postfix_str(f"{phase}, validation NME {float(nme):.2f}", refresh=False)

    def on_train_end(self, *_: Any) -> None:  # noqa: ANN401
        """Closes the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def on_exception(self, *_: Any) -> None:  # noqa: ANN401
        """Closes the bar."""
        self.on_train_end()
