"""LPBB draw and gather from memory, against a DataLoader over the HDF5 file, face by face."""

import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from benchmarks.timing import interleaved
from landmark_lightning.data.datamodule import FaceDataModule
from landmark_lightning.data.face import Face
from landmark_lightning.data.facefile import CropRule, FaceFile
from landmark_lightning.data.preparing import prepare
from landmark_lightning.schemes import SCHEMES

FACES = 3000
BATCHES = 100


class HdfFaces(Dataset[tuple[Any, Any]]):
    """The rival: one face at a time from the open file."""

    def __init__(self, path: Path) -> None:
        self.train = h5py.File(path)["train"]

    def __len__(self) -> int:
        return len(self.train["images"])

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.train["images"][index], self.train["landmarks"][index]


def _random_faces(folder: Path) -> FaceFile:
    rng = np.random.default_rng(0)
    faces = [
        Face(
            photo=str(i),
            split="test" if i < 10 else "train",
            landmarks=rng.uniform(30, 90, (68, 2)),
            where=str(i),
            image=rng.integers(0, 255, (120, 120), dtype=np.uint8),
        )
        for i in range(FACES)
    ]
    prepare(
        faces,
        folder / "random.h5",
        name="random",
        root=None,
        scheme=SCHEMES["ibug68"],
        normalizer="box",
        crop=CropRule(side=96),
    )
    return FaceFile.open(folder / "random.h5")


def measure() -> tuple[str, float, float]:
    """What was measured, and milliseconds a batch of 10: ours and the rival's."""
    with tempfile.TemporaryDirectory() as folder:
        file = _random_faces(Path(folder))
        module = FaceDataModule(file, batch_size=10, balancing={"refresh": "online"})
        weights = torch.ones(FACES - 10)
        rival = DataLoader(
            HdfFaces(file.path), 10, sampler=WeightedRandomSampler(weights.tolist(), 10**6)
        )

        def take(loader: Any) -> None:  # noqa: ANN401
            for _, _batch in zip(range(BATCHES), loader, strict=False):
                pass

        ours, theirs = interleaved(lambda: take(module.train_dataloader()), lambda: take(rival))
    return "resident draw + gather / HDF5 DataLoader", ours / BATCHES, theirs / BATCHES
