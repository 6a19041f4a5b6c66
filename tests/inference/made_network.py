"""A network that needs no training: it finds a white square."""

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.boxes import BoxMap
from landmark_lightning.inference.calibration import Answers, Calibration, measured
from landmark_lightning.inference.card import Card
from landmark_lightning.inference.networks import Answer

SIDE = 32
BLOB = 16
"""Side of a blob in the photo."""

SHAPE = np.array([[-1.25, -1.125], [1.25, -1.0], [0.0, 1.125]])
"""The three landmarks of a blob, from its middle, in sides of it."""


def blobs(height: int, width: int, *middles: tuple[float, float]) -> NDArray[np.uint8]:
    """A black photo with white squares; their middles are numbers and a half."""
    photo = np.zeros((height, width), np.uint8)
    for x, y in middles:
        left, top = int(x + 0.5) - BLOB // 2, int(y + 0.5) - BLOB // 2
        photo[top : top + BLOB, left : left + BLOB] = 255
    return photo


def find_blobs(images: NDArray[np.uint8]) -> Answer:
    """Landmarks (B, 3, 2) of a white square by its centre and area, and signals 1, 2 and 3."""
    y, x = np.mgrid[: images.shape[1], : images.shape[2]]
    weights = images / 255.0
    area = np.maximum(weights.sum(axis=(1, 2)), 1e-9)
    middle = np.stack([(weights * x).sum((1, 2)), (weights * y).sum((1, 2))], 1) / area[:, None]
    points = middle[:, None] + SHAPE * np.sqrt(area)[:, None, None]
    signals = np.tile(np.arange(1.0, 4.0, dtype=np.float32), (len(images), 1))
    return Answer(points.astype(np.float32), signals)


def calibration(detector: BoxMap | None = None) -> Calibration:
    """A calibration on errors that are half the signal on average."""
    rng = np.random.default_rng(0)
    signal = np.tile(np.arange(1.0, 4.0), (400, 1)) * rng.uniform(0.5, 2, (400, 1))
    error = signal * rng.uniform(0, 1, signal.shape)
    answers = Answers(error, signal, [""] * 400)
    return measured(answers, {"true": answers}, 0.9, detector)


def card(calibration: Calibration | None = None, boxes: str = "landmarks") -> Card:
    """The card of ``find_blobs``."""
    scheme = {"name": "three", "landmarks": 3, "mirror": [], "normalizers": {"box": "box"}}
    return Card(
        "landmark-lightning 0", "blobs", "nobb", 0, scheme, SIDE, boxes, 2.0, "luma", "manhattan",
        False, calibration,
    )  # fmt: skip
