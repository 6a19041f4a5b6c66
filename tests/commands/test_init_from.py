"""landmark-train init_from=...: a run that starts with another's weights."""

from pathlib import Path

import pytest
import torch
import yaml

import landmark_lightning as ll
from landmark_lightning.model.task import LandmarkTask
from tests.console import TINY, Command

QUIET = (*TINY, "logger.wandb=false")


def test_a_run_starts_with_another_s_weights(command: Command, tmp_path: Path) -> None:
    first = command("train", "runs_dir=a b (1)", *QUIET)
    assert first.code == 0, first.err
    source = tmp_path / "a b (1)/synthetic/nobb/seed0"
    start = ("init_from=a b (1)/synthetic/nobb/seed0", *QUIET)
    done = command("train", *start)
    assert done.code == 0, done.err
    assert (
        "starts with the weights of a b (1)/synthetic/nobb/seed0/checkpoints/best.ckpt, all"
        in (done.out)
    )
    run = Path("runs/synthetic/nobb/seed0")
    told = yaml.safe_load((run / "config.yaml").read_text())
    assert told["init_from"] == "a b (1)/synthetic/nobb/seed0"
    assert "finished already" in command("train", *start).out
    assert "holds a run with init_from=a b (1)/" in command("train", *QUIET).err
    other = command("train", "model=non", *start)
    assert "but those of head.3: its landmarks or outputs are others" in other.out
    wrong = command("train", "model=bbo", *start, "network.width=8")
    assert wrong.code == 1
    assert "features.0.weight" in wrong.err
    assert "pass network.width=4 as that run had" in wrong.err

    best = torch.load(source / "checkpoints/best.ckpt", weights_only=True)["state_dict"]
    config = ll.compose(*start, "seed=1")
    data = ll.FaceDataModule.from_config(ll.FaceFile.open(Path("data/synthetic.h5")), config)
    task = LandmarkTask.for_data(data, config)
    for name, value in task.network.state_dict().items():
        assert torch.equal(value, best[f"network.{name}"]), name


def test_a_run_that_goes_on_needs_the_other_no_more(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("train", "runs_dir=other", *QUIET).code == 0
    start = ("init_from=other/synthetic/nobb/seed0", *QUIET)

    def stop(task: LandmarkTask) -> None:
        if task.current_epoch == 1:
            raise RuntimeError("cut")

    monkeypatch.setattr(LandmarkTask, "on_train_epoch_start", stop)
    with pytest.raises(RuntimeError, match="cut"):
        command("train", *start)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert Path("runs/synthetic/nobb/seed0/checkpoints/last.ckpt").is_file()
    Path("other").rename("gone")
    done = command("train", *start)
    assert done.code == 0, done.err
    assert "goes on from" in done.out
    assert "starts with the weights" not in done.out
