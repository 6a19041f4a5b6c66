import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference import evaluate
from landmark_lightning.inference.predict import input_images
from landmark_lightning.loading.faces import faces_from
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.plots.faces import predicted_faces
from landmark_lightning.runs.predictions import read_records
from tests.console import TINY, Command

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
    sizes = (
        "dataset.source.train=2", "dataset.source.test=5", "dataset.source.seed=9",
        "dataset.crop.side=96",
    )  # fmt: skip
    assert command("prepare", *other, *sizes).code == 0
    last = "run=runs/synthetic/nobb/seed0/checkpoints/last.ckpt"
    done = command("evaluate", last, *other, *sizes, "output=there")
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "there/metrics.json").read_text())
    assert content["dataset"] == "other"
    assert content["subsets"]["full"]["faces"] == 5
    # best and last are the same here, and the prior is of the run's own training faces.
    prior = read_records(tmp_path / "there/predictions.h5").prior
    own = read_records(tmp_path / "runs/synthetic/nobb/seed0/predictions.h5").prior
    assert torch.allclose(prior, own, rtol=0.05)
    assert content["provenance"] is None
    assert content["mean_face"]["full"]["faces"] == 5
    best = last.replace("last.ckpt", "best.ckpt")
    (tmp_path / "data/synthetic.h5").unlink()  # what the mean face is made of
    assert command("evaluate", best, *other, *sizes, "output=without").code == 0
    assert json.loads((tmp_path / "without/metrics.json").read_text())["mean_face"] is None
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
    done = command("evaluate", run, *wrong, *small)
    assert "has scheme wflw98 (98 landmarks), the run predicts ibug68 (68)" in done.err
    (tmp_path / "runs/synthetic/non/seed0/checkpoints/best.ckpt").write_bytes(b"broken")
    assert "best.ckpt is no checkpoint or is damaged" in command("evaluate", run).err


def test_a_checkpoint_needs_no_folder(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0
    best = tmp_path / "runs/synthetic/nobb/seed0/checkpoints/best.ckpt"
    best.rename(tmp_path / "lone.ckpt")
    done = command("evaluate", "run=lone.ckpt", "output=there")
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "there/metrics.json").read_text())["model"] == "nobb"


def test_another_crop_is_refused_and_leaves_nothing(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=non", *QUIET).code == 0
    wide = ("dataset=synthetic", "dataset.name=wide", "dataset.crop.scale=2.0")
    small = ("dataset.source.train=2", "dataset.source.test=2")
    assert command("prepare", *wide, *small).code == 0
    done = command("evaluate", "run=runs/synthetic/non/seed0", *wide, *small, "output=there")
    assert done.code == 1
    assert "was prepared with scale=2.0, the run was trained with 1.2" in done.err
    assert not (tmp_path / "there").exists()


def test_a_test_split_of_several_portions_is_drawn_face_by_face(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the 2,500 test faces of WFLW are: the surprising ones don't stand in the file's order."""
    drawn: list[tuple[Tensor, Tensor]] = []

    def noted(images: Tensor, target: Tensor, *rest: Any) -> Image.Image:  # noqa: ANN401
        drawn.append((images, target))
        return predicted_faces(images, target, *rest)

    monkeypatch.setattr("landmark_lightning.datasets.stored_images.ROWS_AT_ONCE", 3)
    monkeypatch.setattr(evaluate, "predicted_faces", noted)
    done = command("train", "model=nobb", "data.eval_batch_size=3", *QUIET)
    assert done.code == 0, done.err
    run = tmp_path / "runs/synthetic/nobb/seed0"
    assert (run / "surprises.png").is_file()
    records = read_records(run / "predictions.h5")
    test = faces_from(FaceFile.open(tmp_path / "data/synthetic.h5"), "test")
    everyone = input_images(load_task(run / "checkpoints/best.ckpt"), test)
    rows = [
        [int((records.target == face).all(dim=(1, 2)).nonzero()) for face in target]
        for _, target in drawn
    ]
    assert rows[0] == list(range(8))
    assert sorted(rows[1]) == rows[0] != rows[1]
    for (images, _), shown in zip(drawn, rows, strict=True):
        assert torch.equal(images, everyone[shown])


def test_data_dir_is_where_the_faces_have_moved_to(command: Command, tmp_path: Path) -> None:
    """Those of the training, too: last.ckpt has no static prior of its own."""
    assert command("train", "model=nobb", *QUIET).code == 0
    (tmp_path / "data").rename(tmp_path / "moved")
    last = "run=runs/synthetic/nobb/seed0/checkpoints/last.ckpt"
    done = command("evaluate", last, "data_dir=moved")
    assert done.code == 0, done.err
    assert "data/synthetic.h5 does not exist" in command("evaluate", last).err


def test_a_stress_test_stands_beside_the_test(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0
    run = tmp_path / "runs/synthetic/nobb/seed0"
    done = command("evaluate", f"run={run}", "cover=[hand,patch]", "dark=4..5", "blur=1")
    assert done.code == 0, done.err
    folder = run / "evaluations/synthetic"
    content = json.loads((folder / "metrics.json").read_text())
    assert content["subsets"] == json.loads((run / "metrics.json").read_text())["subsets"]
    names = ["clean", "hand", "patch", "blur 1", "dark 4", "dark 5"]
    assert list(content["stress"]["conditions"]) == names
    assert content["stress"]["conditions"]["clean"]["nme"] == content["subsets"]["full"]["nme"]
    shown = [line.split("  ")[0] for line in done.out.splitlines()]
    assert [line for line in shown if line in names] == names
    with Image.open(folder / "stress.png") as sheet:
        assert sheet.height > 5 * 192
    report = command("report", "runs=runs")
    assert report.code == 0, report.err
    assert "synthetic (drawn faces): stress test" in (tmp_path / "report/tables.md").read_text()
    assert command("evaluate", f"run={run}").code == 0
    assert "stress" not in json.loads((folder / "metrics.json").read_text())
    assert not (folder / "stress.png").exists()


def test_a_stress_test_that_can_t_be_is_one_sentence(command: Command, table: Path) -> None:
    wrong = command("evaluate", "run=x", "cover=maks")
    assert "cover='maks' must be some of mask, sunglasses, hand, patch" in wrong.err
    for value in ("0", "6", "2..6", "[1,true]", "1.5"):
        assert (
            "must be severities from 1 to 5" in command("evaluate", "run=x", f"noise={value}").err
        )
    own = table / "own.yaml"
    own.write_text(
        "{name: own, landmarks: 68, mirror: [], normalizers: {box: box}, parts: {mouth: [0]}}"
    )
    data = (
        "dataset=custom",
        "dataset.name=mine",
        f"dataset.root={table}",
        f"dataset.scheme={own}",
    )
    assert command("prepare", *data).code == 0
    tiny = ("network.width=4", "network.hidden=16", "network.side=32", "phases.scale=0.05")
    done = command("train", *data[:2], "model=nobb", "logger.wandb=false", "batch_size=4", *tiny)
    assert done.code == 0, done.err
    done = command("evaluate", "run=runs/mine/nobb/seed0", "cover=mask")
    assert "cover=mask is placed by eyes and mouth, but scheme own names no part eyes" in done.err
    done = command("evaluate", "run=runs/mine/nobb/seed0", "cover=patch")
    assert done.code == 0, done.err


def test_a_table_of_the_predictions(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0
    run = "run=runs/synthetic/nobb/seed0"
    done = command("evaluate", run, "csv=true", "output=there")
    assert done.code == 0, done.err
    assert "metrics.json, predictions.h5, predictions.csv" in done.out
    table = np.genfromtxt(tmp_path / "there/predictions.csv", delimiter=",", names=True)
    assert len(table) == 8 * 68
    boxes = read_records(tmp_path / "there/predictions.h5")
    nme = (
        table["error"].reshape(8, 68).mean(axis=1)
        / (boxes.normalizer[:, 0] * boxes.to_photo[:, 0, 0]).numpy()
    )
    full = json.loads((tmp_path / "there/metrics.json").read_text())["subsets"]["full"]
    assert 100 * nme.mean() == pytest.approx(full["nme"], rel=1e-3)
    assert command("evaluate", run, "output=there").code == 0
    assert not (tmp_path / "there/predictions.csv").exists(), "it would tell of another test"
