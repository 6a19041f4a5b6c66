"""The example runs, and training by hand ends in the weights of landmark-train."""

import subprocess
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

import landmark_lightning as ll
from tests.console import TINY, Command

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "train_in_python.py"
SMALL = (*(s for s in TINY if "source" not in s and "crop" not in s), "logger.wandb=false")


def test_the_example_runs(tmp_path: Path, table: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(table), "ibug68", *SMALL],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "runs/mine/bb/seed0: NME" in done.stdout
    assert "4 test faces: x, y and expected error of each landmark" in done.stdout


@pytest.mark.parametrize(
    "model", ["bb", *(pytest.param(model, marks=pytest.mark.slow) for model in ("nobb", "bbo"))]
)
def test_by_hand_and_by_landmark_train_the_weights_are_the_same(
    command: Command, model: str
) -> None:
    settings = (*TINY, f"model={model}", "logger.wandb=false")
    assert command("train", *settings).code == 0
    config = ll.compose(*settings)
    run = ll.train(config)  # finished already
    trained = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]

    ll.seed_everything(config)
    data = ll.FaceDataModule.from_config(ll.FaceFile.open(Path("data/synthetic.h5")), config)
    task = ll.LandmarkTask.for_data(data, config)
    callbacks: dict[str, list[pl.Callback]] = {
        "nobb": [], "bbo": [ll.OnlineBalancing()], "bb": [ll.Rescoring(every=0.1)]
    }  # fmt: skip
    trainer = pl.Trainer(
        max_epochs=task.schedule.epochs, callbacks=callbacks[model], accelerator="cpu",
        logger=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, datamodule=data)
    weights = task.state_dict()
    assert trained.keys() == weights.keys()
    for name, value in trained.items():
        assert torch.equal(weights[name].nan_to_num(), value.nan_to_num()), name
    if trainer.current_epoch == task.schedule.epochs:
        best = ll.load_task(run.path / "checkpoints" / "best.ckpt")
        (tested,) = trainer.test(best, datamodule=data, verbose=False)
        assert tested["test/nme"] == pytest.approx(run.figure("subsets", "full", "nme"), rel=1e-5)
