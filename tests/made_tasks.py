"""A small task on the dotted faces, built as landmark-train builds it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import pytest
import pytorch_lightning as pl
from torch import Tensor

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import Batch
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.strategies import strategy_from

STILL: dict[str, Any] = {
    "shift": 0.0, "rotation": 0.0, "noise": 0.0, "blur_probability": 0.0, "occlusion": 0.0,
    "contrast": 0.0,
}  # fmt: skip
PHASES: dict[str, Any] = {
    "list": [
        {"loss": "l2", "lr": 0.003, "epochs": 2},
        {"loss": "l1", "lr": 0.003, "epochs": 1},
        {"loss": "wing", "lr": 0.003, "epochs": 1},
    ],
    "scale": 1.0,
    "warmup": 0.0,
    "decay": "constant",
    "reduction": "mean",
    "gradient_clip": None,
    "mean_shape": True,
    "optimizer": {"_target_": "torch.optim.AdamW"},
}
MakeTask = Callable[..., tuple[LandmarkTask, FaceDataModule]]


def task_arguments(faces: FaceFile, steps_per_epoch: int) -> dict[str, Any]:
    """Arguments of a LandmarkTask for a FaceFile."""
    return {
        "dataset": {
            "scheme": faces.scheme.to_dict(),
            "normalizers": list(faces.normalizers),
            "subsets": list(faces.subsets),
        },
        "crop": asdict(faces.crop),
        "network": {
            "_target_": "landmark_lightning.LandmarkNetwork",
            "side": 32,
            "width": 4,
            "hidden": 16,
        },
        "augmentation": STILL,
        "phases": PHASES,
        "validation": "manhattan",
        "steps_per_epoch": steps_per_epoch,
    }


@pytest.fixture
def make_task(dots: FaceFile) -> MakeTask:
    """Makes a task and its datamodule; keyword arguments replace the task's.

    ``refresh`` and ``knobs`` are the settings of ``model.balancing``.
    """

    def make(
        refresh: str = "none",
        knobs: Mapping[str, Any] = MappingProxyType({}),
        **changes: Any,  # noqa: ANN401
    ) -> tuple[LandmarkTask, FaceDataModule]:
        strategy = strategy_from({"refresh": refresh, **knobs})
        module = FaceDataModule(dots, batch_size=10, balancer=strategy.sampler)
        task = LandmarkTask(**(task_arguments(dots, len(module.sampler)) | changes))
        task.score = strategy.score
        return task, module

    return make


def fit(task: LandmarkTask, module: pl.LightningDataModule, **knobs: Any) -> pl.Trainer:  # noqa: ANN401
    """Trains a task quietly, for as long as its phases last."""
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **({"max_epochs": task.schedule.epochs} | knobs),
    )
    trainer.fit(task, datamodule=module)
    return trainer


def face_losses(task: LandmarkTask, batch: Batch) -> Tensor:
    """(B,) losses by which LPBB draws the faces of a batch of stored crops."""
    return task.losses(task.to_input(batch))["drawing"]
