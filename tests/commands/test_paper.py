"""phases=paper: what section 5 of the paper says, to the figure."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from landmark_lightning.config.compose import config_folder
from landmark_lightning.datasets.synthetic.trees.write import write_layout
from landmark_lightning.model.schedule import Schedule
from landmark_lightning.schemes import SCHEMES
from tests.console import TINY, Command

SCHEDULES = {
    "300w": [
        ("l2", 1e-8, 2000), ("l2", 1e-7, 2000), ("l1", 1e-7, 2000), ("l1", 1e-6, 2000),
        ("wing", 1e-6, 300), ("wing", 1e-7, 300), ("wing", 1e-8, 300),
    ],
    "wflw": [
        ("l2", 1e-8, 2000), ("l2", 1e-7, 2000), ("l1", 1e-7, 4000),
        ("wing", 1e-7, 500), ("wing", 1e-8, 400),
    ],
}  # fmt: skip


def _composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose("train", list(overrides)), resolve=True)
    return config


@pytest.mark.parametrize("name", ["300w", "wflw"])
def test_the_schedule_follows_the_dataset(name: str) -> None:
    phases = _composed("phases=paper", f"dataset.schedule={name}")["phases"]
    found = [(phase["loss"], phase["lr"], phase["epochs"]) for phase in phases["list"]]
    assert found == SCHEDULES[name]
    schedule = Schedule(phases["list"], 315, phases["scale"], phases["warmup"], phases["decay"])
    assert (schedule.epochs, schedule.ends[0]) == (8900, 2000 * 315)
    rates = {schedule.lr(step) for step in range(0, schedule.total_steps, 315)}
    assert rates == {lr for _, lr, _ in SCHEDULES[name]}


def test_the_rest_of_section_5() -> None:
    config = _composed("phases=paper")
    assert config["batch_size"] == 10
    phases = config["phases"]
    assert (phases["reduction"], phases["decay"], phases["warmup"]) == ("sum", "constant", 0)
    assert phases["gradient_clip"] is None
    assert phases["mean_shape"] is False
    assert phases["optimizer"] == {
        "_target_": "torch.optim.SGD", "momentum": 0.9, "weight_decay": 5e-4, "fused": True
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "boxes", "normalizer"),
    [
        ("300w", "landmarks", "inter_pupil"),
        ("aflw", "provided", "box"),
        ("wflw", "provided", "inter_ocular"),
    ],
)
def test_the_experiment_has_all_of_it(name: str, boxes: str, normalizer: str) -> None:
    config = _composed("experiment=paper", f"dataset={name}")
    assert config["phases"]["name"] == "paper"
    assert config["batch_size"] == 10
    network = config["network"]
    assert (network["side"], network["width"]) == (64, 64)
    paper = {
        "noise": 0.2, "shift": 0.2, "rotation": 1.0, "blur": [1.0, 1.3], "occlusion": 0.5,
        "contrast": 30, "mirror": 0.0, "box_jitter": 0, "extra": [],
    }  # fmt: skip
    augmentation = config["augmentation"]
    assert {key: augmentation[key] for key in paper} == paper
    assert augmentation["occluders"]["probability"] == 0
    assert config["dataset"]["boxes"] == boxes
    first = next(iter(SCHEMES[config["dataset"]["scheme"]].normalizers))
    assert (config["dataset"]["normalizer"] or first) == normalizer


@pytest.mark.slow
def test_the_experiment_shortened_by_one_setting_fills_the_tables(
    command: Command, tmp_path: Path
) -> None:
    write_layout(tmp_path / "raw", "300w", faces=60)
    given = ("dataset=300w", "dataset.root=raw", "dataset.protocol=null")
    assert command("prepare", *given).code == 0
    done = command("train", "experiment=paper", "dataset=300w", "phases.scale=0.0005")
    assert done.code == 0, done.err
    assert command("report").code == 0
    tables = (tmp_path / "report/tables.md").read_text()
    row = next(line for line in tables.splitlines() if line.startswith("| 300W Full"))
    ours = [cell.strip() for cell in row.split("|")[2:-1]]
    assert all(re.fullmatch(r"\d+\.\d\d \(4\.\d\d\)", cell) for cell in ours)


@pytest.mark.parametrize("model", [pytest.param("non", marks=pytest.mark.slow), "bb"])
def test_a_shortened_run_goes_through_all_phases(
    command: Command, tmp_path: Path, model: str
) -> None:
    given = [t for t in TINY if not t.startswith("phases")]
    short = ("phases=paper", "phases.scale=0.001", "phases.lr_scale=10", "logger.wandb=false")
    done = command(
        "train", f"model={model}", *given, *short, "batch_size=4", "trainer.log_every_n_steps=1"
    )
    assert done.code == 0, done.err
    run = tmp_path / "runs/synthetic" / model / "seed0"
    header, *lines = (run / "metrics.csv").read_text().splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    steps = [row for row in rows if row["train/loss"]]
    assert sorted({row["train/phase"] for row in steps}) == [str(k) for k in range(7)]
    assert {f"{float(row['train/lr']):g}" for row in steps} == {"1e-05", "1e-06", "1e-07"}
    assert all(math.isfinite(float(row["train/loss"])) for row in steps)
    assert json.loads((run / "metrics.json").read_text())["subsets"]["full"]["nme"] > 0


def test_another_schedule_is_no_other_dataset(command: Command) -> None:
    quiet = (*TINY, "logger.wandb=false")
    assert command("train", "model=non", *quiet).code == 0
    again = command("train", "model=non", *quiet, "dataset.schedule=wflw")
    assert again.code == 0, again.err
    assert "finished already" in again.out
