"""The fourth output: which landmarks are covered."""

import math
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.errors import UserError
from landmark_lightning.inference.predict import predict_test
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.losses import coverage_losses
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.training.balancing import score_faces
from tests.made_tasks import PHASES, STILL, MakeTask, fit, task_arguments

COVERING = STILL | {"occluders": {"probability": 0.7, "fills": ["gray"], "size": [0.2, 0.4]}}


def test_the_loss_is_the_cross_entropy_of_labelled_landmarks() -> None:
    logit = torch.tensor([[0.0, 2.0, -50.0]], requires_grad=True)
    covered = torch.tensor([[True, False, True]])
    target = torch.zeros(1, 3, 2)
    target[0, 2] = torch.nan
    loss = coverage_losses(logit, covered, target)
    assert float(loss) == pytest.approx(math.log(2) + math.log1p(math.exp(2)))
    loss.sum().backward()
    assert logit.grad is not None
    assert torch.allclose(logit.grad, torch.tensor([[-0.5, 1 / (1 + math.exp(-2)), 0.0]]))


def test_a_training_covers_fewer_faces_in_its_last_phase(make_task: MakeTask) -> None:
    rare = COVERING | {"occluders": {"probability": 0.7, "last_phase": 0.5}}
    list_ = [{"loss": "l2", "lr": 0.01, "epochs": 1.5}, {"loss": "l1", "lr": 0.01, "epochs": 1.5}]
    task, module = make_task(augmentation=rare, phases=PHASES | {"list": list_})
    shares = []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            assert task.augmentation.occluders is not None
            shares.append(round(float(task.augmentation.occluders.share), 3))

    fit(task, module, callbacks=[Watch()])
    steps = len(module.sampler)
    first = round(1.5 * steps)
    assert shares == [0.7] * first + [0.35] * (3 * steps - first)


def test_the_task_has_a_fourth_output_and_its_loss(make_task: MakeTask) -> None:
    task, module = make_task(coverage=2.0, augmentation=COVERING)
    torch.manual_seed(0)
    batch = task.to_input(module.train_faces[torch.arange(10)])
    assert 0 < float(batch["covered"].float().mean()) < 0.8
    prediction = task(batch["image"])
    assert prediction.shape == (10, 5, 4)
    points, signal = task.split_output(prediction)
    assert torch.equal(points, prediction[..., :2])
    assert signal is not None
    assert torch.equal(signal, prediction[..., 2])
    covered = task.covered(prediction)
    assert covered is not None
    assert torch.equal(covered, prediction[..., 3].sigmoid())
    losses = task.losses(batch, prediction)
    whole = losses["coordinates"] + losses["validation"] + 2 * losses["coverage"]
    assert float(losses["loss"]) == pytest.approx(float(whole.mean()) / 20, rel=1e-5)
    drawing = losses["coordinates"] + losses["validation"]
    assert torch.allclose(losses["drawing"], drawing.detach())


def test_without_coverage_nothing_of_it_is_there(make_task: MakeTask) -> None:
    task, module = make_task(augmentation=COVERING)
    batch = task.to_input(module.train_faces[torch.arange(4)])
    assert "covered" not in batch
    assert "coverage" not in task.losses(batch)
    assert task.covered(task(batch["image"])) is None


def test_own_labels_are_learned_too_but_not_those_of_aflw(make_task: MakeTask) -> None:
    """Every third of the dotted faces hides landmark 3."""
    task, module = make_task(coverage=True)
    faces = module.train_faces
    rows = torch.arange(len(faces))
    for fixed in (True, False):
        covered = task.to_input(faces[rows], fixed=fixed)["covered"]
        assert torch.equal(covered, faces.visible == 1)
    assert bool(covered[:, 3].any())
    assert task.sees_covers(faces.visible)
    task.scheme = task.scheme.__class__("aflw19", 5, task.scheme.mirror, {"box": "box"})
    assert not bool(task.to_input(faces[rows])["covered"].any())
    assert not task.sees_covers(faces.visible)


def test_a_training_learns_what_is_covered(dots: FaceFile) -> None:
    """Blobs under a shape are told from others, on faces that no training saw."""
    torch.manual_seed(0)
    arguments = task_arguments(dots, 6) | {
        "augmentation": COVERING, "coverage": True, "phases": PHASES | {"scale": 8.0},
    }  # fmt: skip
    task = LandmarkTask(**arguments)
    module = FaceDataModule(dots, batch_size=10)
    fit(task, module)
    assert bool(score_faces(task, module.train_faces, torch.arange(5)).isfinite().all())
    task.static_prior = torch.ones(5)
    records = predict_test(task, dots, dataset="dots", model="nobb", seed=0)
    assert records.covered is not None
    assert records.covered.shape == records.signal.shape  # type: ignore[union-attr]
    torch.manual_seed(1)
    task.augmentation.train()
    often = torch.arange(len(module.val_faces)).repeat(30)
    batch = task.to_input(module.val_faces[often])
    task.eval()
    with torch.no_grad():
        told = task.covered(task(batch["image"]))
    assert told is not None
    covered = batch["covered"]
    assert float(told[covered].mean()) > float(told[~covered].mean()) + 0.1


def test_it_needs_a_signal_and_a_weight(make_task: MakeTask) -> None:
    with pytest.raises(UserError, match=r"coverage=True is a fourth output .* model=nobb"):
        make_task(coverage=True, validation=None)
    wrong: Any
    for wrong in (-1, "yes", math.nan):
        with pytest.raises(UserError, match=r"coverage=.* must be true, false or the weight"):
            make_task(coverage=wrong)
