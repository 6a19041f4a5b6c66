import os
import random
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.learning.callbacks import OnlineBalancing, Rescoring
from landmark_lightning.learning.checkpoints import DurableCheckpointIO, RunState
from tests.learning.conftest import MakeTask


def test_a_failed_write_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    io = DurableCheckpointIO()
    io.save_checkpoint({"step": 1}, path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        io.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_what_a_killed_write_left_over_is_swept(tmp_path: Path) -> None:
    (tmp_path / ".last.ckpt.abc.tmp").write_bytes(b"half")
    DurableCheckpointIO().save_checkpoint({"step": 1}, tmp_path / "last.ckpt")
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


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
        changing = {"shift": 0.1, "rotation": 0.5, "noise": 0.1}
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
                pl.callbacks.ModelCheckpoint(
                    folder, save_last=True, save_on_train_epoch_end=True, save_top_k=0
                ),
            ],
        )
        trainer.fit(task, datamodule=module, ckpt_path=resume, weights_only=True)
        return dict(task.network.state_dict())

    whole = fit(tmp_path / "whole", 4, None)
    fit(tmp_path / "cut", 2, None)
    rest = fit(tmp_path / "cut", 4, tmp_path / "cut" / "last.ckpt")
    assert all(torch.equal(whole[name], rest[name]) for name in whole)
