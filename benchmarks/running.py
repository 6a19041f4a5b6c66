"""Trainings that can be measured in turn: each stands still until it is told to make its steps."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.strategies import Even, Strategy
from landmark_lightning.training.balancing import callbacks_of
from landmark_lightning.training.checkpoints import RunState
from landmark_lightning.training.curves import TrainingCurves

PHASES = {
    "list": [{"loss": "wing", "lr": 1e-3, "epochs": 1000}],
    "scale": 1.0,
    "warmup": 0.0,
    "decay": "constant",
    "reduction": "mean",
    "gradient_clip": 5.0,
    "mean_shape": False,
    "optimizer": {"_target_": "torch.optim.AdamW", "weight_decay": 5e-4, "fused": True},
}
PAPER_NETWORK = {
    "_target_": "landmark_lightning.LandmarkNetwork",
    "side": 64,
    "width": 64,
    "hidden": 512,
}
STUB_NETWORK = {"_target_": "benchmarks.running.StubNetwork", "side": 64}


class StubNetwork(nn.Module):
    """Costs next to nothing, so that what surrounds a network is seen: one layer on 4 x 4 grays.

    Args:
        landmarks: Number of landmarks L.
        outputs: Values a landmark.
        side: Side of the input.
    """

    def __init__(self, landmarks: int, outputs: int, side: int = 64) -> None:
        super().__init__()
        self.landmarks, self.outputs, self.side = landmarks, outputs, side
        self.layer = nn.Linear(16, landmarks * outputs)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, S, S) -> (B, L, outputs)."""
        gray = image[:, 0, :: self.side // 4, :: self.side // 4].flatten(1)
        output: Tensor = self.layer(gray)
        return output.unflatten(1, (self.landmarks, self.outputs))


class Steps(Callback):
    """A training in a thread of its own, which makes ``times`` steps whenever this is called.

    Args:
        fit: Starts the training with this callback among its own.
        times: Steps at a call.
    """

    def __init__(self, fit: Callable[[Callback], None], times: int) -> None:
        self.times = times
        self.made = 0
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.stopping = False
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(fit,), daemon=True)
        self.thread.start()
        self._wait()

    def _run(self, fit: Callable[[Callback], None]) -> None:
        try:
            fit(self)
        except BaseException as error:
            self.failure = error
        self.done.release()

    def _wait(self) -> None:
        self.done.acquire()
        if self.failure is not None:
            raise self.failure

    def __call__(self) -> None:
        """Makes the steps."""
        self.go.release()
        self._wait()

    def stop(self) -> None:
        """Ends the training."""
        self.stopping = True
        self()
        self.thread.join()

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:  # noqa: ANN401
        """Stands still until the next call."""
        if self.made % self.times == 0:
            self.done.release()
            self.go.acquire()
        self.made += 1
        if self.stopping:
            trainer.should_stop = True


def trainer(folder: Path, callbacks: list[Callback], **settings: Any) -> pl.Trainer:  # noqa: ANN401
    """A Trainer without validation, checkpoints and bar, with a CSV logger."""
    return pl.Trainer(
        devices=1,
        logger=CSVLogger(folder),
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        max_epochs=-1,
        **settings,
    )


def lean(
    file: FaceFile,
    device: torch.device,
    *,
    times: int,
    network: Mapping[str, Any] = PAPER_NETWORK,
    strategy: Strategy | None = None,
    batch_size: int = 10,
    kind: type[LandmarkTask] = LandmarkTask,
    coverage: bool = False,
    **settings: Any,  # noqa: ANN401
) -> Steps:
    """This library's training, as landmark-train sets it up, ``times`` steps at a call."""
    strategy = strategy or Even()
    module = FaceDataModule(file, batch_size, strategy.sampler)
    module.place(device)
    task = make_task(file, module, network, kind, coverage)
    callbacks: list[Callback] = [RunState(), TrainingCurves(50), *callbacks_of(strategy)]

    def fit(steps: Callback) -> None:
        chosen = {"accelerator": device.type} | settings
        trainer(file.path.parent, [*callbacks, steps], **chosen).fit(task, datamodule=module)

    return Steps(fit, times)


def make_task(
    file: FaceFile,
    module: FaceDataModule,
    network: Mapping[str, Any] = PAPER_NETWORK,
    kind: type[LandmarkTask] = LandmarkTask,
    coverage: bool = False,
) -> LandmarkTask:
    """The task of a FaceFile."""
    return kind(
        dataset={
            "scheme": file.scheme.to_dict(),
            "normalizers": list(file.normalizers),
            "subsets": list(file.subsets),
        },
        crop=asdict(file.crop),
        network=network,
        augmentation={},
        phases=PHASES,
        validation="manhattan",
        coverage=coverage,
        steps_per_epoch=len(module.sampler),
        allow_targets=["benchmarks."],
    )
