"""landmark-train in a process that sends itself a signal at a given place, for tests.

``python -m tests.commands.stopped PLACE SIGNAL [arguments of landmark-train]``

A place is one of ``PLACES``, a number of seconds after the start, or another word: nowhere. A run
that comes to its end says how many seconds it took.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from landmark_lightning.commands import entry
from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.preparation import dataset
from landmark_lightning.datasets.preparation.prepare import prepare as write_faces
from landmark_lightning.files import write_json
from landmark_lightning.inference import evaluate
from landmark_lightning.model.task import LandmarkTask

STEPS = 17
"""Training steps before the stop: of three an epoch, twelve a cell, within the second cell's."""


def _while_preparing(stop: Callable[[], None]) -> None:
    def stopping(faces: Iterable[Face]) -> Iterator[Face]:
        for k, face in enumerate(faces):
            if k == 10:
                stop()
            yield face

    def stopped(faces: Iterable[Face], path: Path, **settings: Any) -> Any:  # noqa: ANN401
        return write_faces(stopping(faces), path, **settings)

    patch.object(dataset, "prepare", stopped).start()


def _while_training(stop: Callable[[], None]) -> None:
    train = LandmarkTask.training_step
    steps = iter(range(STEPS))

    def stopped(task: LandmarkTask, batch: Any, batch_idx: int) -> Any:  # noqa: ANN401
        if next(steps, None) is None:
            stop()
        return train(task, batch, batch_idx)

    patch.object(LandmarkTask, "training_step", stopped).start()


def _while_writing(stop: Callable[[], None]) -> None:
    def stopped(path: Path, content: Mapping[str, Any]) -> None:
        stop()
        write_json(path, content)

    patch.object(evaluate, "write_json", stopped).start()


class Threads(Callback):
    """Says how many threads torch uses."""

    def on_train_start(self, *_: object) -> None:
        print(f"threads: {torch.get_num_threads()}", flush=True)


class Seldom(Callback):
    """Says a validation NME that is better than all before in every eighth epoch alone."""

    def on_validation_end(self, trainer: pl.Trainer, *_: object) -> None:
        epoch = trainer.current_epoch
        trainer.callback_metrics["val/nme"] = torch.tensor(90.0 - epoch if epoch % 8 == 0 else 99)


class Fails(Callback):
    """What a run can't be built with where its model has a given name."""

    def __init__(self, model: str, failing: str = "bb") -> None:
        if model == failing:
            raise ValueError(f"{model} fails")


PLACES = {
    "preparing": _while_preparing,
    "training": _while_training,
    "writing": _while_writing,
}

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    place, name, *arguments = sys.argv[1:]

    def stop() -> None:
        os.kill(os.getpid(), getattr(signal, name))

    if place in PLACES:
        PLACES[place](stop)
    elif place.replace(".", "", 1).isdecimal():
        moment = threading.Timer(float(place), stop)
        moment.daemon = True
        moment.start()
    sys.argv = ["landmark-train", *arguments]
    started = time.monotonic()
    entry.train()
    print(f"seconds: {time.monotonic() - started:.2f}")
