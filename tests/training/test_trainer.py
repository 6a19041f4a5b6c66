import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import Timer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.samplers.strategies import Strategy
from landmark_lightning.training import fit
from tests.console import TINY, Command

OF_LIGHTNING = "{_target_:pytorch_lightning.callbacks."
SELDOM = "{_target_:tests.commands.stopped.Seldom}"
"""Finds the first epoch's NME to be the best for a while."""


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Settings of a run of six steps, on faces that are prepared by the first test."""
    data = tmp_path_factory.mktemp("data")
    return (*TINY, "logger.wandb=false", "allow_targets=[tests.]", f"data_dir={data}")


class Sideless(torch.nn.Module):
    """A network that does not say how large its input is."""

    def __init__(self, landmarks: int, outputs: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(32 * 32, landmarks * outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, landmarks * outputs), which is not the shape of an answer."""
        flat: torch.Tensor = self.layer(images.flatten(1))
        return flat

    def start_at(self, landmarks: torch.Tensor) -> None:
        """Starts wherever it is."""


class Flat(Sideless):
    """A network that says it."""

    side = 32


class Nobody(Strategy):
    """A strategy that draws no faces."""


def _metrics(runs: Path, model: str = "nobb") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (runs / "synthetic" / model / "seed0/metrics.json").read_text()
    )
    return content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["+trainer.limit_train_batches=1"], "trainer.limit_train_batches=1: the phases count"),
        (["+trainer.overfit_batches=1"], "trainer.overfit_batches=1: the phases count"),
        (["+trainer.overfit_batches=1.0"], "trainer.overfit_batches=1.0: the phases count"),
        (["+trainer.fast_dev_run=true"], "experiment=debug is a tiny run from faces to figures"),
        (["+trainer.limit_test_batches=2"], "the run does, on all test faces"),
        (["+trainer.max_epochs=8"], "phases.list and phases.scale; phases.scale=0.2 makes 8"),
        (["+trainer.max_steps=8"], "the length follows from phases.list and phases.scale"),
        (["+trainer.barebones=true"], "barebones is not yours to set: a run is made of what it"),
        (["trainer.max_epochs=8"], "takes is added with +, as in +trainer.max_epochs=..."),
        (["+trainer.limit_val_batches=0"], "limit_val_batches=0: all validation faces choose"),
        (["+trainer.limit_val_batches=1"], "limit_val_batches=1: all validation faces choose"),
        (["+trainer.check_val_every_n_epoch=3"], "training of 2 epochs would never be validated"),
        (
            [f"callbacks=[{OF_LIGHTNING}GradientAccumulationScheduler,scheduling:{{1:2}}}}]"],
            "GradientAccumulationScheduler can't be used: the phases count every batch",
        ),
        ([f"callbacks=[{OF_LIGHTNING}LearningRateFinder}}]"], "sweep phases.lr_scale instead"),
        ([f"callbacks=[{OF_LIGHTNING}BatchSizeFinder}}]"], "batch_size is a setting; sweep it"),
        (
            [f"callbacks=[{OF_LIGHTNING}StochasticWeightAveraging,swa_lrs:0.1}}]"],
            "it replaces the rates of the phases",
        ),
        ([f"callbacks=[{OF_LIGHTNING}BackboneFinetuning}}]"], "the network has no backbone"),
        (
            [f"callbacks=[{OF_LIGHTNING}ModelPruning,pruning_fn:l1_unstructured}}]"],
            "it can't prune weights",
        ),
        (
            [f"callbacks=[{OF_LIGHTNING}EarlyStopping,monitor:nosuch}}]"],
            "EarlyStopping watches 'nosuch', which nobody logs; there are val/nme, val/nme/full/",
        ),
        (
            [f"callbacks=[{OF_LIGHTNING}ModelCheckpoint,monitor:val_nme}}]"],
            "ModelCheckpoint watches 'val_nme', which nobody logs",
        ),
        (["callbacks=[{_target_:torch.nn.ReLU}]"], "torch.nn.ReLU' makes no Callback"),
        (["callbacks=[5]"], "callbacks=[5] must be a list of mappings with a _target_"),
        (
            ["network.side=16", "batch_size=13"],
            "batch_size=13: the last batch of 27 training faces would be a single face",
        ),
        (["network.side=16", "batch_size=1"], "batch_size=1: the last batch of 27"),
        (
            [f"network={{_target_:{__name__}.Sideless}}"],
            f"network._target_='{__name__}.Sideless' makes a Sideless without side; give it one",
        ),
        (
            [f"network={{_target_:{__name__}.Flat}}"],
            f"network._target_='{__name__}.Flat' answers an image with (1, 204), not with "
            "(1, 68, 3): x, y, the signal of each landmark",
        ),
        (
            [f"model.balancing={{_target_:{__name__}.Nobody}}", "model.name=mine"],
            f"_target_='{__name__}.Nobody' makes a Nobody without sampler; give it one",
        ),
    ],
)
def test_what_breaks_the_phases_is_one_sentence(
    command: Command, quiet: tuple[str, ...], tmp_path: Path, arguments: list[str], said: str
) -> None:
    given = tuple(a.split("=")[0] for a in arguments)
    done = command("train", *(t for t in quiet if not t.startswith(given)), *arguments)
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("landmark-train: ")
    assert said in last
    assert "Traceback" not in done.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [
            "+trainer.limit_train_batches=1.0", "+trainer.limit_val_batches=null",
            "+trainer.overfit_batches=0", "+trainer.accumulate_grad_batches=1", "batch_size=1000",
        ],
        [
            f"callbacks=[{OF_LIGHTNING}EarlyStopping,monitor:val/nme/full/box,patience:9}},"
            f"{OF_LIGHTNING}EarlyStopping,monitor:nosuch,strict:false}},"
            f"{OF_LIGHTNING}ModelCheckpoint,monitor:step,mode:max}}]"
        ],
        ["network.side=32", "batch_size=1"],
        ["network.side=16", "batch_size=9"],
    ],
)  # fmt: skip
@pytest.mark.slow
def test_what_changes_nothing_of_the_phases_is_allowed(
    command: Command, quiet: tuple[str, ...], tmp_path: Path, arguments: list[str]
) -> None:
    done = command("train", "model=bb", *quiet, *arguments)
    assert done.code == 0, done.err
    larger = "Warning: batch_size=1000 is more than the 27 training faces"
    assert ("Warning" in done.out) == (larger in done.out) == ("batch_size=1000" in arguments)
    content = _metrics(tmp_path / "runs", "bb")
    assert content["steps"] == content["planned_steps"]
    assert content["epochs"] == content["epochs_trained"] == 2
    assert content["phases_reached"][-1]["loss"] == "wing"
    assert all(phase["steps"] == phase["planned_steps"] for phase in content["phases_reached"])


def test_a_figure_that_a_callback_of_one_s_own_might_have_logged(
    command: Command, quiet: tuple[str, ...]
) -> None:
    watching = f"{OF_LIGHTNING}EarlyStopping,monitor:nosuch}}"
    done = command("train", f"callbacks=[{SELDOM},{watching}]", *quiet)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "EarlyStopping watches a figure that nobody logs; there are val/" in done.err


def test_what_memory_is_too_small_for_is_one_sentence(
    command: Command, quiet: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(LandmarkTask, "training_step", full)
    done = command("train", *quiet)
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("landmark-train: the device's memory is too small (CUDA out of memory")


def test_a_training_that_ends_early_says_so(
    command: Command, quiet: tuple[str, ...], tmp_path: Path
) -> None:
    """And when its run is cut while it is tested, it goes on without another step."""
    stopping = f"callbacks=[{SELDOM},{OF_LIGHTNING}EarlyStopping,monitor:val/nme,patience:2}}]"
    longer = (*quiet, "phases.scale=0.2", stopping)
    done = command("train", *longer, "runs_dir=whole")
    assert done.code == 0, done.err
    whole = _metrics(tmp_path / "whole")
    assert (whole["epochs"], whole["epochs_trained"]) == (8, 3)
    assert (whole["planned_steps"], whole["steps"]) == (24, 9)
    assert whole["phases_reached"] == [
        {"loss": "l2", "lr": 0.001, "steps": 6, "planned_steps": 6},
        {"loss": "l1", "lr": 0.001, "steps": 3, "planned_steps": 8},
    ]
    warning = "Warning: the training ended after 9 of 24 steps and never reached wing at 0.001\n"
    assert warning in done.out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "evaluate", _power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            command("train", *longer, "runs_dir=cut")
    again = command("train", *longer, "runs_dir=cut")
    assert again.code == 0, again.err
    assert "goes on from" in again.out
    assert warning in again.out
    cut = _metrics(tmp_path / "cut")
    for name in ("steps", "phases_reached", "validation_nme", "subsets"):
        assert cut[name] == whole[name], name
    assert command("report", "runs=whole").code == 0
    assert "3 of 8" in (tmp_path / "report/tables.md").read_text()


def _power_cut(*_: object) -> None:
    raise RuntimeError("power cut")


@pytest.mark.parametrize(
    "limit",
    ["+trainer.max_time=00:01:00:00", f"callbacks=[{OF_LIGHTNING}Timer,duration:01:00:00:00}}]"],
)
def test_a_training_whose_time_is_up_says_so(
    command: Command,
    quiet: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
) -> None:
    """In the middle of an epoch; that epoch's validation chooses the checkpoint."""
    hours = iter([0.0] * 5)
    monkeypatch.setattr(Timer, "time_elapsed", lambda *_: next(hours, 1e6))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "evaluate", _power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            command("train", *quiet, limit)
    done = command("train", *quiet, limit)
    assert done.code == 0, done.err
    content = _metrics(tmp_path / "runs")
    assert 0 < content["steps"] < content["planned_steps"] == 6
    assert content["epochs_trained"] == round(content["steps"] / 3, 2)
    assert f"Warning: the training ended after {content['steps']} of 6 steps" in done.out


def test_debugging_leaves_its_files_in_the_run_s_folder(
    command: Command, quiet: tuple[str, ...], tmp_path: Path
) -> None:
    given = ("+trainer.profiler=simple", "+trainer.enable_progress_bar=false")
    done = command("train", *quiet, *given, "logger.also=[tensorboard]")
    assert done.code == 0, done.err
    assert "step/s" not in done.err
    folder = RunFolder(tmp_path / "runs/synthetic/nobb/seed0")
    assert "training_step" in folder.profile.read_text()
    assert "fit-profile.txt, tensorboard, metrics.csv" in done.out
    events = EventAccumulator(str(folder.tensorboard))
    events.Reload()
    assert {"val/nme", "train/loss"} <= {*events.Tags()["scalars"]}
    assert not any(name.startswith("test/") for name in events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("val/nme")] == [2, 5]
    folder.clear()
    assert not folder.profile.exists()
    assert not folder.tensorboard.exists()


@pytest.mark.slow
def test_experiment_debug_goes_from_faces_to_the_report(command: Command) -> None:
    done = command("train", "experiment=debug", "model=bb")
    assert done.code == 0, done.err
    assert "Wrote .debug/tiny/bb/seed0: metrics.json" in done.out
    assert command("evaluate", "run=.debug/tiny/bb/seed0").code == 0
    assert command("report", "runs=.debug", "output=.debug/report").code == 0
    assert command("train", "experiment=debug", "model=bb").code == 0, "it starts anew"
