from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import DummyLogger

from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.batch_sampler import BatchSampler
from landmark_lightning.samplers.device_table import DeviceTable
from landmark_lightning.samplers.host_table import HostTable
from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.samplers.strategies import Even, Online, Rescored, Strategy
from landmark_lightning.training import balancing
from landmark_lightning.training.balancing import (
    OnlineBalancing,
    Rescoring,
    callbacks_of,
    draws_on,
)
from landmark_lightning.training.curves import TrainingCurves
from landmark_lightning.training.progress import TrainingProgress
from tests.made_tasks import PHASES, MakeTask, face_losses


def _fit(
    task: LandmarkTask,
    module: FaceDataModule,
    given: list[pl.Callback],
    epochs: int = 1,
    bar: bool = False,
) -> pl.Trainer:
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=epochs,
        callbacks=given,
    )
    trainer.fit(task, datamodule=module)
    return trainer


class Draws(pl.Callback):
    """Notes each batch, its losses, who drew it and from what kinds of table."""

    def __init__(self) -> None:
        self.batches: list[torch.Tensor] = []
        self.losses: list[torch.Tensor] = []
        self.samplers: list[BatchSampler] = []
        self.kinds: set[type] = set()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        task: pl.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        i: int,
    ) -> None:
        self.batches.append(batch["index"])
        self.losses.append(outputs["coordinates"] + outputs["validation"])
        sampler = trainer.datamodule.sampler  # type: ignore[attr-defined]
        self.samplers.append(sampler)
        self.kinds.add(type(sampler.table))


def test_online_balancing_writes_the_training_losses(make_task: MakeTask) -> None:
    task, module = make_task("online")
    draws = Draws()
    _fit(task, module, [OnlineBalancing(), draws])
    last: dict[int, float] = {}
    for index, losses in zip(draws.batches, draws.losses, strict=True):
        last |= dict(zip(index.tolist(), losses.double().tolist(), strict=True))
    for face, loss in last.items():
        assert float(module.balancer.losses[face]) == pytest.approx(loss)
    assert len(last) < len(module.train_faces)  # drawn with replacement: some never came


def test_online_balancing_by_coordinates(make_task: MakeTask) -> None:
    task, module = make_task("online")
    index = torch.tensor([3])
    batch = task.to_input(module.train_faces[index], fixed=True)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.datamodule = module  # type: ignore[attr-defined]
    for score, parts in (
        ("total", ("coordinates", "validation")),
        ("coordinates", ("coordinates",)),
    ):
        task.score = score
        outputs = task.eval().losses(batch)
        OnlineBalancing().on_train_batch_end(trainer, task, outputs, batch, 0)
        expected = sum(float(outputs[part]) for part in parts)
        assert float(module.balancer.losses[3]) == pytest.approx(expected)


def test_online_balancing_on_the_device_is_the_same(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches, losses and what the balancer knows in the end; nothing is drawn ahead."""
    runs = []
    for on_device in (False, True):
        monkeypatch.setattr(balancing, "draws_on", lambda device, said=on_device: said)
        pl.seed_everything(0, verbose=False)
        task, module = make_task("online")
        draws = Draws()
        _fit(task, module, [OnlineBalancing(), draws, TrainingCurves(4)], epochs=3)
        assert draws.kinds == {DeviceTable if on_device else HostTable}
        assert all(sampler is module.sampler for sampler in draws.samplers)
        assert isinstance(module.balancer.table, HostTable)
        assert module.device_draws is None
        runs.append((draws, module.balancer))
    (host, on_host), (device, of_device) = runs
    for batch, expected in zip(device.batches, host.batches, strict=True):
        assert torch.equal(batch, expected)
    for losses, expected in zip(device.losses, host.losses, strict=True):
        assert torch.equal(losses, expected)
    assert torch.equal(of_device.losses, on_host.losses)
    assert torch.equal(of_device.draws, on_host.draws)


def test_losses_stay_on_a_gpu_unless_all_must_be_deterministic() -> None:
    gpu = torch.device("cuda:0")
    assert draws_on(gpu)
    assert not draws_on(torch.device("cpu"))
    torch.use_deterministic_algorithms(True)
    try:
        assert not draws_on(gpu)
    finally:
        torch.use_deterministic_algorithms(False)


def test_rescoring_scores_every_face_as_it_stands(make_task: MakeTask) -> None:
    """After the last rescoring of an epoch the table holds evaluation-mode losses of all faces."""
    task, module = make_task("rescore")
    rescoring = Rescoring(every=0.5)
    _fit(task, module, [rescoring])
    with torch.no_grad():
        faces = module.train_faces
        expected = face_losses(task.eval(), faces[torch.arange(len(faces))])
    # The phase moved on with the last step, but all of this epoch lies in the first one.
    assert torch.allclose(module.balancer.losses, expected.double(), rtol=1e-4)
    assert rescoring.seconds > 0


def _watch(module: FaceDataModule, monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Notes which faces each update of the balancer is about."""
    updates: list[list[int]] = []
    update = module.balancer.update

    def watched(indices: torch.Tensor, losses: torch.Tensor) -> None:
        updates.append(indices.tolist())
        update(indices, losses)

    monkeypatch.setattr(module.balancer, "update", watched)
    return updates


@pytest.mark.parametrize(("every", "expected"), [(0.1, 11), (0.5, 3), (1.0, 2)])
def test_rescoring_keeps_its_schedule(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, every: float, expected: int
) -> None:
    """Once before the first step, then after every share of the epoch (here 11 batches of 5)."""
    task, _ = make_task("rescore")
    module = FaceDataModule(make_task()[1].faces, batch_size=5, balancer=LossBalancer)
    rescored = _watch(module, monkeypatch)
    _fit(task, module, [Rescoring(every=every)])
    assert [len(faces) for faces in rescored] == [len(module.train_faces)] * expected


def test_rescoring_a_share_takes_the_oldest(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, module = make_task("rescore")
    rescored = _watch(module, monkeypatch)
    _fit(task, module, [Rescoring(every=0.2, fraction=0.2)])
    n = len(module.train_faces)
    assert len(rescored[0]) == n
    shares = rescored[1:]
    assert [len(share) for share in shares] == [round(0.2 * n)] * 5
    assert len({face for share in shares for face in share}) == n  # each comes once a round


def test_a_new_phase_scores_all_faces_anew(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its losses can't be compared with those of the phase before, of which bbs keeps most."""
    phases = PHASES | {"list": [{**PHASES["list"][0], "epochs": 0.5}, PHASES["list"][1]]}
    task, module = make_task("rescore", phases=phases)
    rescored = _watch(module, monkeypatch)
    _fit(task, module, [Rescoring(every=0.2, fraction=0.2)])
    n, share = len(module.train_faces), round(0.2 * len(module.train_faces))
    sizes = [len(faces) for faces in rescored]
    assert task.schedule.ends[0] == len(module.sampler) // 2
    middle = sizes.index(n, 1)
    assert sizes == [n] + [share] * (middle - 1) + [n] + [share] * (len(sizes) - middle - 1)
    assert 0 < middle - 1 <= 3


def test_rescoring_leaves_training_as_it_was(make_task: MakeTask) -> None:
    """Neither batch-norm statistics nor random generators may notice a rescoring."""
    task, module = make_task("rescore")
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.datamodule = module  # type: ignore[attr-defined]
    task.train()
    weights = {name: value.clone() for name, value in task.state_dict().items()}
    generator = torch.get_rng_state()
    Rescoring()._rescore(trainer, task, 1.0)
    assert torch.equal(torch.get_rng_state(), generator)
    for name, value in task.state_dict().items():
        assert torch.equal(value.nan_to_num(), weights[name].nan_to_num()), name
    assert task.training
    assert task.network.training


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"every": 0}, r"every=0"),
        ({"every": "often"}, r"every='often'"),
        ({"fraction": 1.5}, r"fraction=1\.5"),
    ],
)
def test_a_wrong_knob_is_named(knobs: dict[str, Any], said: str) -> None:
    for kind in (Rescoring, Rescored):
        with pytest.raises(ValueError, match=said):
            kind(**knobs)


class _Evenly(Strategy):
    def sampler(self, size: int, batch_size: int, seed: int = 0) -> BatchSampler:
        return BatchSampler(size, batch_size, seed)


class _Twice(Rescored):
    def callbacks(self) -> list[pl.Callback]:
        return [OnlineBalancing(), Rescoring(self.every)]


def test_a_strategy_has_its_callbacks() -> None:
    assert callbacks_of(Even()) == callbacks_of(_Evenly()) == []
    assert [type(each) for each in callbacks_of(Online())] == [OnlineBalancing]
    (rescoring,) = callbacks_of(Rescored(0.2, 0.5, "bf16"))
    assert isinstance(rescoring, Rescoring)
    assert (rescoring.every, rescoring.fraction, rescoring.precision) == (0.2, 0.5, "bf16")
    assert [type(each) for each in callbacks_of(_Twice())] == [OnlineBalancing, Rescoring]


class Notes(DummyLogger):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:  # type: ignore[override]
        self.rows.append((step, metrics))


def test_curves_are_means_over_their_steps(make_task: MakeTask) -> None:
    task, module = make_task("online", phases=PHASES)
    draws, notes = Draws(), Notes()
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=[notes],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=1,
        log_every_n_steps=3,
        callbacks=[OnlineBalancing(), draws, TrainingCurves(3)],
    )
    trainer.fit(task, datamodule=module)
    step, row = next((s, r) for s, r in notes.rows if "train/loss" in r)
    assert step == 2
    expected = sum(float(losses.mean()) for losses in draws.losses[:3]) / 3
    assert row["train/loss"] == pytest.approx(expected, rel=1e-5)
    assert row["train/lr"] == 0.003
    assert 1 <= row["balancing/effective_sample_size"] <= len(module.train_faces)


def test_the_bar_counts_every_step(
    make_task: MakeTask, capsys: pytest.CaptureFixture[str]
) -> None:
    task, module = make_task()
    _fit(
        task, module, [TrainingProgress("dots/nobb/seed0")], epochs=task.schedule.epochs, bar=True
    )
    shown = capsys.readouterr().err
    assert "dots/nobb/seed0: 100%" in shown
    assert f"{task.schedule.total_steps}/{task.schedule.total_steps}" in shown
