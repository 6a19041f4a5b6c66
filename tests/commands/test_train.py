import csv
import json
from pathlib import Path

import pytest
import torch

from landmark_lightning.evaluation.records import read_records
from tests.commands.conftest import TINY, Command

QUIET = (*TINY, "logger.wandb=false")


def test_a_multirun_makes_one_whole_run_a_cell(command: Command, tmp_path: Path) -> None:
    done = command("train", "-m", "model=non,nobb,bbo,bb,bbs", *QUIET)
    assert done.code == 0, done.err
    for model in ("non", "nobb", "bbo", "bb", "bbs"):
        run = tmp_path / "runs" / "synthetic" / model / "seed0"
        content = json.loads((run / "metrics.json").read_text())
        assert (content["dataset"], content["model"], content["seed"]) == ("synthetic", model, 0)
        assert content["normalizer"] == "inter_ocular"
        full = content["subsets"]["full"]
        assert full["faces"] == 8
        assert full["nme"] > 0
        assert full["discard_prior"]["30"] is not None
        assert (full["spearman"] is None) == (model == "non")
        assert (content["rescore_seconds"] > 0) == (model in ("bb", "bbs"))
        records = read_records(run / "predictions.h5")
        assert (records.signal is None) == (model == "non")
        with (run / "metrics.csv").open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert any(row.get("val/nme") for row in rows)
        assert any(row.get("test/full/nme") for row in rows)
        assert (run / "config.yaml").is_file()
        for name in ("best", "last"):
            torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    assert command("evaluate", "run=runs/synthetic/bb/seed0").code == 0
    report = command("report")
    assert report.code == 0, report.err
    assert (tmp_path / "report" / "discard.png").is_file()
    tables = (tmp_path / "report" / "tables.md").read_text()
    assert [model in tables for model in ("non", "nobb", "bbo", "bb", "bbs")] == [True] * 5
    assert "evaluations" not in tables


def test_wandb_makes_one_offline_run_a_cell(command: Command, tmp_path: Path) -> None:
    done = command("train", "-m", "model=non,bb", "seed=0,1", *TINY)
    assert done.code == 0, done.err
    runs = sorted((tmp_path / "runs").rglob("run-*.wandb"))
    assert len(runs) == 4
    assert len({run.name for run in runs}) == 4
    cells = {run.relative_to(tmp_path / "runs").parts[:3] for run in runs}
    assert len(cells) == 4


def test_a_finished_run_is_left_alone_until_rerun(command: Command, tmp_path: Path) -> None:
    arguments = ("model=nobb", *QUIET)
    assert command("train", *arguments).code == 0
    metrics = tmp_path / "runs/synthetic/nobb/seed0/metrics.json"
    before = metrics.stat().st_mtime_ns
    again = command("train", *arguments)
    assert again.code == 0
    assert "finished already; pass rerun=true" in again.out
    assert metrics.stat().st_mtime_ns == before
    changed = command("train", *arguments, "phases.lr=0.002")
    assert changed.code == 1
    assert "holds a run with phases.list=" in changed.err
    assert command("train", *arguments, "phases.lr=0.002", "rerun=true").code == 0
    assert metrics.stat().st_mtime_ns > before


def test_the_same_seed_gives_the_same_figures(command: Command, tmp_path: Path) -> None:
    figures = []
    for runs in ("a", "b"):
        assert command("train", "model=bb", f"runs_dir={runs}", *QUIET).code == 0
        content = json.loads((tmp_path / runs / "synthetic/bb/seed0/metrics.json").read_text())
        figures.append(content["subsets"])
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["modle=bb"], "there is no setting 'modle'"),
        (["model=best"], "Could not find 'model/best'; choices in 'model': bb bbo bbs nobb non"),
        (["network.width=abc"], "network.width='abc' must be a whole number"),
        (["phases.lr=-1"], "lr=-1 must be at least 0"),
        (["phases.lr=1e400"], "lr=inf must be a finite number"),
        (["phases.list=3"], "phases.list=3 must be a list"),
        (["batch_size=0"], "batch_size=0 must be"),
        (["seed=-1"], "seed=-1 must be"),
        (["data.validation=2"], "data.validation=2 must lie between 0 and 1"),
        (["augmentation.noise=loud"], "augmentation.noise='loud' must be a number"),
        (["model=bb", "model.balancing.every=0"], "balancing.every=0 must be more than 0"),
        (["model.validation=chess"], "validation='chess'"),
        (["trainer.devices=abc"], "devices"),
        (["trainer._target_=os.system"], "_target_='os.system' is not of a trusted package"),
        (["dataset.scheme=ibug69"], "scheme='ibug69' is unknown"),
        (["dataset.source.train=0"], "no faces in split 'train'"),
        (["dataset=custom", "dataset.scheme=ibug68"], "dataset.name is not given"),
    ],
)
def test_a_user_s_error_is_one_sentence(
    command: Command, tmp_path: Path, arguments: list[str], said: str
) -> None:
    kept = [t for t in QUIET if t.split("=")[0] not in {a.split("=")[0] for a in arguments}]
    if "dataset=custom" in arguments:
        kept = [t for t in kept if not t.startswith("dataset.source")]
    done = command("train", *kept, *arguments)
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("landmark-train: ")
    assert said in last
    assert "Traceback" not in done.err
    assert not (tmp_path / "runs").exists()


def test_a_failed_cell_leaves_the_others_running(command: Command, tmp_path: Path) -> None:
    done = command("train", "-m", "model=nobb", "phases.lr=-1,0.001", *QUIET)
    assert done.code == 1
    assert "(phases.lr=-1 model=nobb" in done.err or "phases.lr=-1" in done.err
    assert (tmp_path / "runs/synthetic/nobb/seed0/metrics.json").is_file()


def test_a_missing_facefile_names_the_command(command: Command) -> None:
    done = command("train", "dataset=custom", "dataset.name=mine", "dataset.scheme=ibug68")
    assert done.code == 1
    assert "landmark-prepare dataset=custom dataset.name=mine" in done.err


def test_ones_own_data_with_its_root_is_prepared_first(
    command: Command, table: Path, tmp_path: Path
) -> None:
    small = [t for t in QUIET if not t.startswith("dataset.source")]
    done = command("train", "experiment=ytfaces", f"dataset.root={table}", *small)
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "runs/ytfaces/nobb/seed0/metrics.json").read_text())
    assert content["subsets"]["even"]["faces"] == 2


def test_a_facefile_of_other_settings_is_refused(command: Command) -> None:
    assert command("train", "model=non", *QUIET).code == 0
    other = [t for t in QUIET if not t.startswith("dataset.source.train")]
    done = command("train", "model=nobb", *other, "dataset.source.train=31")
    assert done.code == 1
    assert "was prepared with dataset.source.train=30, now it is 31" in done.err


def test_a_distance_of_one_s_own(command: Command, tmp_path: Path) -> None:
    distance = "{_target_:tests.learning.test_objective.chessboard,_partial_:true}"
    refused = command("train", f"model.validation={distance}", *QUIET)
    assert "is not of a trusted package" in refused.err
    own = (f"model.validation={distance}", "allow_targets=[tests.]")
    done = command("train", *own, *QUIET)
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "runs/synthetic/nobb/seed0/metrics.json").read_text())
    assert content["subsets"]["full"]["spearman"] is not None
