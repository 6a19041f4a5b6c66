"""What several tests share: small face files, written once a session."""

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from landmark_lightning.datasets.face import NOT_LABELLED, SPLITS, Face, visibility
from landmark_lightning.datasets.facefile import CropRule, FaceFile, FaceSplit
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.datasets.synthetic import faces
from landmark_lightning.schemes import SCHEMES, Scheme
from tests.console import command, table  # noqa: F401  fixtures
from tests.made_runs import MakeRecords, made_records
from tests.made_tasks import make_task  # noqa: F401  a fixture

DOTS = Scheme("dots5", 5, (1, 0, 2, 4, 3), {"inter_ocular": ((0,), (1,)), "box": "box"})
"""A scheme of five landmarks, for tests that need no real face."""

Splits = dict[str, FaceSplit]

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile(
    "same"
)  # the same examples everywhere; --hypothesis-profile=default draws others


def dotted_faces(faces: int, split: str, seed: int = 0, unlabelled: float = 0.0) -> Iterator[Face]:
    """Gray photos with a bright blob at each of five landmarks; every third face hides one.

    ``unlabelled`` is the share of landmarks without a label; each face keeps two.
    """
    rng = np.random.default_rng([seed, split == "test"])
    shape = np.array([[-12.0, -8.0], [12.0, -8.0], [0.0, 2.0], [-8.0, 12.0], [8.0, 12.0]])
    y, x = np.mgrid[:96, :96]
    for i in range(faces):
        points = 47.5 + rng.uniform(-6, 6, 2) + shape * rng.uniform(0.9, 1.3)
        points += rng.normal(0, 1.0, points.shape)
        image = rng.uniform(20, 90, (96, 96))
        for px, py in points:
            image += 160 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8)
        visible = visibility(np.arange(5) != 3) if i % 3 == 0 or unlabelled else None
        if visible is not None:
            missing = rng.permutation(5)[:3][rng.random(3) < unlabelled * 5 / 3]
            visible[missing], points[missing] = NOT_LABELLED, np.nan
        yield Face(
            photo=f"{split}/{i}.png",
            split=split,
            landmarks=points,
            where=f"face {i} of {split}",
            subsets=("even",) if i % 2 == 0 else ("odd", "rare") if i % 7 == 0 else ("odd",),
            group=f"{split}{i // 2}" if i % 3 else "",
            visible=visible,
            image=image.clip(0, 255).astype(np.uint8),
        )


def photographed(faces: list[Face], root: Path) -> list[Face]:
    """The faces with their pictures in files."""
    for face in faces:
        assert face.image is not None
        (root / face.photo).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.image).save(root / face.photo)
    return [dataclasses.replace(face, image=None) for face in faces]


@pytest.fixture(autouse=True)
def hasty_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces a second are measured for a moment alone."""
    monkeypatch.setattr("landmark_lightning.inference.speed._SECONDS", 0.01)


@pytest.fixture(scope="session")
def dots(tmp_path_factory: pytest.TempPathFactory) -> FaceFile:
    """60 training and 20 test faces of five landmarks, crops of 64 pixels."""
    path = tmp_path_factory.mktemp("dots") / "dots.h5"
    prepare(
        [*dotted_faces(60, "train"), *dotted_faces(20, "test")],
        path,
        name="dots",
        root=None,
        scheme=DOTS,
        normalizer="inter_ocular",
        crop=CropRule(side=64),
    )
    return FaceFile.open(path)


@pytest.fixture
def splits(dots: FaceFile) -> Splits:
    """The splits of ``dots``."""
    return {name: dots.read(name) for name in SPLITS}


def changed(splits: Splits, split: str, **arrays: NDArray[Any] | list[str]) -> Splits:
    """The splits with other arrays in one of them."""
    return splits | {split: FaceSplit(**(vars(splits[split]) | arrays))}


@pytest.fixture(scope="session")
def gappy(tmp_path_factory: pytest.TempPathFactory) -> FaceFile:
    """As ``dots``, a third of the landmarks not labelled; some faces have no inter_ocular."""
    path = tmp_path_factory.mktemp("gappy") / "gappy.h5"
    prepare(
        [*dotted_faces(60, "train", unlabelled=0.3), *dotted_faces(20, "test", unlabelled=0.3)],
        path,
        name="gappy",
        root=None,
        scheme=DOTS,
        normalizer="inter_ocular",
        crop=CropRule(side=64),
    )
    return FaceFile.open(path)


@pytest.fixture(scope="session")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> FaceFile:
    """As ``dots``, three in four faces with a detector's box.

    Its square lies 0.2 sides of the true one above it and is 1.25 times as large, give or take
    normal deviations of 0.03 along x, 0.05 along y and 0.04 of the logarithm.
    """
    path = tmp_path_factory.mktemp("boxed") / "boxed.h5"
    rng = np.random.default_rng(0)
    found = []
    for i, face in enumerate([*dotted_faces(60, "train"), *dotted_faces(20, "test")]):
        low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
        side = (high - low).max()
        x, y, log = rng.normal(size=3) * [0.03, 0.05, 0.04]
        center = (low + high) / 2 + side * np.array([x, y - 0.2])
        half = side * 1.25 * np.exp(log) / 2
        box = np.concatenate([center - half, center + half]) if i % 4 else None
        found.append(dataclasses.replace(face, detector=box))
    prepare(
        found,
        path,
        name="boxed",
        root=None,
        scheme=DOTS,
        normalizer="inter_ocular",
        crop=CropRule(side=64),
    )
    return FaceFile.open(path)


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> FaceFile:
    """40 training and 12 test synthetic faces with 68 landmarks."""
    path = tmp_path_factory.mktemp("rendered") / "synthetic.h5"
    prepare(
        faces.read(None, SCHEMES["ibug68"], train=40, test=12),
        path,
        name="synthetic",
        root=None,
        scheme=SCHEMES["ibug68"],
        normalizer="inter_ocular",
        crop=CropRule(),
    )
    return FaceFile.open(path)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(path)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        done = False
    if not done:
        pytest.skip("only root mounts a small disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def make_records() -> MakeRecords:
    """``made_records``."""
    return made_records
