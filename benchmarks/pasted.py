"""Faces in large pictures: what a detector's boxes cost, measured on photos of one's own.

    python -m benchmarks.pasted RUN ROOT inter_ocular   # a run, a folder with landmarks.csv

Each test photo of the table is pasted at a random place and size into a black picture three times
as large, so that the picture itself does not tell where the face is. Printed: the NME over the
faces that were found (a face is found where the middle of its landmarks lies in the detector's
square), the share missed, and the NME with true boxes on the same pictures.
"""

import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from landmark_lightning.datasets.boxes import tight_boxes
from landmark_lightning.inference.detector import LandmarkDetector, Landmarks
from landmark_lightning.inference.photos.pictures import as_grays
from landmark_lightning.schemes import scheme_from

SIZES = (0.5, 1.5)
"""How large a photo is pasted, over its own size."""

Numbers = NDArray[np.float64]


def main(run: str, root: str, normalizer: str, table: str = "landmarks.csv") -> None:
    """Measures a run on the test photos of a table."""
    detector = LandmarkDetector.load(run)
    scheme = scheme_from(dict(detector.card.scheme))
    place = list(scheme.normalizers).index(normalizer)
    rng = np.random.default_rng(0)
    found: list[float] = []
    true: list[float] = []
    faces = 0
    with (Path(root) / table).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    for row in tqdm(rows, unit="photo", leave=False):
        grays = as_grays(Path(root) / row["image"], detector.card.gray)
        cells = [[row[f"{axis}{i}"] for axis in "xy"] for i in range(scheme.landmarks)]
        points = np.array([[float(c or "nan") for c in cell] for cell in cells])
        picture, points = pasted(grays, points, rng)
        box = tight_boxes(points)
        length = scheme.normalize(points[None], box[None])[0, place]
        if not np.isfinite(length):
            continue
        faces += 1
        answer = detector(picture)
        chosen = matching(answer, (box[:2] + box[2:]) / 2)
        if chosen is not None:
            found.append(nme(answer.points[chosen], points, length))
            by_true = detector(picture, boxes=box[None])
            true.append(nme(by_true.points[0], points, length))
    missed = 100 * (1 - len(found) / faces)
    print(
        f"{run} on {root}: NME {np.mean(found):.3f} by detector's boxes, {np.mean(true):.3f} by "
        f"true ones, on {len(found)} of {faces} faces; {missed:.2f}% missed"
    )


def pasted(
    grays: NDArray[np.uint8], points: Numbers, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Numbers]:
    """A photo and its landmarks at a random size and place in a picture three times as large."""
    height, width = grays.shape
    scale = rng.uniform(*SIZES)
    small = Image.fromarray(grays).resize(
        (round(width * scale), round(height * scale)), Image.Resampling.BICUBIC, reducing_gap=3
    )
    picture = Image.new("L", (3 * width, 3 * height))
    left = int(rng.integers(0, picture.width - small.width + 1))
    top = int(rng.integers(0, picture.height - small.height + 1))
    picture.paste(small, (left, top))
    stretch = np.array([small.width / width, small.height / height])
    return np.asarray(picture), (points + 0.5) * stretch - 0.5 + [left, top]


def matching(answer: Landmarks, middle: Numbers) -> int | None:
    """Which of the faces found holds a point in its middle; None: no one does."""
    inside = (answer.box[:, :2] < middle).all(axis=1) & (answer.box[:, 2:] > middle).all(axis=1)
    return int(inside.argmax()) if inside.any() else None


def nme(points: Numbers, target: Numbers, length: float) -> float:
    """NME of a face in percent; landmarks that are not labelled are left out."""
    return float(100 * np.nanmean(np.linalg.norm(points - target, axis=1)) / length)


if __name__ == "__main__":
    main(*sys.argv[1:])
