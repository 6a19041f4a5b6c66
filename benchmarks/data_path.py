"""LPBB draw and gather from memory, against a DataLoader over the HDF5 file, face by face."""

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import torch
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from benchmarks.faces import random_faces
from benchmarks.timing import Row, interleaved
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.samplers.loss_balancer import LossBalancer

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


def measure(device: torch.device) -> Iterator[Row]:
    """A batch of 10, on the device."""
    with tempfile.TemporaryDirectory() as folder:
        file = random_faces(Path(folder), FACES)
        module = FaceDataModule(file, batch_size=10, balancer=LossBalancer)
        everyone = torch.arange(len(module.train_faces))
        module.balancer.update(everyone, torch.rand(len(everyone)))  # else draws were even
        weights = torch.ones(FACES)
        faces = HdfFaces(file.path)
        rival = DataLoader(faces, 10, sampler=WeightedRandomSampler(weights.tolist(), 10**6))

        def ours() -> None:
            for batch in islice(module.train_dataloader(), BATCHES):
                batch["image"].to(device), batch["landmarks"].to(device)

        def theirs() -> None:
            for images, landmarks in islice(rival, BATCHES):
                images.to(device), landmarks.to(device)

        yield Row(
            "resident draw + gather, batch 10",
            "HDF5 DataLoader",
            *interleaved(ours, theirs, device),
            goal=20,
            times=BATCHES,
        )
