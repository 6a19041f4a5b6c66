"""Mirrored faces whose labels stand where those who made them would have put them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.inference.evaluate import mirror_check
from landmark_lightning.inference.predict import offset_of_labels, predict_test
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import Batch, faces_from
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.schemes import Scheme
from tests.conftest import DOTS
from tests.made_tasks import STILL, MakeTask, fit, task_arguments

EYES = Scheme("eyes", 2, (1, 0), {"inter_ocular": ((0,), (1,))})
IMAGES = torch.zeros(4, 1, 128, 128, dtype=torch.uint8)


def _points(seed: int) -> Tensor:
    return 40 + 48 * torch.rand((4, 5, 2), generator=torch.Generator().manual_seed(seed))


def _changed(points: Tensor, length: Tensor | None, seed: int, **knobs: Any) -> Tensor:  # noqa: ANN401
    torch.manual_seed(seed)
    changed = Augmentation(DOTS, 128, 2.0, 64, **(STILL | {"shift": 0.2} | knobs)).train()
    return changed(IMAGES, points, length=length)[1]


@settings(deadline=None)
@given(st.floats(-0.2, 0.2), st.floats(0, 1), st.integers(0, 99))
def test_labels_lie_to_the_same_side_of_a_mirrored_face(
    offset: float, mirror: float, seed: int
) -> None:
    """Points that are moved after the mirror, or moved labels that are mended by it."""
    points, length = _points(seed), torch.tensor([20.0, 30.0, 40.0, 50.0])
    right = torch.tensor([offset, 0.0]) * length[:, None, None]
    expected = (
        _changed(points, None, seed, mirror=mirror) + right
    )  # one pixel of the input a pixel
    found = _changed(points + right, length, seed, mirror=mirror, mirror_offset=offset)
    assert torch.allclose(found, expected, atol=1e-4)


def test_a_turn_takes_the_offset_along() -> None:
    points, length = _points(0), torch.full((4,), 32.0)
    for mirror in (0.0, 1.0):
        knobs = {"mirror": mirror, "rotation": 1.0}
        true = _changed(points, None, 3, **knobs)
        right = torch.tensor([3.2, 0.0])
        found = _changed(points + right, length, 3, **knobs, mirror_offset=0.1) - true
        straight = _changed(points + right, None, 3, rotation=1.0)
        turned = straight - _changed(points, None, 3, rotation=1.0)
        assert torch.allclose(found, turned if mirror == 0 else _reflected(turned), atol=1e-4)


def _reflected(turned: Tensor) -> Tensor:
    """The same turn seen from a mirrored face, which turns the other way."""
    return turned * torch.tensor([1.0, -1.0])


def test_a_face_without_a_normalizer_is_not_mirrored() -> None:
    points, length = _points(0), torch.tensor([20.0, torch.nan, 20.0, torch.nan])
    found = _changed(points, length, 0, mirror=1.0, mirror_offset=0.1)
    plain, mirrored = (_changed(points, None, 0, mirror=mirror) for mirror in (0.0, 1.0))
    assert torch.equal(found[1::2], plain[1::2])
    assert not torch.isclose(found[::2], mirrored[::2]).all()
    unmoved = _changed(points, length, 0, mirror=1.0)
    assert torch.equal(unmoved, mirrored)


def eyes(path: Path, offset: float) -> FaceFile:
    """Photos of two bright blobs whose labels lie to the right, by a share of inter_ocular."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :120]
    faces = []
    for split, count in (("train", 60), ("test", 20)):
        for i in range(count):
            center, half = 59.5 + rng.uniform(-6, 6, 2), rng.uniform(10, 14)
            points = center + np.array([[-half, 0], [half, 0]])
            blobs = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / 8) for px, py in points]
            labels = points + np.array([2 * half * offset, 0])
            image = (200 * sum(blobs)).astype(np.uint8)
            where = f"face {i}"
            faces.append(Face(f"{split}{i}.png", split, labels, where=where, image=image))
    prepare(
        faces, path, name="eyes", root=None, scheme=EYES, normalizer="inter_ocular",
        crop=CropRule(scale=2.0, side=96),
    )  # fmt: skip
    return FaceFile.open(path)


class Seeing(nn.Module):
    """Finds the middle of the light in each half of an image, and answers beside it."""

    side, outputs = 64, 2

    def __init__(self, beside: float = 0.0) -> None:
        super().__init__()
        self.beside, self.weight = beside, nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Tensor:
        light, place = (image[:, 0] + 1).clamp(min=0), torch.arange(64.0)
        left, right = light * (place < 32), light * (place >= 32)
        found = [
            torch.stack([(half.sum(1) * place).sum(1), (half.sum(2) * place).sum(1)], dim=1)
            / half.sum(dim=(1, 2))[:, None]
            for half in (left, right)
        ]
        points = torch.stack(found, dim=1)
        length = points[:, 1:, :1] - points[:, :1, :1]
        return points + torch.tensor([self.beside, 0.0]) * length + 0 * self.weight


def seeing_task(faces: FaceFile, network: nn.Module, **augmentation: Any) -> LandmarkTask:  # noqa: ANN401
    arguments = task_arguments(faces, 6) | {"augmentation": STILL | augmentation}
    arguments["network"]["side"] = 64
    task = LandmarkTask(**(arguments | {"validation": None}))
    task.network, task.started = network, True  # type: ignore[assignment]
    task.static_prior.zero_()
    return task


@pytest.mark.parametrize(("labels", "network"), [(0, 0), (8, 0), (-8, 3), (4, 4)])
def test_the_mirror_finds_by_how_much_all_labels_were_moved(
    tmp_path: Path, labels: float, network: float
) -> None:
    faces = eyes(tmp_path / "eyes.h5", labels / 100)
    task = seeing_task(faces, Seeing(network / 100))
    records = predict_test(task, faces, dataset="eyes", model="non", seed=0)
    found = mirror_check(task, faces_from(faces, "test"), records)
    assert found is not None
    assert found["faces"] == 20
    assert found["labels"] == pytest.approx(labels, abs=0.2)
    assert found["training"] == pytest.approx(network, abs=0.2)
    assert found["prediction"] == pytest.approx([network - labels, 0], abs=0.2)
    assert found["mirrored"] == pytest.approx([network + labels, 0], abs=0.2)
    assert found["pixels"] == pytest.approx(24 * labels / 100, abs=0.3)
    data = FaceDataModule(faces)
    mean, error = offset_of_labels(task, data.val_faces)
    assert mean == pytest.approx(labels, abs=0.2)
    assert found["error"] < error < 0.1  # of fewer faces


class Mirrored(Callback):
    """Notes after each step by how much mirrored labels are moved."""

    def __init__(self) -> None:
        self.known: list[float] = []

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Notes it."""
        assert isinstance(pl_module, LandmarkTask)
        self.known.append(float(pl_module.augmentation.label_offset))


def test_auto_mirrors_when_it_has_measured(tmp_path: Path) -> None:
    faces = eyes(tmp_path / "eyes.h5", 0.08)
    task, noted = seeing_task(faces, Seeing(), mirror=1.0, mirror_offset="auto"), Mirrored()
    unmirrored = _mirrored_share(task, faces)
    fit(task, FaceDataModule(faces, batch_size=9), callbacks=[noted])  # four epochs of six steps
    assert np.isnan(noted.known[:6]).all()
    assert noted.known[6:] == pytest.approx([0.08] * 18, abs=2e-3)
    assert (unmirrored, _mirrored_share(task, faces)) == (0, 1)


def _mirrored_share(task: LandmarkTask, faces: FaceFile) -> float:
    """Share of the training faces that the task in training mode turns over."""
    batch = FaceDataModule(faces).train_faces[torch.arange(20)]
    task.train()
    light = task.to_input(batch)["image"]
    task.eval()
    turned = task.to_input(batch)["image"].flip(-1)
    return float(torch.isclose(light, turned, atol=1e-3).all(dim=(1, 2, 3)).double().mean())


def test_the_checkpoint_holds_the_number_in_use(make_task: MakeTask, tmp_path: Path) -> None:
    task, data = make_task(augmentation=STILL | {"mirror": 0.5, "mirror_offset": "auto"})
    trainer = fit(task, data)
    trainer.save_checkpoint(tmp_path / "auto.ckpt")
    kept = float(load_task(tmp_path / "auto.ckpt").augmentation.label_offset)
    assert kept == float(task.augmentation.label_offset) != 0


def test_without_auto_a_checkpoint_is_as_before(make_task: MakeTask) -> None:
    for knobs in (
        {"mirror": 0.5},
        {"mirror": 0.5, "mirror_offset": 0.1},
        {"mirror_offset": "auto"},
    ):
        task, _ = make_task(augmentation=STILL | knobs)
        assert not any("offset" in name for name in task.state_dict())
