import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.training import balancing
from landmark_lightning.training.balancing import Rescoring, score_faces
from tests.made_tasks import MakeTask, face_losses


def _trained_a_little(network: nn.Module, side: int) -> None:
    """Gives the batch norms statistics of their own."""
    network.train()
    for _ in range(3):
        network(torch.randn(8, 1, side, side) * 2 + 1)


@pytest.mark.parametrize("score", ["total", "coordinates"])
def test_scores_are_the_losses_in_evaluation_mode(
    make_task: MakeTask, score: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, module = make_task("rescore")
    _trained_a_little(task.network, 32)
    chosen = torch.tensor([5, 0, 17, 30, 2])
    task.score = score
    monkeypatch.setattr(balancing, "BATCH_SIZES", {"cpu": 2})
    scored = score_faces(task, module.train_faces, chosen)
    assert task.network.training
    with torch.no_grad():
        expected = face_losses(task.eval(), module.train_faces[chosen])
    assert torch.allclose(scored, expected, rtol=1e-4)


def test_faces_of_several_batches_are_scored_in_their_order(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, module = make_task("rescore")
    _trained_a_little(task.network, 32)
    chosen = torch.randperm(len(module.train_faces), generator=torch.Generator().manual_seed(0))
    at_once = score_faces(task, module.train_faces, chosen)
    monkeypatch.setattr(balancing, "BATCH_SIZES", {"cpu": 7})
    assert torch.allclose(score_faces(task, module.train_faces, chosen), at_once, rtol=1e-4)


def test_bf16_scores_differ_by_little(make_task: MakeTask) -> None:
    task, module = make_task("rescore")
    task.start_at_mean_shape(module.train_faces.landmarks)
    _trained_a_little(task.network, 32)
    everyone = torch.arange(len(module.train_faces))
    exact = score_faces(task, module.train_faces, everyone)
    rough = score_faces(task, module.train_faces, everyone, precision="bf16")
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    assert torch.allclose(rough, exact, rtol=0.1)
    assert float((rough / exact - 1).abs().median()) < 0.02


def _weights(make_task: MakeTask, rescored: bool) -> dict[str, torch.Tensor]:
    pl.seed_everything(3, verbose=False)
    task, module = make_task("rescore")
    task.augmentation.noise = 0.1
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=2,
        callbacks=[Rescoring(every=0.2)] if rescored else [],
    )
    trainer.fit(task, datamodule=module)
    return task.state_dict()


def test_a_training_does_not_notice_a_rescoring(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its results thrown away, every weight and statistic ends bit by bit the same."""
    monkeypatch.setattr(LossBalancer, "update", lambda self, indices, losses: None)
    without, with_it = (_weights(make_task, rescored) for rescored in (False, True))
    for name, value in without.items():
        assert torch.equal(value.nan_to_num(), with_it[name].nan_to_num()), name


@pytest.mark.parametrize("precision", ["half", 16])
def test_an_unknown_precision_is_named(precision: str) -> None:
    with pytest.raises(ValueError, match=rf"precision={precision!r} must be one of"):
        Rescoring(precision=precision)
