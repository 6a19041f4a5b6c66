"""Crops around other boxes than the true ones, as a face detector's are."""

from typing import Any

import pytest
import torch
from torch import Tensor

import landmark_lightning as ll
from landmark_lightning.datasets.boxes import ASPECT, RESIDUAL
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.distributed import Part
from landmark_lightning.errors import UserError
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.model.task import LandmarkTask
from tests.conftest import DOTS
from tests.made_tasks import STILL, task_arguments
from tests.model.test_augmentation import ONE, _centers, _dots

SCALE, MARGIN, SIDE = 1.25, 2.0, 64
TRUE = 128 / (MARGIN * SCALE)
"""Side of the true square, pixels of a stored crop of 128."""


def augmentation(**knobs: Any) -> Augmentation:  # noqa: ANN401
    return Augmentation(ONE, 128, MARGIN, SIDE, **(STILL | {"scale": SCALE} | knobs)).train()


def test_a_dot_stays_on_its_landmark_in_a_stretched_crop() -> None:
    torch.manual_seed(0)
    points = 63.5 + (torch.rand(1000, 2) - 0.5) * 24
    changed = augmentation(
        box_jitter=[0.1, 0.1, 0.1, 0.15], detector_boxes=0.5, shift=0.1, rotation=1.0, mirror=0.5
    )
    offset = torch.randn(1000, 3) * 0.1
    offset[::3] = torch.nan
    image, landmarks = changed(_dots(points, sigma=2.5), points[:, None], offset=offset)
    inside = ((landmarks[:, 0] > 10) & (landmarks[:, 0] < SIDE - 11)).all(dim=1)
    assert int(inside.sum()) > 800
    apart = (_centers(image) - landmarks[:, 0]).norm(dim=1)[inside]
    assert float(apart.max()) <= 0.15


def _corners(changed: Augmentation, count: int, offset: Tensor | None = None) -> Tensor:
    """Where the corners of the true square come to lie, (B, 2, 2) in sides of the input."""
    low, high = 63.5 - TRUE / 2, 63.5 + TRUE / 2
    corners = torch.tensor([[low, low], [high, high]]).expand(count, 2, 2)
    scheme = Augmentation(DOTS, 128, MARGIN, SIDE, **STILL)  # any number of landmarks will do
    assert not scheme.jittered
    _, points = changed(torch.zeros(count, 1, 128, 128), corners, offset=offset)
    return (points - (SIDE - 1) / 2) / SIDE


def test_the_jitter_has_the_deviations_that_were_asked_for() -> None:
    torch.manual_seed(1)
    low, high = _corners(augmentation(box_jitter=[0.03, 0.05, 0.06, 0.1]), 20000).unbind(1)
    sides = 1 / ((high - low) * SCALE)  # of the box, in sides of the true square
    shift = -(low + high) / 2 * SCALE * sides
    log = sides.log()
    told = [shift[:, 0], shift[:, 1], log.mean(dim=1), log[:, 0] - log[:, 1]]
    found = [float(value.std()) for value in told]
    assert found == pytest.approx([0.03, 0.05, 0.06, 0.1], rel=0.03)
    assert max(abs(float(value.mean())) for value in told) < 0.005


def test_a_share_of_the_faces_is_cut_around_the_detector_s_box() -> None:
    torch.manual_seed(2)
    offset = torch.tensor([[0.1, -0.2, 0.3]]).repeat(4000, 1)
    offset[:1000] = torch.nan
    found = _corners(augmentation(detector_boxes=0.25), 4000, offset)
    moved = (found - _corners(augmentation(), 1)).abs().amax(dim=(1, 2)) > 1e-4
    assert not moved[:1000].any()
    assert float(moved[1000:].float().mean()) == pytest.approx(0.25, abs=0.03)
    low, high = found[moved][0] * SCALE * torch.tensor(0.3).exp()
    assert (high - low).tolist() == pytest.approx([1, 1], abs=1e-4)
    assert ((low + high) / 2).tolist() == pytest.approx([-0.1, 0.2], abs=1e-4)
    evaluated = augmentation(detector_boxes=1.0, box_jitter=1).eval()
    assert torch.equal(_corners(evaluated, 5, offset[-5:]), _corners(augmentation().eval(), 5))


@pytest.mark.parametrize("off", [0, [0, 0, 0, 0]])
def test_what_is_off_draws_nothing(off: object) -> None:
    images, points = torch.randint(0, 256, (8, 1, 128, 128)), torch.rand(8, 1, 2) * 128
    knobs = {"shift": 0.2, "rotation": 1.0, "noise": 0.2, "occlusion": 0.5}
    told = []
    for more in ({}, {"box_jitter": off, "detector_boxes": 0}):
        torch.manual_seed(3)
        told.append(augmentation(**knobs, **more)(images, points))
        told[-1] += (torch.rand(1),)  # the generator stands where it stood
    for one, other in zip(*told, strict=True):
        assert torch.equal(one, other)


def test_of_several_processes_each_face_is_moved_as_in_one() -> None:
    images, points = torch.randint(0, 256, (10, 1, 128, 128)), torch.rand(10, 1, 2) * 128
    offset = torch.randn(10, 3) * 0.1
    changed = augmentation(box_jitter=2, detector_boxes=0.5)
    torch.manual_seed(4)
    _, whole = changed(images, points, offset=offset)
    for rank in (0, 1, 2):
        torch.manual_seed(4)
        mine = slice(rank, None, 3)
        part = Part(10, rank, 3)
        _, found = changed(images[mine], points[mine], part, offset[mine])
        assert torch.allclose(found, whole[mine], atol=1e-4)


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"box_jitter": -1}, "box_jitter=-1 must be auto, a number between 0 and 10"),
        ({"box_jitter": [0.1, 0.1]}, "or a list of four numbers between 0 and 1"),
        ({"box_jitter": "much"}, "box_jitter='much' must be"),
        ({"detector_boxes": 2}, "detector_boxes=2 must be a number between 0 and 1"),
    ],
)
def test_a_wrong_knob_is_named(knobs: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        augmentation(**knobs)


def _task(file: FaceFile, *overrides: str) -> LandmarkTask:
    config = ll.compose("network=small", "augmentation=mild", *overrides)
    data = FaceDataModule.from_config(file, config)
    return LandmarkTask.for_data(data, config)


def test_the_checkpoint_holds_the_numbers(boxed: FaceFile, dots: FaceFile) -> None:
    def told(task: LandmarkTask) -> dict[str, Any]:
        settings: dict[str, Any] = task.hparams["augmentation"]
        return {key: settings.get(key) for key in ("box_jitter", "detector_boxes")}

    off = _task(boxed)
    assert told(off) == {"box_jitter": None, "detector_boxes": None}
    auto = _task(boxed, "augmentation.box_jitter=auto", "data.detector_boxes=0.5")
    data = FaceDataModule(boxed)
    assert data.box_map is not None
    assert told(auto) == {"box_jitter": [*data.box_map.residual, ASPECT], "detector_boxes": 0.5}
    assert told(_task(dots, "augmentation.box_jitter=auto"))["box_jitter"] == [*RESIDUAL, ASPECT]
    twice = told(_task(boxed, "augmentation.box_jitter=2"))["box_jitter"]
    assert twice == pytest.approx([2 * value for value in (*RESIDUAL, ASPECT)])
    assert auto.augmentation.jittered
    assert auto.augmentation.detector_boxes == 0.5
    assert not off.augmentation.jittered


def test_without_a_jitter_the_loss_is_the_same_to_the_bit(dots: FaceFile) -> None:
    told = []
    for more in ({}, {"box_jitter": 0}, {"box_jitter": [0.1, 0.1, 0.1, 0.1]}):
        torch.manual_seed(5)
        arguments = task_arguments(dots, 5)
        task = LandmarkTask(**(arguments | {"augmentation": STILL | more})).train()
        batch = FaceDataModule(dots).train_faces[list(range(10))]
        told.append(float(task.losses(task.to_input(batch))["loss"].detach()))
    assert told[0] == told[1]
    assert told[0] != told[2]
