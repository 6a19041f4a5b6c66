from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.errors import UserError
from landmark_lightning.inference.predict import predict
from landmark_lightning.loading.faces import faces_from
from landmark_lightning.metrics.nme import normalized_mean_error
from landmark_lightning.model.task import LandmarkTask
from tests.made_tasks import PHASES, MakeTask, face_losses, fit


@pytest.mark.parametrize("validation", ["manhattan", "euclidean", None])
def test_a_training_lowers_the_error(make_task: MakeTask, validation: str | None) -> None:
    pl.seed_everything(0, verbose=False)
    longer = PHASES | {"scale": 5.0}
    task, module = make_task(validation=validation, phases=longer)
    task.start_at_mean_shape(module.train_faces.landmarks)
    trainer = fit(task, module, max_epochs=1)
    before = float(trainer.callback_metrics["val/nme"])
    trainer = fit(task, module)
    after = float(trainer.callback_metrics["val/nme"])
    assert after < 0.8 * before
    assert ("val/spearman/full/pixels" in trainer.callback_metrics) == (validation is not None)
    assert "val/nme/odd/box" in trainer.callback_metrics


def test_the_phases_change_at_their_steps(make_task: MakeTask) -> None:
    task, module = make_task()
    seen: list[tuple[str, float]] = []

    class Watch(pl.Callback):
        def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:  # noqa: ANN401
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            seen.append((task.objective.coordinate.__name__, rate))

    steps = [
        {"loss": "l2", "lr": 0.003, "epochs": 2},
        {"loss": "l1", "lr": 0.001, "epochs": 1},
        {"loss": "wing", "lr": 0.002, "epochs": 1},
    ]
    task, module = make_task(phases=PHASES | {"list": steps})
    fit(task, module, callbacks=[Watch()])
    n = len(module.sampler)
    expected = [("l2", 0.003)] * 2 * n + [("l1", 0.001)] * n + [("wing", 0.002)] * n
    assert [s[0] for s in seen] == [e[0] for e in expected]
    assert [s[1] for s in seen] == pytest.approx([e[1] for e in expected])


def test_reductions(make_task: MakeTask) -> None:
    """sum: over the outputs, averaged over the batch (dlib's convention); mean: over both."""
    losses = {}
    for reduction in ("sum", "mean"):
        pl.seed_everything(0, verbose=False)
        task, module = make_task(phases=PHASES | {"reduction": reduction})
        batch = module.train_faces[torch.arange(4)]
        step = task.training_step(task.to_input(batch), 0)
        losses[reduction] = float(step["loss"])
        by_face = step["coordinates"] + step["validation"]
        assert by_face.shape == (4,)
        assert not by_face.requires_grad
    assert losses["sum"] == pytest.approx(float(by_face.mean()), rel=1e-5)
    assert losses["mean"] == pytest.approx(losses["sum"] / (5 * 3), rel=1e-5)


def test_face_losses_by_score(make_task: MakeTask) -> None:
    task, module = make_task()
    task.eval()
    batch = module.train_faces[torch.arange(4)]
    total = face_losses(task, batch)
    task.score = "coordinates"
    coordinates = face_losses(task, batch)
    assert bool((total >= coordinates).all())
    assert bool((total > coordinates).any())


def test_starts_at_the_mean_shape(make_task: MakeTask) -> None:
    task, module = make_task()
    task.start_at_mean_shape(module.train_faces.landmarks)
    last = task.network.head[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
    batch = module.train_faces[torch.arange(len(module.train_faces))]
    batch = task.eval().to_input(batch)
    prediction, target = task(batch["image"]), batch["landmarks"]
    assert torch.allclose(prediction[0, :, :2], target.mean(dim=0), atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation": "chess"}, "validation='chess'"),
        ({"phases": PHASES | {"reduction": "max"}}, r"phases.reduction='max'"),
        (
            {"phases": PHASES | {"optimizer": {"_target_": "torch.optim.AdamW", "eps": -1.0}}},
            "AdamW: Invalid epsilon value",
        ),
        ({"network": {"_target_": "torch.nn.Lineal"}}, r"torch\.nn\.Lineal"),
    ],
)
def test_a_wrong_setting_is_named(
    make_task: MakeTask, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_task(**changes)


@pytest.mark.parametrize("validation", ["manhattan", None])
def test_bf16_keeps_outputs_targets_and_losses_exact(
    make_task: MakeTask, validation: str | None
) -> None:
    """Pixels named by a bfloat16 would be off by up to a quarter of one: 32 has 8 bits."""
    task, module = make_task(validation=validation)
    task.start_at_mean_shape(module.train_faces.landmarks)
    batch = module.train_faces[torch.arange(8)]
    torch.manual_seed(0)
    exact = task.losses(task.to_input(batch))
    target = task.eval().to_input(batch)["landmarks"]
    task.train()
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = task.losses(task.to_input(batch))
        fixed = task.eval().to_input(batch)
        prediction, same = task(fixed["image"]), fixed["landmarks"]
    assert torch.equal(same, target)
    assert prediction.dtype == torch.float32
    assert not torch.equal(prediction, prediction.bfloat16().float())  # more than 8 bits
    for name in ("coordinates", "validation", "loss"):
        assert rough[name].dtype == torch.float32
        assert torch.allclose(rough[name], exact[name], rtol=0.05)


def test_a_bf16_training_lowers_the_error(make_task: MakeTask) -> None:
    pl.seed_everything(0, verbose=False)
    task, module = make_task(phases=PHASES | {"scale": 5.0})
    task.start_at_mean_shape(module.train_faces.landmarks)
    before = float(fit(task, module, max_epochs=1).callback_metrics["val/nme"])
    trainer = fit(task, module, precision="bf16-mixed")
    assert float(trainer.callback_metrics["val/nme"]) < 0.8 * before
    assert all(weight.dtype == torch.float32 for weight in task.network.parameters())


def _plain_trainer(**knobs: Any) -> pl.Trainer:  # noqa: ANN401
    """A Trainer of Lightning's own, as quiet as it can be."""
    return pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, **knobs,
    )  # fmt: skip


def _weights(task: LandmarkTask) -> torch.Tensor:
    """All weights of a network in one vector."""
    return torch.cat([weight.detach().reshape(-1).clone() for weight in task.network.parameters()])


@pytest.mark.parametrize("clip", [1e-3, None])
def test_it_clips_its_gradient_by_itself(make_task: MakeTask, clip: float | None) -> None:
    """With plain SGD and a rate of 1 the step is the gradient."""
    phases = PHASES | {
        "list": [{"loss": "l2", "lr": 1.0, "epochs": 1}],
        "optimizer": {"_target_": "torch.optim.SGD"},
        "gradient_clip": clip,
    }
    pl.seed_everything(0, verbose=False)
    task, module = make_task(phases=phases)
    task.start_at_mean_shape(module.train_faces.landmarks)
    before = _weights(task)
    _plain_trainer(max_steps=1, limit_val_batches=0).fit(task, datamodule=module)
    after = _weights(task)
    change = float((after - before).norm())
    assert change <= 1.001e-3 if clip else change > 1.001e-3


@pytest.mark.parametrize("mean_shape", [True, False])
def test_it_starts_at_the_mean_shape_by_itself(make_task: MakeTask, mean_shape: bool) -> None:
    task, module = make_task(phases=PHASES | {"mean_shape": mean_shape})
    started: list[torch.Tensor] = []

    class Look(pl.Callback):
        def on_train_start(self, *_: Any) -> None:  # noqa: ANN401
            last = task.network.head[-1]
            assert isinstance(last, torch.nn.Linear)
            started.append(last.bias.detach().view(5, 3)[:, :2].clone())

    _plain_trainer(max_steps=1, callbacks=[Look()]).fit(task, datamodule=module)
    faces = module.train_faces[torch.arange(len(module.train_faces))]
    mean = task.eval().to_input(faces)["landmarks"].mean(dim=0)
    assert torch.allclose(started[0], mean, atol=1e-4) == mean_shape


def test_a_trained_task_keeps_its_weights_in_another_training(make_task: MakeTask) -> None:
    task, module = make_task()
    _plain_trainer(max_steps=3).fit(task, datamodule=module)
    last = task.network.head[-1]
    assert isinstance(last, torch.nn.Linear)
    trained = last.bias.detach().clone()
    _plain_trainer(max_steps=0).fit(task, datamodule=module)
    assert torch.equal(last.bias, trained)


def test_a_plain_trainer_tests_and_predicts(make_task: MakeTask) -> None:
    task, module = make_task()
    trainer = _plain_trainer(max_epochs=1)
    trainer.fit(task, datamodule=module)
    (tested,) = trainer.test(task, datamodule=module, verbose=False)
    predicted = trainer.predict(task, datamodule=module)
    assert predicted is not None
    prediction = torch.cat([batch for batch in predicted if isinstance(batch, torch.Tensor)])
    faces = faces_from(module.faces, "test")
    expected, target = predict(task, faces)
    assert torch.equal(prediction, expected)
    lengths = faces.normalizer[:, 0] * task.input_per_crop
    nme = normalized_mean_error(expected[..., :2], target, lengths).mean()
    assert tested["test/nme"] == pytest.approx(float(nme), rel=1e-5)
    assert {"test/nme/odd/box", "test/discard_30/full/inter_ocular"} <= tested.keys()


class Blind(torch.nn.Module):
    """A network that can't be told where to start."""

    def __init__(self, landmarks: int, outputs: int, side: int = 32) -> None:
        super().__init__()
        self.side, self.layer = side, torch.nn.Linear(1, 1)


def test_a_network_without_a_start_needs_no_mean_shape(make_task: MakeTask) -> None:
    task, module = make_task(network={"_target_": f"{__name__}.Blind"}, allow_targets=["tests."])
    with pytest.raises(UserError, match=r"Blind has no method start_at, .*mean_shape=false"):
        task.start_at_mean_shape(module.train_faces.landmarks)
