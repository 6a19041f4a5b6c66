"""The paper's augmentation of a batch of 10, against one container of kornia's modules."""

from collections.abc import Iterator

import torch

from benchmarks.kornia_container import kornia_container
from benchmarks.timing import Row, interleaved
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.schemes import SCHEMES

TIMES = 10


def measure(device: torch.device) -> Iterator[Row]:
    """Crops of 128 pixels to inputs of 64, with 68 landmarks."""
    images = torch.randint(0, 256, (10, 1, 128, 128), dtype=torch.uint8, device=device)
    landmarks = torch.rand((10, 68, 2), device=device) * 128
    augmentation = Augmentation(SCHEMES["ibug68"], 128, 2.0, 64).train().to(device)
    container = kornia_container(64).to(device)

    def ours() -> None:
        for _ in range(TIMES):
            augmentation(images, landmarks)

    def theirs() -> None:
        for _ in range(TIMES):
            container(images.to(torch.float32) / 255, landmarks)

    title = "one kornia container"
    seconds = interleaved(ours, theirs, device)
    yield Row("augmentation, batch 10", title, *seconds, goal=3, times=TIMES)
    occluders = {"probability": 0.5}
    augmentation = Augmentation(SCHEMES["ibug68"], 128, 2.0, 64, occluders=occluders)
    augmentation.train().to(device)
    seconds = interleaved(ours, theirs, device)
    yield Row("augmentation with occluders, batch 10", title, *seconds, goal=3, times=TIMES)
