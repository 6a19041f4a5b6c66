import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.loading.faces import Batch
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.state import read_state, read_states
from tests.commands.stopped import PLACES
from tests.console import TINY, Command, figures, start, states, weights

QUIET = (*TINY, "logger.wandb=false")
GRID = ("-m", "model=bbo,bb", *QUIET, "phases.scale=0.1")
"""Two cells of four epochs of three steps."""
BROKEN = (
    "model=nobb,bb",
    "allow_targets=[tests.]",
    "callbacks=[{_target_:tests.commands.stopped.Fails,model:'${model.name}'}]",
)
"""Two cells; nobb does not rescore, so only bb fails."""


def test_a_sweep_says_what_it_does_and_what_became_of_it(command: Command) -> None:
    done = command("train", "-m", "model=non,nobb", *QUIET)
    assert done.code == 0, done.err
    assert "Sweep of 2 cells, finished already: 0" in done.out
    assert "Cell 2 of 2: runs/synthetic/nobb/seed0" in done.out
    table = [line.split() for line in done.out.splitlines()[-3:]]
    assert table[0] == ["cell", "state", "seconds", "NME", "(%)"]
    assert [row[:2] for row in table[1:]] == [
        ["synthetic/non/seed0", "done"], ["synthetic/nobb/seed0", "done"]
    ]  # fmt: skip
    assert all(float(row[3]) > 0 and row[4] == "inter_ocular" for row in table[1:])


def test_a_failed_cell_is_recorded_and_can_be_run_again(command: Command, tmp_path: Path) -> None:
    failed = command("train", "-m", *BROKEN, "seed=0", *QUIET)
    assert failed.code == 1
    said = "callbacks[0]: Fails: bb fails"
    assert f"landmark-train (runs/synthetic/bb/seed0): {said}" in failed.err.replace("\n", " ")
    assert "1 of 2 cells are not done; start the same command again" in failed.err
    bb = read_state(tmp_path / "runs/synthetic/bb/seed0")
    assert (bb.state, bb.error) == ("failed", said)
    assert "Traceback" in (bb.folder / "error.txt").read_text()
    assert states(tmp_path / "runs") == {"nobb": "done", "bb": "failed"}
    again = command("train", "-m", "model=nobb,bb", *QUIET)
    assert again.code == 1, "nobb was trained with another setting"
    assert "synthetic/nobb/seed0: runs/synthetic/nobb/seed0 holds a run with" in again.err
    assert "  synthetic/nobb/seed0  refused" in again.out
    assert states(tmp_path / "runs") == {"nobb": "done", "bb": "done"}
    assert not (bb.folder / "error.txt").exists()


def test_whatever_happens_in_a_cell_the_others_go_on(command: Command, tmp_path: Path) -> None:
    train = LandmarkTask.training_step

    def out_of_memory(task: LandmarkTask, batch: Batch, batch_idx: int) -> Any:  # noqa: ANN401
        if task.run["model"] == "nobb":
            raise RuntimeError("CUDA out of memory")
        return train(task, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LandmarkTask, "training_step", out_of_memory)
        failed = command("train", "-m", "model=non,nobb,bb", *QUIET)
    assert failed.code == 1
    assert "Traceback" not in failed.err
    assert "synthetic/nobb/seed0: RuntimeError: CUDA out of memory" in failed.err
    assert states(tmp_path / "runs") == {"non": "done", "nobb": "failed", "bb": "done"}
    assert "out_of_memory" in (tmp_path / "runs/synthetic/nobb/seed0/error.txt").read_text()
    again = command("train", "-m", "model=non,nobb,bb", *QUIET)
    assert again.code == 0, again.err
    assert "Sweep of 3 cells, finished already: 2" in again.out
    assert "Training runs/synthetic/nobb/seed0" in again.out
    assert "Training runs/synthetic/bb/seed0" not in again.out


def test_a_cell_that_another_process_trains_is_left_to_it(
    command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "runs/synthetic/nobb/seed0"
    folder.mkdir(parents=True)
    elsewhere = {"state": "running", "host": "a-node", "pid": 7, "process_start": "1"}
    (folder / "state.json").write_text(json.dumps(elsewhere))
    done = command("train", "-m", "model=non,nobb", *QUIET)
    assert done.code == 1
    assert "is trained by process 7 on a-node already" in done.err
    assert states(tmp_path / "runs") == {"non": "done", "nobb": "running"}


def _folders(command: Command, tmp_path: Path, *grid: str) -> set[str]:
    """The folders that a sweep plans; it is interrupted as its first run begins."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landmark_lightning.commands.sweep.Attempt.begin", _interrupt)
        done = command("train", "-m", *QUIET, *grid)
    assert done.code == 130, done.err
    (plan,) = tmp_path.glob("*/plan-*.json")
    return set(json.loads(plan.read_text())["cells"])


@pytest.mark.parametrize(
    ("grid", "folders"),
    [
        (
            ("phases.lr=1e-3,3e-3", "model=non,nobb"),
            {f"{m}+phases.lr={lr}/seed0" for m in ("non", "nobb") for lr in ("0.001", "0.003")},
        ),
        (
            ("phases.lr=1e-3,3e-3", "batch_size=5,10", "model.name='mine-${batch_size}'"),
            {f"mine-{n}+phases.lr={lr}/seed0" for n in (5, 10) for lr in ("0.001", "0.003")},
        ),
        (("batch_size=5,10", "variant=b${batch_size}"), {"nobb+b5/seed0", "nobb+b10/seed0"}),
        (
            ("batch_size=5,10", "variant=trial"),
            {"nobb+trial+batch_size=5/seed0", "nobb+trial+batch_size=10/seed0"},
        ),
        (("batch_size=5", "seed=0,1", "network.width=4"), {"nobb/seed0", "nobb/seed1"}),
    ],
)  # fmt: skip
def test_what_is_swept_has_its_place_in_the_folder_s_name(
    command: Command, tmp_path: Path, grid: tuple[str, ...], folders: set[str]
) -> None:
    assert _folders(command, tmp_path, *grid) == {f"synthetic/{folder}" for folder in folders}


def test_a_sweep_over_runs_dir_names_what_else_it_varies(command: Command, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landmark_lightning.commands.sweep.Attempt.begin", _interrupt)
        command("train", "-m", *QUIET, "runs_dir=a,b", "batch_size=5,10", "compile=false")
    planned = {(s.folder.parts[-4], s.variant) for s in read_states(tmp_path)}
    assert planned == {(r, f"batch_size={n}") for r in ("a", "b") for n in (5, 10)}


def test_two_cells_in_one_folder_are_refused(command: Command, tmp_path: Path) -> None:
    name = "model.name=m${seed}${batch_size}"
    done = command("train", "-m", *QUIET, "seed=1", "batch_size=5,5", name)
    assert done.code == 1
    assert "cells 1 and 2 of the sweep would both be written to" in done.err
    assert not (tmp_path / "runs").exists()


def test_a_wrong_value_in_any_cell_is_said_before_the_first_starts(
    command: Command, tmp_path: Path
) -> None:
    name = "model.name=bb-${model.balancing.power}"
    done = command("train", "-m", "model=bb", "model.balancing.power=1,x", name, *QUIET)
    assert done.code == 1
    assert done.err.strip() == (
        "landmark-train: model.balancing.power='x' must be a number between 0 and 500"
    )
    assert not (tmp_path / "runs").exists()


def test_what_never_started_is_missing(command: Command, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LandmarkTask, "training_step", _interrupt)
        done = command("train", "-m", "model=non,nobb,bb", *QUIET)
    assert done.code == 130
    assert done.err.splitlines()[-1] == (
        "landmark-train: interrupted; start the same command again to go on"
    )
    assert states(tmp_path / "runs") == {"non": "cut", "nobb": "missing", "bb": "missing"}


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_the_paper_s_grid_needs_no_m(command: Command, tmp_path: Path) -> None:
    given = [t for t in QUIET if not t.startswith("phases")]
    short = ("phases.scale=0.0003", "phases.lr_scale=10", "dataset=synthetic")
    done = command("train", "experiment=paper", "model=non,bb", "seed=3", *short, *given)
    assert done.code == 0, done.err
    assert sorted((s.model, s.seed, s.state) for s in read_states(tmp_path / "runs")) == [
        ("bb", 3, "done"), ("non", 3, "done")
    ]  # fmt: skip
    config = (tmp_path / "runs/synthetic/bb/seed3/config.yaml").read_text()
    assert "name: paper" in config


@pytest.fixture(scope="module")
def never_cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of the grid that nothing interrupts."""
    folder = tmp_path_factory.mktemp("never-cut")
    whole = start("tests.commands.stopped", "nowhere", "SIGINT", *GRID, cwd=folder)
    _, err = whole.communicate()
    assert whole.returncode == 0, err
    assert len(figures(folder / "runs")) == len(weights(folder / "runs")) == 2
    return folder / "runs"


@pytest.mark.slow
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("place", PLACES)
def test_an_interrupted_grid_goes_on_to_the_same_figures(
    command: Command, tmp_path: Path, never_cut: Path, place: str, signal_name: str
) -> None:
    stopped = start("tests.commands.stopped", place, signal_name, *GRID, "runs_dir=cut")
    out, err = stopped.communicate(timeout=300)
    if signal_name == "SIGINT":
        assert stopped.returncode == 130, err
        assert err.splitlines()[-1].startswith("landmark-train: interrupted; start the same")
        assert "Traceback" not in err
    elif signal_name == "SIGTERM":
        assert stopped.returncode == 143, err
        assert err.splitlines()[-1].startswith("landmark-train: ended by SIGTERM; start the same")
        assert "Traceback" not in err
    else:
        assert stopped.returncode == -signal.SIGKILL, err
    assert "cut" in states(tmp_path / "cut").values(), out
    again = command("train", *GRID, "runs_dir=cut")
    assert again.code == 0, again.err
    assert ("goes on from" in again.out) == (place != "preparing")
    assert figures(tmp_path / "cut") == figures(never_cut)
    assert weights(tmp_path / "cut") == weights(never_cut)
    assert set(states(tmp_path / "cut").values()) == {"done"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "slurm_local"])
def test_launchers_that_use_other_processes(
    command: Command, tmp_path: Path, launcher: str
) -> None:
    failed = command("train", "-m", *BROKEN, f"launcher={launcher}", *QUIET)
    assert failed.code == 1
    assert "synthetic/bb/seed0: callbacks[0]: Fails: bb fails" in failed.err
    assert states(tmp_path / "runs") == {"nobb": "done", "bb": "failed"}
    one = command("train", "model=nobb", "runs_dir=one", *QUIET)
    assert one.code == 0, one.err
    assert figures(tmp_path / "runs") == figures(tmp_path / "one")


@pytest.mark.slow
def test_parallel_cells_share_the_cores_and_show_no_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads = "callbacks=[{_target_:tests.commands.stopped.Threads}]"
    grid = ("-m", "model=non,bb", "launcher=joblib", threads, "allow_targets=[tests.]", *QUIET)
    sweep = start("tests.commands.stopped", "nowhere", "SIGINT", *grid, cwd=tmp_path)
    out, err = sweep.communicate()
    assert sweep.returncode == 0, err
    assert out.count(f"threads: {max(1, (os.cpu_count() or 1) // 2)}\n") == 2
    assert "step/s" not in err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_parallel_cells_end_with_their_sweep(
    command: Command, tmp_path: Path, number: signal.Signals
) -> None:
    grid = ("-m", "model=bbo,bb", "launcher=joblib", *QUIET, "phases.scale=1000")
    sweep = start("tests.commands.stopped", "nowhere", "SIGINT", *grid)
    deadline = time.monotonic() + 120
    while list(states(tmp_path / "runs").values()) != ["running"] * 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    sweep.send_signal(number)
    _, err = sweep.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert sweep.returncode == 128 + number
        assert "Traceback" not in err
    while "running" in states(tmp_path / "runs").values():
        assert time.monotonic() < deadline + 60
        time.sleep(0.2)
    assert states(tmp_path / "runs") == {"bbo": "cut", "bb": "cut"}
