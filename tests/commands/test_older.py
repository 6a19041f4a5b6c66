"""Files of before: a FaceFile and a run that was cut, written before there were public names."""

import json
import shutil
from pathlib import Path

import pytest

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.model.checkpoint import load_task
from tests.console import Command

OLDER = Path(__file__).resolve().parents[1] / "older"
SETTINGS = (
    "model=bb", "dataset.source.train=20", "dataset.source.test=4", "dataset.crop.side=32",
    "network.side=16", "network.width=2", "network.hidden=8", "phases.scale=0.1", "batch_size=5",
    "logger.wandb=false",
)  # fmt: skip


def test_a_facefile_of_before_opens() -> None:
    faces = FaceFile.open(OLDER / "synthetic.h5")
    faces.verify()
    assert faces.faces == {"train": 20, "test": 4}
    assert faces.settings["source"]["_target_"] == "landmark_lightning.read_synthetic"


def test_a_checkpoint_of_before_loads() -> None:
    task = load_task(OLDER / "last.ckpt")
    assert task.network.side == 16
    assert task.run["model"] == "bb"


def test_a_run_that_was_cut_before_goes_on(command: Command, tmp_path: Path) -> None:
    run = tmp_path / "runs/synthetic/bb/seed0"
    (run / "checkpoints").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    shutil.copy(OLDER / "synthetic.h5", tmp_path / "data")
    shutil.copy(OLDER / "config.yaml", run)
    for name in ("last.ckpt", "best.ckpt"):
        shutil.copy(OLDER / "last.ckpt", run / "checkpoints" / name)
    done = command("train", *SETTINGS)
    assert done.code == 0, done.err
    assert f"goes on from {run.relative_to(tmp_path)}" in done.out
    here, there = (json.loads((f / "metrics.json").read_text()) for f in (run, OLDER))
    assert here["data"] == there["data"]
    # Other processors round otherwise.
    assert here["subsets"]["full"]["nme"] == pytest.approx(
        there["subsets"]["full"]["nme"], rel=0.02
    )
    assert command("train", *SETTINGS).out.rstrip().endswith("pass rerun=true to train it again")
