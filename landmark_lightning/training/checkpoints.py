"""Checkpoints that survive a crash, and the state that makes a run go on exactly."""

import errno
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from landmark_lightning.files import replacing
from landmark_lightning.hdf5 import FULL, no_room
from landmark_lightning.model.saved import check_whole
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.seals import seal


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint with a seal beside its target, to the disk, then takes its place.

    Lightning writes to the system's temporary folder and moves the file, which across file
    systems leaves a broken checkpoint when the process dies.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Any | None = None,  # noqa: ANN401
    ) -> None:
        """Saves a checkpoint.

        Raises:
            OSError: The disk is full.
        """
        try:
            with replacing(Path(path)) as temporary:
                try:
                    torch.save(checkpoint, temporary)
                except RuntimeError as error:  # which says nothing of the disk
                    if shutil.disk_usage(temporary.parent).free < temporary.stat().st_blksize:
                        raise OSError(errno.ENOSPC, str(error)) from error
                    raise
                seal(temporary, archive=True)
        except OSError as error:
            if error.errno in FULL:
                raise no_room(error.errno, Path(path)) from error
            raise

    def load_checkpoint(
        self,
        path: str | Path,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Loads a checkpoint.

        Raises:
            UserError: It does not agree with its seal.
        """
        check_whole(Path(path))
        return super().load_checkpoint(path, *args, **kwargs)


class BestAndLast(ModelCheckpoint):
    """Keeps ``best.ckpt``, of the lowest validation NME, and ``last.ckpt``, at an epoch's end.

    Args:
        folder: The run's folder; where its path is relative, it is that of now for good.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(
            folder.checkpoints.resolve(),
            filename=folder.best.stem,
            monitor="val/nme",
            save_last=True,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self.folder = folder

    @property
    def lowest(self) -> float | None:
        """Validation NME of ``best.ckpt`` in percent of the primary normalizer."""
        return None if self.best_model_score is None else float(self.best_model_score)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves the last one after every epoch: Lightning does only where it is the best."""
        super().on_train_epoch_end(trainer, pl_module)
        if self._last_global_step_saved != trainer.global_step:
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on, also in a folder that was moved: Lightning would forget the best score.

        The paths are put as Lightning itself will: it removes the last best checkpoint unless the
        next one has the same path to the letter.
        """
        assert self.dirpath is not None
        best, last = (
            str(Path(self.dirpath) / path.name) for path in (self.folder.best, self.folder.last)
        )
        here = {
            "dirpath": self.dirpath,
            "best_model_path": best,
            "best_k_models": {best: state_dict["best_model_score"]},
            "kth_best_model_path": best,
            "last_model_path": last,
        }
        super().load_state_dict(state_dict | here)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets the best score where its checkpoint is gone, so that the next one is kept."""
        super().on_train_start(trainer, pl_module)
        path = self.best_model_path
        if path and (self.best_model_score is None or not self.file_exists(path, trainer)):
            self.best_model_path = self.kth_best_model_path = ""
            self.best_model_score = None
            self.best_k_models.clear()


class RunState(Callback):
    """Keeps random generators, training time, threads and whether it has ended in the checkpoint.

    A training that EarlyStopping or a limit of time has ended takes no further step when its run
    goes on: Lightning would train another epoch before it asks them again.
    """

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
            if self.restored["cuda"] is not None and torch.cuda.is_available():
                torch.cuda.set_rng_state(self.restored["cuda"])
            version, words, gauss = self.restored["python"]
            random.setstate((version, tuple(words), gauss))
            kind, keys, *rest = self.restored["numpy"]
            np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stops the clock."""
        self.before, self.started = self.seconds, None

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Notes whether the training has been told to end."""
        checkpoint["ended"] = bool(trainer.should_stop)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Tells it to end again."""
        trainer.should_stop = bool(checkpoint.get("ended"))

    def state_dict(self) -> dict[str, Any]:
        """The generators' states as tensors, lists and numbers, seconds and torch's threads."""
        version, words, gauss = random.getstate()
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002
        return {
            "seconds": self.seconds,
            "torch": torch.get_rng_state(),
            # Of this process's device; the ranks of a run draw the same.
            "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
            "python": [version, list(words), gauss],
            "numpy": [str(kind), np.asarray(keys).tolist(), *rest],
            "threads": torch.get_num_threads(),  # with others the last bits differ (threads.py)
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over the seconds; the generators follow when training starts."""
        self.before = float(state_dict["seconds"])
        self.restored = state_dict
