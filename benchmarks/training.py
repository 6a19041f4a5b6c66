"""The training step, against the naive stack, a bare loop and the variants among themselves."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import Callback
from torch.utils.data import DataLoader

from benchmarks.bare_loop import BareLoop
from benchmarks.data_path import HdfFaces
from benchmarks.faces import random_faces
from benchmarks.naive import NaiveTask
from benchmarks.running import STUB_NETWORK, Steps, StubNetwork, lean, make_task, trainer
from benchmarks.timing import Row, interleaved, medians, timed_rounds
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import ResidentFaces
from landmark_lightning.model.folded import has_bf16
from landmark_lightning.samplers.strategies import Online, Rescored
from landmark_lightning.training.graphs import GraphedTask

FACES = 3000  # 2,700 to train: an epoch of 270 steps
TENTH = 27  # steps of a tenth of an epoch, the time between two rescorings


def measure(device: torch.device) -> Iterator[Row]:
    """Batches of 10 on inputs of 64 x 64 with 68 landmarks."""
    with tempfile.TemporaryDirectory() as folder:
        file = random_faces(Path(folder), FACES)
        yield _stub_against_naive(file, device)
        yield _against_bare_loop(file, device)
        for name, strategy, goal in (
            ("bbo", Online(), 1 / 1.03),
            ("bbs", Rescored(fraction=0.1), 1 / 1.25),
        ):
            seconds = _against_nobb(file, device, strategy=strategy)
            title = f"training step of {name}"
            yield Row(title, "of nobb", *medians(seconds), goal=goal, times=TENTH)
        seconds = _against_nobb(file, device, coverage=True)
        title = "training step with coverage"
        yield Row(title, "without", *medians(seconds), goal=1 / 1.03, times=TENTH)
        if device.type == "cuda":
            seconds = _against_nobb(file, device, kind=GraphedTask)
            title = "training step, compile=cudagraph"
            yield Row(title, "as it is", *medians(seconds), goal=2, times=TENTH)
        yield _bf16_against_float32(file, device)


def _stub_against_naive(file: FaceFile, device: torch.device) -> Row:
    times = 20
    task = NaiveTask(StubNetwork(68, 3), 64)
    loader = DataLoader(HdfFaces(file.path), 10, shuffle=True)

    def fit(steps: Callback) -> None:
        settings = {"accelerator": device.type, "gradient_clip_val": 5.0}
        trainer(file.path.parent, [steps], **settings, log_every_n_steps=1).fit(task, loader)

    ours, rival = lean(file, device, times=times, network=STUB_NETWORK), Steps(fit, times)
    timed = interleaved(ours, rival, device)
    ours.stop()
    rival.stop()
    return Row("training step, stub network", "naive stack", *timed, goal=5, times=times)


def _against_bare_loop(file: FaceFile, device: torch.device) -> Row:
    times = 10
    module = FaceDataModule(file, batch_size=10)
    task = make_task(file, module).to(device)
    faces = module.train_faces
    assert isinstance(faces, ResidentFaces)
    bare = BareLoop(
        faces.images.to(device),
        faces.landmarks.to(device),
        task.augmentation,
        task.network,
        task.objectives[0],
    )
    ours = lean(file, device, times=times)
    timed = interleaved(ours, lambda: bare.run(times), device, rounds=15)
    ours.stop()
    return Row("training step, real network", "bare loop", *timed, goal=1 / 1.05, times=times)


def _against_nobb(
    file: FaceFile,
    device: torch.device,
    **ours: Any,  # noqa: ANN401
) -> list[tuple[float, float]]:
    """Rounds of three pairs of trainings: where their weights happen to lie costs up to 5%."""
    seconds = []
    for _ in range(3):
        pair = [lean(file, device, times=TENTH, **settings) for settings in (ours, {})]
        seconds += timed_rounds(pair[0], pair[1], device, rounds=9)
        for training in pair:
            training.stop()
    return seconds


def _bf16_against_float32(file: FaceFile, device: torch.device) -> Row:
    times = 2
    ours, rival = (
        lean(file, device, times=times, batch_size=64, precision=precision)
        for precision in ("bf16-mixed", "32-true")
    )
    timed = interleaved(ours, rival, device)
    ours.stop()
    rival.stop()
    units = "" if has_bf16(device) else " (without units for it)"
    name = f"training step in bf16-mixed{units}, batch 64"
    return Row(name, "in float32", *timed, goal=1.5, times=times)
