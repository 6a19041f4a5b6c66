"""Rescoring of LPBB, against the network as it stands in batches of 10."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from benchmarks.faces import random_faces
from benchmarks.running import make_task
from benchmarks.timing import Row, interleaved
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.folded import has_bf16
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.training.balancing import score_faces

FACES = 960  # a small training set: a copy of the network is made once for all


def measure(device: torch.device) -> Iterator[Row]:
    """The paper's network on faces in memory, against eager in torch's own order of memory.

    The goals are of that; a network that is in channels_last already is a harder rival, shown too.
    """
    with tempfile.TemporaryDirectory() as folder:
        module = FaceDataModule(random_faces(Path(folder), FACES + FACES // 8), batch_size=10)
        faces, everyone = module.train_faces, torch.arange(FACES)
        trained, plain = (make_task(module.faces, module).to(device) for _ in range(2))
        plain.network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

        def eager(task: LandmarkTask) -> None:
            task.eval()
            with torch.no_grad():
                for index in everyone.split(10):
                    task.losses(task.to_input(faces[index]))
            task.train()

        for precision, goal in (("float32", 1.5), ("bf16", 2.5)):
            units = "" if precision == "float32" or has_bf16(device) else " (without units for it)"
            for name, rival, asked in (
                ("eager, batch 10", plain, goal),
                ("eager in channels_last, batch 10", trained, None),
            ):
                timed = interleaved(
                    partial(score_faces, trained, faces, everyone, precision=precision),
                    partial(eager, rival),
                    device,
                )
                title = f"rescoring in {precision}{units}, a face"
                yield Row(title, name, *timed, goal=asked, times=FACES)
