"""How many of the processor's threads a training uses: as many as its steps go fastest with.

Torch's own choice is a thread a core. Beside other busy processes that is slower than one thread,
often many times: a step is some hundred small operations, and each of them waits for the thread
whose core is taken.
"""

import copy
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
import torch

from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.model.task import LandmarkTask

ROUNDS = 3
"""How often each number of threads has its turn, so that a passing load hits all of them."""

TURN_SECONDS = 0.1
"""The least time of a turn; it ends with a whole step."""

LONGEST_SECONDS = 3.0
"""No further round begins after so long: a large network's steps differ less by chance."""


@contextmanager
def threads_put_back() -> Iterator[None]:
    """Leaves the process with as many threads as it came with."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def set_threads(
    setting: int | str,
    task: LandmarkTask,
    datamodule: FaceDataModule,
    trainer: pl.Trainer,
    resumed: Path | None,
) -> str | None:
    """Sets the threads of a training that is about to start on one device.

    A run that goes on takes as many as it began with: with another number the last bits of its
    weights would be others. With ``auto`` it is torch's own number where steps are made by
    another device, where ``OMP_NUM_THREADS`` has said it (as joblib's launcher does, whose
    processes share the cores), or where it is one.

    Args:
        setting: ``threads``: their number, or ``auto``.
        task: What is trained; it stays as it is.
        datamodule: Its faces.
        trainer: Its trainer.
        resumed: The checkpoint from which the run goes on, if any.

    Returns:
        A line that says how many, and why; None where there was nothing to choose.
    """
    if isinstance(setting, int):
        torch.set_num_threads(setting)
        return f"threads: {setting}, as threads={setting} says"
    cores = torch.get_num_threads()
    if trainer.world_size > 1 or trainer.strategy.root_device.type != "cpu":
        return None
    if resumed is not None:
        begun = read_checkpoint(resumed)["callbacks"].get("RunState", {}).get("threads", cores)
        torch.set_num_threads(begun)
        return None if begun == cores else f"threads: {begun}, as the run began with"
    if cores == 1 or "OMP_NUM_THREADS" in os.environ:
        return None
    rates = measured(step_of(task, datamodule, trainer), choices(cores))
    fastest = max(rates, key=lambda count: rates[count])
    torch.set_num_threads(fastest)
    others = ", ".join(f"{rate:.3g} with {n}" for n, rate in rates.items() if n != fastest)
    return f"threads: {fastest}, measured: {rates[fastest]:.3g} steps a second, {others}"


def choices(cores: int) -> list[int]:
    """The numbers of threads that are tried: 1, 2, 4 and so on, and all."""
    return [*(1 << k for k in range((cores - 1).bit_length())), cores]


def step_of(
    task: LandmarkTask, datamodule: FaceDataModule, trainer: pl.Trainer
) -> Callable[[], object]:
    """A training step on the first faces, of a copy of the task."""
    copied = copy.deepcopy(task).train()
    optimizer = copied.configure_optimizers()["optimizer"]
    faces = datamodule.train_faces
    batch = faces[list(range(min(datamodule.sampler.batch_size, len(faces))))]

    def losses() -> float:
        optimizer.zero_grad()
        with trainer.precision_plugin.train_step_context():
            loss = copied.training_step(copied.to_input(batch), 0)["loss"]
        loss.backward()
        return loss.item()

    return lambda: optimizer.step(losses)


def measured(step: Callable[[], object], counts: list[int]) -> dict[int, float]:
    """Steps a second with each number of threads, all in turn.

    The random generators are as before; the number of threads is that of the last turn.
    """
    steps, seconds = dict.fromkeys(counts, 0), dict.fromkeys(counts, 0.0)
    began = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        for _ in range(ROUNDS):
            for count in counts:
                torch.set_num_threads(count)
                step()  # starts the threads
                started, taken = time.perf_counter(), 0.0
                while taken < TURN_SECONDS:
                    step()
                    steps[count] += 1
                    taken = time.perf_counter() - started
                seconds[count] += taken
            if time.perf_counter() - began > LONGEST_SECONDS:
                break
    return {count: steps[count] / seconds[count] for count in counts}
