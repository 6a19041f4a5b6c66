"""The exported model under ONNX Runtime, against the network in torch, one face at a time."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.faces import random_faces
from benchmarks.running import make_task
from benchmarks.timing import Row, interleaved
from landmark_lightning.inference.export import export, session
from landmark_lightning.loading.datamodule import FaceDataModule

TIMES = 100


def measure(device: torch.device) -> Iterator[Row]:
    """The paper's network; on the CPU only, where ONNX Runtime's common build runs."""
    if device.type != "cpu":
        return
    with tempfile.TemporaryDirectory() as folder:
        module = FaceDataModule(random_faces(Path(folder), 100), batch_size=10)
        task = make_task(module.faces, module).eval()
        side = task.network.side
        images = torch.randint(0, 256, (8, side, side), dtype=torch.uint8)
        path = Path(folder) / "model.onnx"
        export(task, path, images)  # raises where an answer differs by more than 1e-3 px
        running, face = session(path, threads=1), images[:1, None]
        given = {"image": face.numpy()}

        def ours() -> None:
            for _ in range(TIMES):
                running.run(None, given)

        @torch.inference_mode()
        def eager() -> None:
            for _ in range(TIMES):
                task.network(face.to(torch.float32) * (2 / 255) - 1)

        timed = interleaved(ours, eager, device)
        yield Row("one face, ONNX Runtime", "eager", *timed, goal=1.8, times=TIMES)
