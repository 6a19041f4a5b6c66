"""What landmark-train says before it trains."""

import pytorch_lightning as pl

from landmark_lightning.data.datamodule import FaceDataModule
from landmark_lightning.data.facefile import FaceFile
from landmark_lightning.learning.task import LandmarkTask
from landmark_lightning.run_folder import RunFolder


def print_plan(
    folder: RunFolder,
    faces: FaceFile,
    datamodule: FaceDataModule,
    task: LandmarkTask,
    trainer: pl.Trainer,
    resumed: bool,
) -> None:
    """Prints the faces, the network and the phases of a run that is about to start."""
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
        + (f"\n  goes on from {folder.last}" if resumed else "")
    )
    if warning := datamodule.validation.warning:
        print(f"  Warning: {warning}")
    start = getattr(datamodule.sampler, "start_epoch", 0)
    if start >= task.schedule.epochs:
        print(f"  Warning: model.balancing.start_epoch={start} never comes: all draws are even")
