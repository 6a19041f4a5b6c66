"""What a training says of the labels that it mirrors."""

import json
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.training.fit import describe_mirror
from tests.console import TINY, Command
from tests.model.test_mirror_offset import Seeing, eyes, seeing_task


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        (
            {},
            "augmentation.mirror_offset=0, so that augmentation.mirror=0.5 has taught two places; "
            "pass augmentation.mirror_offset=auto",
        ),
        (
            {"mirror_offset": -0.08},
            "augmentation.mirror_offset=-0.08, so that augmentation.mirror=0.5 has taught two "
            "places; pass augmentation.mirror_offset=auto",
        ),
        ({"mirror_offset": 0.075}, "augmentation.mirror_offset=0.075"),
        ({"mirror_offset": "auto"}, "augmentation.mirror_offset=auto was not measured in time"),
    ],
)
def test_an_offset_that_is_not_mended_is_warned_of(
    tmp_path: Path, knobs: dict[str, Any], told: str
) -> None:
    faces = eyes(tmp_path / "eyes.h5", 0.08)
    line = describe_mirror(
        seeing_task(faces, Seeing(), mirror=0.5, **knobs), FaceDataModule(faces)
    )
    lie = (
        "the labels of the validation faces lie 8.0% of inter_ocular to the right of where "
        "mirrored pictures say; "
    )
    assert line == ("Warning: " if "taught" in told else "") + lie + told


def test_what_auto_has_measured_is_said_and_may_be_wrong(tmp_path: Path) -> None:
    faces = eyes(tmp_path / "eyes.h5", 0.08)
    task = seeing_task(faces, Seeing(), mirror=0.5, mirror_offset="auto")
    task.augmentation.label_offset.fill_(0.081)
    assert describe_mirror(task, FaceDataModule(faces)).endswith("auto has become 0.0810")
    task.augmentation.label_offset.fill_(0.05)
    line = describe_mirror(task, FaceDataModule(faces))
    assert line.startswith("Warning: ")
    assert line.endswith("pass augmentation.mirror_offset=0.080")


def test_a_training_with_auto_from_the_command_line(command: Command, tmp_path: Path) -> None:
    own = ("augmentation.mirror=0.5", "augmentation.mirror_offset=auto", "logger.wandb=false")
    done = command("train", "model=nobb", *TINY, *own)
    assert done.code == 0, done.err
    assert "augmentation.mirror_offset=auto has become" in done.out
    run = tmp_path / "runs/synthetic/nobb/seed0"
    offset = json.loads((run / "metrics.json").read_text())["offset"]
    assert offset["faces"] == 8
    half = (offset["mirrored"][0] - offset["prediction"][0]) / 2
    assert half == pytest.approx(offset["labels"], abs=1e-4)
    assert "val/label_offset" in (run / "metrics.csv").read_text()
    assert command("evaluate", f"run={run}").code == 0
    again = json.loads((run / "evaluations/synthetic/metrics.json").read_text())
    assert again["offset"] == offset
