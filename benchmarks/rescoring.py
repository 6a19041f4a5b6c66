"""Rescoring of LPBB, against the network as it stands in batches of 10."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.faces import random_faces
from benchmarks.running import make_task
from benchmarks.timing import Row, interleaved
from landmark_lightning.data.datamodule import FaceDataModule
from landmark_lightning.learning.evaluation_copy import has_bf16
from landmark_lightning.learning.scoring import score_faces

FACES = 960  # a small training set: a copy of the network is made once for all


def measure(device: torch.device) -> Iterator[Row]:
    """The paper's network on faces in memory."""
    with tempfile.TemporaryDirectory() as folder:
        module = FaceDataModule(random_faces(Path(folder), FACES + FACES // 8), batch_size=10)
        task = make_task(module.faces, module).to(device)
        faces, everyone = module.train_faces, torch.arange(FACES)

        def eager() -> None:
            task.eval()
            with torch.no_grad():
                for index in everyone.split(10):
                    batch = faces[index]
                    task.face_losses({name: part.to(device) for name, part in batch.items()})
            task.train()

        for precision, goal in (("float32", 1.5), ("bf16", 2.5)):

            def ours(precision: str = precision) -> None:
                score_faces(task, faces, everyone, precision=precision)

            units = "" if precision == "float32" or has_bf16(device) else " (without units for it)"
            yield Row(
                f"rescoring in {precision}{units}, a face",
                "eager, batch 10",
                *interleaved(ours, eager, device),
                goal=goal,
                times=FACES,
            )
