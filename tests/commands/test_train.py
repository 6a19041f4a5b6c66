import csv
import json
from pathlib import Path

import pytest
import torch

from landmark_lightning.commands import train
from landmark_lightning.config.compose import compose
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.predictions import read_records
from landmark_lightning.training import fit
from tests.console import TINY, Command
from tests.samplers.test_strategies import Shared


def _stop_at_the_third_epoch(task: LandmarkTask) -> None:
    if task.current_epoch == 2:
        raise RuntimeError("power cut")


QUIET = (*TINY, "logger.wandb=false")


def test_a_multirun_makes_one_whole_run_a_cell(command: Command, tmp_path: Path) -> None:
    done = command("train", "-m", "model=non,nobb,bbo,bb,bbs,validated", *QUIET)
    assert done.code == 0, done.err
    for model in ("non", "nobb", "bbo", "bb", "bbs", "validated"):
        run = tmp_path / "runs" / "synthetic" / model / "seed0"
        content = json.loads((run / "metrics.json").read_text())
        assert (content["dataset"], content["model"], content["seed"]) == ("synthetic", model, 0)
        assert content["normalizer"] == "inter_ocular"
        full = content["subsets"]["full"]
        assert full["faces"] == 8
        assert full["nme"] > 0
        assert full["discard_prior"]["30"] is not None
        assert content["rendered"]
        assert content["mean_face"]["full"]["faces"] == 8
        assert (
            content["mean_face"]["full"]["nme"]
            == content["mean_face"]["full"]["nme_by"]["inter_ocular"]
        )
        assert {"library", "commit", "date", "device"} == content["provenance"].keys()
        assert (full["spearman"] is None) == (model == "non")
        assert (content["rescore_seconds"] > 0) == (model in ("bb", "bbs"))
        records = read_records(run / "predictions.h5")
        assert (records.signal is None) == (model == "non")
        assert (records.covered is None) == (model != "validated")
        with (run / "metrics.csv").open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        validated = [float(row["val/nme"]) for row in rows if row.get("val/nme")]
        assert content["validation_nme"] == min(validated)
        assert any(row.get("test/full/nme") for row in rows)
        assert (run / "config.yaml").is_file()
        assert (run / "surprises.png").is_file() == (model != "non")
        for name in ("balancing.json", "most_drawn.png"):
            assert (run / name).is_file() == (model in ("bbo", "bb", "bbs"))
        assert any(row.get("train/loss") for row in rows)
        assert content["fps"]["batch_64"] > 0
        for name in ("best", "last"):
            torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    drawn = json.loads((tmp_path / "runs/synthetic/bb/seed0/balancing.json").read_text())
    epochs = json.loads((tmp_path / "runs/synthetic/bb/seed0/metrics.json").read_text())["epochs"]
    assert drawn["draws"] == epochs * drawn["faces"] == epochs * 27
    assert command("evaluate", "run=runs/synthetic/bb/seed0").code == 0
    report = command("report")
    assert report.code == 0, report.err
    assert (tmp_path / "report" / "discard.png").is_file()
    tables = (tmp_path / "report" / "tables.md").read_text()
    assert [model in tables for model in ("non", "nobb", "bbo", "bb", "bbs", "validated")] == [
        True
    ] * 6
    assert "evaluations" not in tables


def test_a_finished_run_is_left_alone_until_rerun(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("model=nobb", *QUIET)
    monkeypatch.setattr(fit, "mean_face_of_validation", lambda _: 0.5)
    done = command("train", *arguments)
    assert done.code == 0
    assert "Warning: no better than the mean face: NME of the validation faces is" in done.out
    metrics = tmp_path / "runs/synthetic/nobb/seed0/metrics.json"
    before = metrics.stat().st_mtime_ns
    again = command("train", *arguments)
    assert again.code == 0
    assert "finished already; pass rerun=true" in again.out
    assert metrics.stat().st_mtime_ns == before
    changed = command("train", *arguments, "phases.lr=0.002")
    assert changed.code == 1
    assert "holds a run with phases.list.0.lr=0.001, now it is 0.002" in changed.err
    wrong = command("train", *arguments, "network.hidden=abc")
    assert "network.hidden='abc' must be a whole number" in wrong.err
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
        (
            ["model=best"],
            "Could not find 'model/best'; choices are bb, bbo, bbs, nobb, non, validated; did you "
            "mean bbs",
        ),
        (["network.width=abc"], "network.width='abc' must be a whole number"),
        (["phases.lr=-1"], "phases.list[0].lr=-1 must be a number above 0"),
        (["phases.lr=1e400"], "lr=inf must be a number above 0"),
        (["phases.list=3"], "phases.list=3 must be a list"),
        (["batch_size=0"], "batch_size=0 must be"),
        (["seed=-1"], "seed=-1 must be"),
        (["data.validation=2"], "data.validation=2 must be a number above 0 and below 1"),
        (["augmentation.noise=loud"], "augmentation.noise='loud' must be a number"),
        (
            ["model=bb", "model.balancing.every=0"],
            "model.balancing.every=0 must be a number above 0",
        ),
        (["model=bb", "model.balancing.precision=half"], "balancing.precision='half' must be one"),
        (["+trainer.accumulate_grad_batches=2"], "accumulate_grad_batches=2: the phases count"),
        (["+trainer.max_epochs=1"], "trainer.max_epochs is not yours to set: the length follows"),
        (["trainer.accelerator=tpu"], "Trainer: "),
        (
            ["model.validation={_target_:torch.nn.functional.l1_loss}"],
            "a function needs _partial_:true beside it",
        ),
        (["+trainer.limit_train_batches=0.5"], "limit_train_batches=0.5: the phases count"),
        (["compile=maybe"], "compile='maybe' must be one of false, true, cudagraph"),
        (["model.validation=chess"], "validation='chess'"),
        (["trainer.devices=abc"], "devices"),
        (["trainer._target_=os.system"], "_target_='os.system' is not of a trusted package"),
        (["dataset.scheme=ibug69"], "scheme='ibug69' is unknown"),
        (["dataset.source.train=0"], "no faces in split 'train'"),
        (["dataset=custom", "dataset.scheme=ibug68"], "dataset.name is not given"),
        (["rerun=no"], "rerun='no' must be true or false"),
        (["logger.wandb=no"], "logger.wandb='no' must be true or false"),
        (["logger.wandb=true", "logger.pictures=-1"], "logger.pictures=-1 must be"),
        (["phases.mean_shape=no"], "phases.mean_shape='no' must be true or false"),
        (["model.name=../../x"], "model.name='../../x' must be letters"),
        (["model.balancing=null"], "model.balancing=None must be a mapping"),
        (["phases.optimizer=5"], "phases.optimizer=5 must be a mapping"),
        (["dataset.crop=5"], "dataset.crop=5 must be a mapping"),
        (["dataset.subsets=5"], "dataset.subsets=5 must be a list"),
        (["dataset.source.train=abc"], "train='abc' must be a whole number"),
        (["augmentation.blur=5"], "augmentation.blur=5 must be two numbers"),
        (["augmentation.extra=5"], "augmentation.extra=5 must be a list"),
        (["data.validation_seed=abc"], "data.validation_seed='abc' must be"),
        (["~network._target_"], "must be a mapping with a _target_"),
        (["data_dir=/dev/null"], "/dev/null"),
        (["runs_dir=/dev/null"], "/dev/null"),
    ],
)
def test_a_user_s_error_is_one_sentence(
    command: Command, tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = [a.split("=")[0] for a in arguments]
    kept = [t for t in QUIET if not t.startswith(tuple(given))]
    if "dataset=custom" in arguments:
        kept = [t for t in kept if not t.startswith("dataset.source")]
    done = command("train", *kept, *arguments)
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("landmark-train: ")
    assert said in last
    assert "Traceback" not in done.err
    assert not (tmp_path / "runs").exists()


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
    distance = "{_target_:tests.model.test_losses.chessboard,_partial_:true}"
    refused = command("train", f"model.validation={distance}", *QUIET)
    assert "is not of a trusted package" in refused.err
    own = (f"model.validation={distance}", "allow_targets=[tests.]")
    done = command("train", *own, *QUIET)
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "runs/synthetic/nobb/seed0/metrics.json").read_text())
    assert content["subsets"]["full"]["spearman"] is not None


def test_a_strategy_of_one_s_own(command: Command, tmp_path: Path) -> None:
    """Its sampler's draws are told as any LPBB's; it trains with the callbacks that it has."""
    strategy = "+model.balancing={_target_:tests.samplers.test_strategies.Halfway,power:2.0}"
    refused = command("train", strategy, *QUIET)
    assert "is not of a trusted package" in refused.err
    done = command("train", strategy, "allow_targets=[tests.]", "model.name=mine", *QUIET)
    assert done.code == 0, done.err
    run = tmp_path / "runs/synthetic/mine/seed0"
    drawn = json.loads((run / "balancing.json").read_text())
    assert drawn["draws"] > 0
    assert drawn["losses"]["0"] < drawn["losses"]["1"]
    assert (run / "most_drawn.png").is_file()
    again = command("train", strategy, "allow_targets=[tests.]", "model.name=mine", *QUIET)
    assert "finished already" in again.out


def test_a_diverged_training_says_so(command: Command) -> None:
    done = command("train", "model=nobb", *QUIET, "phases.lr=1e30", "phases.gradient_clip=null")
    assert done.code == 1
    assert "the training diverged" in done.err


def test_a_run_with_a_damaged_checkpoint_says_so_and_goes_on_from_the_other(
    command: Command, tmp_path: Path
) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0
    run = tmp_path / "runs/synthetic/nobb/seed0"
    figures = json.loads((run / "metrics.json").read_text())["subsets"]
    (run / "metrics.json").unlink()
    last, best = run / "checkpoints/last.ckpt", run / "checkpoints/best.ckpt"
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    done = command("train", "model=nobb", *QUIET)
    assert done.code == 0
    assert "goes on from runs/synthetic/nobb/seed0/checkpoints/best.ckpt" in done.out
    assert "Warning: runs/synthetic/nobb/seed0/checkpoints/last.ckpt is damaged" in done.out
    assert json.loads((run / "metrics.json").read_text())["subsets"] == figures
    (run / "metrics.json").unlink()
    best.write_bytes(content)
    done = command("train", "model=nobb", *QUIET)
    assert done.code == 1
    assert "best.ckpt is damaged" in done.err
    assert "rerun=true, or remove it" in done.err


def test_a_cut_run_goes_on_and_ends_with_the_same_figures(
    command: Command, tmp_path: Path
) -> None:
    longer = [t for t in QUIET if not t.startswith("phases.scale")] + ["phases.scale=0.1"]
    assert command("train", "model=bb", "runs_dir=whole", *longer).code == 0
    cut = tmp_path / "cut/synthetic/bb/seed0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LandmarkTask, "on_train_epoch_start", _stop_at_the_third_epoch)
        with pytest.raises(RuntimeError, match="power cut"):
            command("train", "model=bb", "runs_dir=cut", *longer)
    assert not (cut / "metrics.json").exists()
    done = command("train", "model=bb", "runs_dir=cut", *longer)
    assert done.code == 0, done.err
    assert "goes on from" in done.out
    whole = json.loads((tmp_path / "whole/synthetic/bb/seed0/metrics.json").read_text())
    assert json.loads((cut / "metrics.json").read_text())["subsets"] == whole["subsets"]
    runs = (tmp_path / "whole/synthetic/bb/seed0", cut)
    last = [torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in runs]
    assert last[0]["global_step"] == last[1]["global_step"]
    weights = [state["state_dict"] for state in last]
    for state in weights:
        state.pop("static_prior")  # NaN: it is measured at the end
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_run_goes_on_whether_the_root_is_given_or_not(command: Command, table: Path) -> None:
    small = [t for t in QUIET if not t.startswith("dataset.source")]
    own = ("experiment=ytfaces", *small)
    assert command("train", *own, f"dataset.root={table}").code == 0
    again = command("train", *own)
    assert again.code == 0
    assert "finished already" in again.out


def test_a_strategy_that_refreshes_no_losses_is_warned_of(command: Command) -> None:
    target = "{_target_:tests.samplers.test_strategies.Unrefreshed}"
    own = (f"model.balancing={target}", "model.name=mine", "allow_targets=[tests.]")
    done = command("train", *own, *QUIET)
    assert done.code == 0, done.err
    assert "Warning: all draws are even: the strategy has no callbacks()" in done.out
    assert "Warning" not in command("train", "model=bbo", *QUIET).out


def test_a_training_has_one_strategy(command: Command) -> None:
    """Its callbacks may then know the sampler that it made."""
    Shared.made.clear()
    target = "model.balancing={_target_:tests.samplers.test_strategies.Shared}"
    done = command("train", target, "model.name=mine", "allow_targets=[tests.]", *QUIET)
    assert done.code == 0, done.err
    assert len(Shared.made) == 1


def test_a_process_that_trains_along_need_not_find_the_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Slurm and torchrun start the command itself once a device; the first process writes."""
    monkeypatch.setattr(fit, "_train", lambda *_: None)
    train.run(compose(f"runs_dir={tmp_path}"))


def test_more_callbacks_by_their_target(command: Command, tmp_path: Path) -> None:
    """Weight averaging: the checkpoint holds the average, and a run with it goes on."""
    target = "pytorch_lightning.callbacks.EMAWeightAveraging"
    done = command("train", "model=bb", f"callbacks=[{{_target_:{target},decay:0.5}}]", *QUIET)
    assert done.code == 0, done.err
    best = tmp_path / "runs/synthetic/bb/seed0/checkpoints/best.ckpt"
    assert "averaging_state" in torch.load(best, weights_only=True)
    refused = command("train", "callbacks=[{_target_:os.system}]", *QUIET)
    assert "_target_='os.system' is not of a trusted package" in refused.err


def test_bf16_trains_and_rescores(command: Command, tmp_path: Path) -> None:
    done = command("train", "-m", "model=non,bb", "trainer.precision=bf16-mixed", *QUIET)
    assert done.code == 0, done.err
    for model in ("non", "bb"):
        content = json.loads((tmp_path / f"runs/synthetic/{model}/seed0/metrics.json").read_text())
        assert content["subsets"]["full"]["nme"] > 0


def test_without_cuda_the_graph_is_left_out(command: Command) -> None:
    if torch.cuda.is_available():
        pytest.skip("here the steps are captured")
    done = command("train", "compile=cudagraph", *QUIET)
    assert done.code == 0, done.err
    assert (
        "compile=cudagraph: torch sees no CUDA device here; the steps run as they are" in done.out
    )
