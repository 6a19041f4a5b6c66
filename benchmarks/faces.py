"""Faces to measure with: random grays and landmarks; speed does not look at what they show."""

from pathlib import Path

import numpy as np

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.schemes import SCHEMES


def random_faces(folder: Path, train: int, test: int = 10, side: int = 128) -> FaceFile:
    """Writes a FaceFile of the scheme ibug68 with stored crops of ``side`` pixels."""
    rng = np.random.default_rng(0)
    faces = (
        Face(
            photo=str(i),
            split="test" if i < test else "train",
            landmarks=rng.uniform(30, 90, (68, 2)),
            where=str(i),
            image=rng.integers(0, 255, (120, 120), dtype=np.uint8),
        )
        for i in range(train + test)
    )
    prepare(
        faces,
        folder / "random.h5",
        name="random",
        root=None,
        scheme=SCHEMES["ibug68"],
        normalizer="box",
        crop=CropRule(side=side),
    )
    return FaceFile.open(folder / "random.h5")
