import json
from pathlib import Path

from tests.commands.conftest import TINY, Command

QUIET = (*TINY, "logger.wandb=false")


def test_a_run_is_tested_again_with_the_same_figures(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=bb", *QUIET).code == 0
    run = tmp_path / "runs/synthetic/bb/seed0"
    done = command("evaluate", f"run={run}")
    assert done.code == 0, done.err
    again = json.loads((run / "evaluations/synthetic/metrics.json").read_text())
    assert again["subsets"] == json.loads((run / "metrics.json").read_text())["subsets"]


def test_a_checkpoint_and_another_dataset(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0
    other = ("dataset=synthetic", "dataset.name=other", "data_dir=elsewhere")
    sizes = ("dataset.source.train=2", "dataset.source.test=5", "dataset.source.seed=9")
    assert command("prepare", *other, *sizes).code == 0
    last = "run=runs/synthetic/nobb/seed0/checkpoints/last.ckpt"
    done = command("evaluate", last, *other, "output=there")
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "there/metrics.json").read_text())
    assert content["dataset"] == "other"
    assert content["subsets"]["full"]["faces"] == 5
    assert content["subsets"]["full"]["discard_prior"]["30"] is not None
    assert (tmp_path / "there/predictions.h5").is_file()
    assert (tmp_path / "there/faces.png").is_file()


def test_errors_are_one_sentence(command: Command, tmp_path: Path) -> None:
    assert "run is not given" in command("evaluate").err
    missing = command("evaluate", "run=runs/none")
    assert missing.code == 1
    assert "run=runs/none is neither a checkpoint nor a run's folder" in missing.err
    assert command("train", "model=non", *QUIET).code == 0
    run = "run=runs/synthetic/non/seed0"
    wrong = ("dataset=synthetic", "dataset.name=wide", "dataset.scheme=wflw98")
    small = ("dataset.source.train=2", "dataset.source.test=2")
    assert command("prepare", *wrong, *small).code == 0
    done = command("evaluate", run, *wrong)
    assert "has scheme wflw98 (98 landmarks), the run predicts ibug68 (68)" in done.err
    (tmp_path / "runs/synthetic/non/seed0/checkpoints/best.ckpt").write_bytes(b"broken")
    assert "best.ckpt is no checkpoint or is damaged" in command("evaluate", run).err
