"""Checkpoints that survive a crash, and the state that makes a run go on exactly."""

import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins.io import TorchCheckpointIO


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its target, to the disk, and only then takes its place.

    Lightning writes to the system's temporary folder and moves the file, which across file
    systems leaves a broken checkpoint when the process dies.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Any | None = None,  # noqa: ANN401
    ) -> None:
        """Saves a checkpoint."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        for left_over in target.parent.glob(f".{target.name}.*.tmp"):
            left_over.unlink(missing_ok=True)
        handle, temporary = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=".tmp", dir=target.parent
        )
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        finally:
            Path(temporary).unlink(missing_ok=True)


class RunState(Callback):
    """Keeps the random generators and the training time in the checkpoint."""

    def __init__(self) -> None:
        self.before = 0.0
        self.started: float | None = None
        self.restored: dict[str, Any] | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all starts of the run."""
        running = 0.0 if self.started is None else time.perf_counter() - self.started
        return self.before + running

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts the clock and sets the generators as the checkpoint had them."""
        self.started = time.perf_counter()
        if self.restored is not None:
            torch.set_rng_state(self.restored["torch"])
            if self.restored["cuda"]:
                torch.cuda.set_rng_state_all(self.restored["cuda"])
            version, words, gauss = self.restored["python"]
            random.setstate((version, tuple(words), gauss))
            kind, keys, *rest = self.restored["numpy"]
            np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stops the clock."""
        self.before, self.started = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        """The generators' states as tensors, lists and numbers, and the seconds."""
        version, words, gauss = random.getstate()
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002
        return {
            "seconds": self.seconds,
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "python": [version, list(words), gauss],
            "numpy": [str(kind), np.asarray(keys).tolist(), *rest],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over the seconds; the generators follow when training starts."""
        self.before = float(state_dict["seconds"])
        self.restored = state_dict
