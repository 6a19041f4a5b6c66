import json
import signal
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.commands.sweep import Cell, Sweep
from landmark_lightning.runs.state import read_states
from landmark_lightning.runs.studies import Study, read_studies
from tests.console import TINY, Command, figures, start

pytest.importorskip("optuna")

STUDY = (
    "-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_startup_trials=2",
    "phases.lr=tag(log,interval(1e-4,1e-2))", "network.width=int(interval(4,8))",
    *(t for t in TINY if not t.startswith("network.width")), "logger.wandb=false",
)  # fmt: skip

Launched = list[Cell]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    """The runs that were launched: none trains, each is better the wider its network is."""
    cells: Launched = []

    def launch(_: Sweep, started: list[Cell], titles: list[str]) -> dict[Path, str]:
        assert len(titles) == len(started)
        for cell in started:
            cells.append(cell)
            settings = cell.settings
            figure = 20 - settings.network["width"] + 1000 * settings.phases.list[0].lr
            cell.folder.path.mkdir(parents=True, exist_ok=True)
            figures = {"validation_nme": figure + settings.seed, "train_seconds": figure}
            cell.folder.metrics.write_text(json.dumps(figures))
        return {}

    monkeypatch.setattr(Sweep, "_launch", launch)
    return cells


def _study(runs: str = "runs") -> Study:
    (study,), unread = read_studies([Path(runs)])
    assert not unread
    return study


def test_a_study_ends_and_names_its_best(command: Command, launched: Launched) -> None:
    done = command("train", *STUDY)
    assert done.code == 0, done.err
    study = _study()
    assert [trial.state for trial in study.trials] == ["complete"] * 3
    assert study.best == min(study.trials, key=lambda trial: trial.value or 0.0)
    assert f"Best: {study.describe_best()}\nWrote runs/study-optuna.json" in done.out
    assert study.best.cells[0].startswith(f"synthetic/nobb+optuna-{study.best.number}+phases.lr=")
    assert {cell.folder.name for cell in launched} == {t.cells[0] for t in study.trials}
    again = command("train", *STUDY)
    assert again.code == 0, again.err
    assert "Study optuna of 3 trials, complete already: 3" in again.out
    assert len(launched) == 3


def test_a_study_that_was_cut_goes_on_to_the_same_trials(
    command: Command, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("train", *STUDY, "runs_dir=whole").code == 0
    launch, begun = Sweep._launch, 0

    def cut(*args: Any) -> dict[Path, str]:  # noqa: ANN401
        nonlocal begun
        begun += 1
        if begun == 2:
            raise KeyboardInterrupt
        launch(*args)
        if begun == 3:  # it has trained, and the study does not know
            raise KeyboardInterrupt
        return {}

    monkeypatch.setattr(Sweep, "_launch", cut)
    assert command("train", *STUDY).code == 130
    assert command("train", *STUDY).code == 130
    assert command("train", *STUDY).code == 0
    assert (begun, len(launched)) == (4, 6)
    assert _study().trials == _study("whole").trials


@pytest.mark.slow
def test_a_trial_has_a_run_a_seed_and_goes_by_their_mean(
    command: Command, launched: Launched
) -> None:
    done = command("train", *STUDY, "seed=0,1", "hydra.sweeper.n_trials=2")
    assert done.code == 0, done.err
    assert len(launched) == 4
    for trial in _study().trials:
        assert [Path(cell).name for cell in trial.cells] == ["seed0", "seed1"]
        expected = 20 - trial.params["network.width"] + 1000 * trial.params["phases.lr"] + 0.5
        assert trial.value == pytest.approx(expected)


@pytest.mark.slow
def test_another_figure_another_direction_and_trials_at_the_same_time(
    command: Command, launched: Launched
) -> None:
    given = ("optimized_metric=train_seconds", "direction=maximize", "n_jobs=2", "sampler=random")
    sweeper = (f"hydra.sweeper.{setting}" for setting in (*given[1:], "n_trials=4"))
    done = command("train", *STUDY, given[0], *sweeper)
    assert done.code == 0, done.err
    study = _study()
    assert (study.metric, study.direction, len(launched)) == ("train_seconds", "maximize", 4)
    assert study.best == max(study.trials, key=lambda trial: trial.value or 0.0)
    other = command("train", *STUDY)
    assert other.code == 1
    assert "pass hydra.sweeper.study_name=... for another study" in other.err


@pytest.mark.slow
def test_failed_trials_are_told_and_others_take_their_place(
    command: Command, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = Sweep._launch
    failing = {0, 2}

    def some(sweep: Sweep, started: list[Cell], titles: list[str]) -> dict[Path, str]:
        number = int(titles[0].removeprefix("Trial ").partition(",")[0])
        if number not in failing:
            return launch(sweep, started, titles)
        folder = started[0].folder
        folder.path.mkdir(parents=True)
        folder.state.write_text(json.dumps({"state": "failed", "error": "loss is NaN"}))
        return {folder.path: "loss is NaN"}

    monkeypatch.setattr(Sweep, "_launch", some)
    done = command("train", *STUDY)
    assert done.code == 0, done.err
    states = [trial.state for trial in _study().trials]
    assert states == ["failed", "complete", "failed", *["complete"] * 2]
    failing |= {*range(99)}
    done = command("train", *STUDY, "hydra.sweeper.n_trials=20")
    assert done.code == 1
    assert "the last 3 trials failed, the study is not done; start the same" in done.err
    assert [trial.state for trial in _study().trials] == [*states, *["failed"] * 3]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["phases.lr=1e-3", "network.width=4"], "has nothing to search; give a setting several"),
        (["network.width=interval(4,8)"], "network.width=4.0 must be a whole number"),
        (["phases.lr=tag(log,interval(0,1))"], "phases.lr=tag(log,interval(0,1)): "),
        (["hydra.sweeper.sampler=tpee"], "must be one of tpe, random; did you mean tpe"),
        (["hydra.sweeper.storage=nowhere"], "hydra.sweeper.storage=nowhere: Could not parse"),
        (["optimized_metric=val_nme"], "metrics.json has no such number; did you mean valid"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    command: Command, launched: Launched, given: list[str], message: str
) -> None:
    names = tuple(one.partition("=")[0] for one in given)
    done = command("train", *(t for t in STUDY if not t.startswith(names)), *given)
    assert done.code == 1
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert len(launched) == ("optimized_metric" in done.err)


def test_a_study_of_other_settings_is_another_one(command: Command, launched: Launched) -> None:
    assert command("train", *STUDY, "hydra.sweeper.n_trials=1").code == 0
    for given, message in (
        (["network.hidden=8"], "begun with network.hidden=16, now it is 8"),
        (["model=bb"], "begun with model.balancing.refresh=none, now it is rescore"),
    ):
        other = command("train", *STUDY, *given)
        assert other.code == 1
        assert message in other.err
    listed = tuple(t for t in STUDY if not t.startswith("network.width"))
    assert command("train", *listed, "network.width=4,8").code == 1


@pytest.mark.slow
def test_a_killed_study_goes_on_to_the_same_figures(command: Command, tmp_path: Path) -> None:
    given = (*STUDY, "hydra.sweeper.n_trials=4", "model=bb")
    whole = command("train", *given, "runs_dir=whole")
    assert whole.code == 0, whole.err
    stopped = start("tests.commands.stopped", "training", "SIGKILL", *given)
    stopped.communicate(timeout=300)
    assert stopped.returncode == -signal.SIGKILL
    assert [state.state for state in read_states(tmp_path / "runs")] == ["done", "done", "cut"]
    again = command("train", *given)
    assert again.code == 0, again.err
    assert "goes on from" in again.out
    assert figures(tmp_path / "runs") == figures(tmp_path / "whole")
    assert _study().trials == _study("whole").trials
