"""What W&B holds of a run, read back from the files that it leaves offline."""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.training.loggers import summary_figures
from tests.console import TINY, Command


def _records(folder: Path) -> dict[str, list[Any]]:
    """The records of an offline run's folder, by kind."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(folder)]
    offline = os.environ | {"WANDB_MODE": "offline"}
    told = subprocess.run(command, capture_output=True, text=True, check=False, env=offline)
    assert told.returncode == 0, told.stderr
    records: dict[str, list[Any]] = {}
    for line in told.stdout.splitlines():
        record = json.loads(line)
        records.setdefault(record["type"], []).append(record[record["type"]])
    return records


def _offline_runs(run: Path) -> list[Path]:
    return sorted(run.glob("wandb/offline-run-*"))


def _history(records: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [row["item"] for row in records["history"]]


def _epoch_ends(records: dict[str, list[Any]]) -> list[int]:
    return [row["trainer/global_step"] for row in _history(records) if "val/nme" in row]


def _assert_the_workspace_shows(logged: set[str]) -> None:
    """Whether all that examples/wandb_workspace.py shows is among what a run logs."""
    example = Path(__file__).resolve().parents[2] / "examples" / "wandb_workspace.py"
    views = runpy.run_path(str(example))
    shown = {*views["COLUMNS"], *views["BARS"], *(n for y in views["CURVES"].values() for n in y)}
    shown |= {f"{name}.path" for name in views["PICTURES"]}
    assert {name.replace("<normalizer>", "inter_ocular") for name in shown} <= logged


def test_three_runs_in_one_process_stay_three_with_their_figures(
    command: Command, tmp_path: Path
) -> None:
    done = command("train", "-m", "model=non,bbo,bb", "trainer.log_every_n_steps=3", *TINY)
    assert done.code == 0, done.err
    ids = set()
    for model in ("non", "bbo", "bb"):
        cell = tmp_path / "runs/synthetic" / model / "seed0"
        (offline,) = _offline_runs(cell)
        records = _records(offline)
        (run,) = records["run"]
        ids.add(run["run_id"])
        assert run["run_id"] == (cell / "wandb/id.txt").read_text().strip()
        assert (run["run_group"], run["job_type"]) == ("synthetic", model)
        assert records["exit"][0].get("exit_code", 0) == 0
        summary: dict[str, Any] = {}
        for update in records["summary"]:
            summary |= update["update"]
        figures = summary_figures(json.loads((cell / "metrics.json").read_text()))
        assert figures["test/full/nme"] > 0
        assert {name: summary[name] for name in figures} == figures
        assert summary["test/normalizer"] == "inter_ocular"
        rows = _history(records)
        curve = [row for row in rows if "discard_curve/percent" in row]
        assert [row["discard_curve/percent"] for row in curve] == list(range(51))
        at_30 = {"oracle": "discard_oracle"} | ({} if model == "non" else {"signal": "discard"})
        for name, key in at_30.items():
            assert curve[30][f"discard_curve/{name}"] == pytest.approx(
                figures[f"test/full/{key}/30"]
            )
        told = {name for row in rows for name in row}
        expected = {"train/loss_coordinates", "train/loss_validation", "train/lr", "train/phase"}
        expected |= {"val/nme", "val/nme/pose/inter_ocular", "val/discard_30/full/inter_ocular"}
        if model != "non":
            expected |= {"val/spearman/full/pixels", "balancing/effective_sample_size"}
            expected |= {"balancing/top_1_percent", "balancing/rescore_seconds"}
            expected |= {"faces/most_drawn.path"}
        expected |= {"faces/validation.path", "test/figure4.path", "test/discard_curves.path"}
        assert expected <= told
        assert not figures.keys() & told  # a chart of one point each
        assert len([name for name in told if "." not in name and name[0] != "_"]) <= 35
        if model == "bb":
            _assert_the_workspace_shows(told | summary.keys())
        paths = [v for row in rows for name, v in row.items() if name.endswith(".path")]
        assert all((offline / "files" / path).is_file() for path in paths)
    assert len(ids) == 3


@pytest.mark.slow
def test_a_run_can_do_without_pictures(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=bbo", "logger.pictures=0", *TINY).code == 0
    (offline,) = _offline_runs(tmp_path / "runs/synthetic/bbo/seed0")
    assert not list(offline.rglob("*.png"))
    assert any("discard_curve/percent" in row for row in _history(_records(offline)))


def _stop_at_the_third_epoch(task: LandmarkTask) -> None:
    if task.current_epoch == 2:
        raise RuntimeError("power cut")


def test_a_cut_run_goes_on_under_its_id_and_rerun_takes_a_new_one(
    command: Command, tmp_path: Path
) -> None:
    longer = [t for t in TINY if not t.startswith("phases.scale")] + ["phases.scale=0.1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LandmarkTask, "on_train_epoch_start", _stop_at_the_third_epoch)
        with pytest.raises(RuntimeError, match="power cut"):
            command("train", "model=bbo", *longer)
    time.sleep(1.1)  # W&B names its folders by the second
    assert command("train", "model=bbo", *longer).code == 0
    time.sleep(1.1)
    assert command("train", "model=bbo", "rerun=true", *longer).code == 0
    cell = tmp_path / "runs/synthetic/bbo/seed0"
    cut, resumed, anew = (_records(folder) for folder in _offline_runs(cell))
    ids = [records["run"][0]["run_id"] for records in (cut, resumed, anew)]
    assert ids[0] == ids[1] != ids[2]
    assert all(records["run"][0]["resume"] for records in (cut, resumed, anew))
    codes = [r["exit"][0].get("exit_code", 0) for r in (cut, resumed, anew)]
    assert codes == [1, 0, 0]
    before, after, whole = map(_epoch_ends, (cut, resumed, anew))
    assert len(before) == 2
    assert len(before) + len(after) == len(whole)
    assert before[-1] < after[0]


@pytest.mark.slow
def test_ctrl_c_finishes_the_run(tmp_path: Path) -> None:
    script = "from landmark_lightning.commands.entry import train; train()"
    settings = [t for t in TINY if not t.startswith("phases.scale")] + ["phases.scale=100"]
    own = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    process = subprocess.Popen(
        [sys.executable, "-c", script, "model=bbo", *settings],
        cwd=tmp_path,
        env=own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    cell = tmp_path / "runs/synthetic/bbo/seed0"
    while not (cell / "checkpoints/last.ckpt").is_file():
        assert process.poll() is None
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=120) != 0
    (offline,) = _offline_runs(cell)
    records = _records(offline)
    assert records["exit"][0]["exit_code"] == 1
    assert any("val/nme" in row for row in _history(records))
