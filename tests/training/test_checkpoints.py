import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.training.balancing import OnlineBalancing, Rescoring
from landmark_lightning.training.checkpoints import BestAndLast, DurableCheckpointIO, RunState
from tests.made_tasks import PHASES, MakeTask


class Cut(pl.Callback):
    """Makes every epoch worse than the one before, and ends the training at one."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.callback_metrics["val/nme"] = torch.tensor(5.0 + trainer.current_epoch)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            raise RuntimeError("cut")


def test_the_generators_go_on_where_they_were(make_task: MakeTask) -> None:
    pl.seed_everything(3, verbose=False)
    before = RunState()
    before.on_train_start(pl.Trainer(logger=False), make_task()[0])
    saved = before.state_dict()
    expected = torch.rand(2).tolist(), random.random(), np.random.rand()  # noqa: NPY002
    after = RunState()
    after.load_state_dict(saved)
    after.on_train_start(pl.Trainer(logger=False), make_task()[0])
    assert (torch.rand(2).tolist(), random.random(), np.random.rand()) == expected  # noqa: NPY002
    assert after.seconds >= before.before


@pytest.mark.parametrize("refresh", ["none", "online", "rescore"])
def test_a_run_that_was_cut_ends_as_if_it_had_not(
    make_task: MakeTask, tmp_path: Path, refresh: str
) -> None:
    """Bit for bit, on the CPU: the weights of 4 epochs, and of 2 and then 2 more."""

    def fit(folder: Path, epochs: int, resume: Path | None) -> dict[str, torch.Tensor]:
        pl.seed_everything(0 if resume is None else 99, verbose=False)
        covers = {"probability": 0.8, "last_phase": 0.5}
        changing = {"shift": 0.1, "rotation": 0.5, "noise": 0.1, "occluders": covers}
        task, module = make_task(refresh, augmentation=changing)
        balancing: dict[str, list[pl.Callback]] = {
            "none": [],
            "online": [OnlineBalancing()],
            "rescore": [Rescoring(0.5)],
        }
        trainer = pl.Trainer(
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            max_epochs=epochs,
            plugins=[DurableCheckpointIO()],
            callbacks=[
                *balancing[refresh],
                RunState(),
                BestAndLast(RunFolder(folder)),
            ],
        )
        trainer.fit(task, datamodule=module, ckpt_path=resume, weights_only=True)
        return dict(task.network.state_dict())

    whole = fit(tmp_path / "whole", 4, None)
    fit(tmp_path / "cut", 2, None)
    rest = fit(tmp_path / "cut", 4, RunFolder(tmp_path / "cut").last)
    assert all(torch.equal(whole[name], rest[name]) for name in whole)


def test_the_best_score_survives_a_move_of_the_folder(tmp_path: Path) -> None:
    before = BestAndLast(RunFolder(tmp_path / "old"))
    before.best_model_score = torch.tensor(5.0)
    after = BestAndLast(RunFolder(tmp_path / "new"))
    after.load_state_dict(before.state_dict())
    assert after.lowest == 5.0
    assert after.best_model_path == str(tmp_path / "new/checkpoints/best.ckpt")
    assert list(after.best_k_models) == [after.best_model_path]


class Says(pl.Callback):
    """Puts a figure in the place of each epoch's validation NME; None cuts the training there."""

    def __init__(self, *figures: float | None) -> None:
        self.figures = figures

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.figures[trainer.current_epoch] is None:
            raise RuntimeError("cut")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figure = self.figures[trainer.current_epoch]
        assert figure is not None
        trainer.callback_metrics["val/nme"] = torch.tensor(figure)


Fit = Callable[[Path, Says], BestAndLast]


@pytest.fixture
def fit(make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fit:
    """Trains four epochs in a folder, goes on where one lies there; the cwd is an empty folder."""
    monkeypatch.chdir(tmp_path)

    def train(path: Path, figures: Says) -> BestAndLast:
        task, module = make_task()
        folder = RunFolder(path)
        kept = BestAndLast(folder)
        trainer = pl.Trainer(
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            max_epochs=4,
            callbacks=[figures, kept],
            plugins=[DurableCheckpointIO()],
        )
        resumed = folder.last if folder.last.is_file() else None
        trainer.fit(task, datamodule=module, ckpt_path=resumed, weights_only=True)
        return kept

    return train


@pytest.mark.parametrize(
    "path", ["run", "./deep/../run", "link/run", "{cwd}/run", "{cwd}/link/run"]
)
def test_the_first_improvement_after_a_restart_stays(fit: Fit, path: str) -> None:
    """Lightning knows its folder by its real path; another word for it is another folder."""
    Path("deep").mkdir()
    Path("link").symlink_to("deep")
    folder = RunFolder(Path(path.format(cwd=Path.cwd())))
    with pytest.raises(RuntimeError, match="cut"):
        fit(folder.path, Says(5.0, None))
    kept = fit(folder.path, Says(5.0, 4.0, 6.0, 6.0))
    assert kept.lowest == 4.0
    assert torch.load(folder.best, weights_only=True)["epoch"] == 1
    assert torch.load(folder.last, weights_only=True)["epoch"] == 3
    assert sorted(each.name for each in folder.checkpoints.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_a_best_checkpoint_that_is_gone_is_replaced_by_the_next(fit: Fit) -> None:
    folder = RunFolder(Path("run"))
    with pytest.raises(RuntimeError, match="cut"):
        fit(folder.path, Says(5.0, None))
    folder.best.unlink()
    kept = fit(folder.path, Says(5.0, 7.0, 6.0, 6.5))
    assert kept.lowest == 6.0
    assert torch.load(folder.best, weights_only=True)["epoch"] == 2


def test_the_last_checkpoint_is_of_the_last_epoch(make_task: MakeTask, tmp_path: Path) -> None:
    """Also where an earlier epoch was the best: else a run that was cut would go back to it."""
    task, module = make_task(phases=PHASES | {"list": [{"loss": "l2", "lr": 1.0, "epochs": 3}]})
    folder = RunFolder(tmp_path)
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=3,
        callbacks=[BestAndLast(folder), Cut(2)],
    )
    with pytest.raises(RuntimeError, match="cut"):
        trainer.fit(task, datamodule=module)
    saved = {p.stem: torch.load(p, weights_only=True)["epoch"] for p in (folder.best, folder.last)}
    assert saved == {"best": 0, "last": 1}


def test_a_full_disk_is_said_and_the_old_checkpoint_stays(tiny_disk: Path) -> None:
    path = tiny_disk / "last.ckpt"
    DurableCheckpointIO().save_checkpoint({"weights": torch.zeros(1000)}, path)
    with pytest.raises(OSError, match=r"last.ckpt can't be written: No space left on device"):
        DurableCheckpointIO().save_checkpoint({"weights": torch.zeros(1_000_000)}, path)
    assert torch.load(path, weights_only=True)["weights"].shape == (1000,)
    assert [p.name for p in tiny_disk.iterdir()] == ["last.ckpt"]
