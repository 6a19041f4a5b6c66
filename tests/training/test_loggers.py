import csv
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from landmark_lightning.config.compose import compose
from landmark_lightning.errors import UserError
from landmark_lightning.files import write_text
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.training.loggers import (
    RunLogger,
    csv_logger,
    is_curve,
    start_curves,
    summary_figures,
    tensorboard_logger,
)

CONFIG = compose(
    "dataset=custom", "dataset.name=dots", "model=bb", "seed=3", "logger.project=study",
    f"logger.tags=[{'x' * 90},'']",
)  # fmt: skip


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_resumed_run_keeps_its_curve_up_to_the_checkpoint(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first = csv_logger(folder)
    start_curves(first, folder, None)
    for step in range(5):
        first.log_metrics({"loss": float(step)}, step=step)
    first.save()
    with folder.curves.open("a") as lines:
        lines.write("2.5\n")  # cut short before its step, as by a full disk
    torch.save({"global_step": 3, "state_dict": {}}, tmp_path / "last.ckpt")
    again = csv_logger(folder)
    start_curves(again, folder, tmp_path / "last.ckpt")
    assert [row["step"] for row in _rows(folder.curves)] == ["0", "1", "2"]  # at every moment
    again.log_metrics({"loss": 30.0, "nme": 1.0}, step=3)
    again.save()
    rows = _rows(folder.curves)
    assert [(row["step"], row["loss"]) for row in rows] == [
        ("0", "0.0"), ("1", "1.0"), ("2", "2.0"), ("3", "30.0")
    ]  # fmt: skip


def test_a_curve_is_whole_while_a_column_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path)
    logger = csv_logger(folder)
    start_curves(logger, folder, None)
    logger.log_metrics({"loss": 1.0}, step=0)
    logger.save()
    logger.log_metrics({"loss": 2.0, "nme": 1.0}, step=1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(csv.DictWriter, "writerows", killed)
        with pytest.raises(KeyboardInterrupt):
            logger.save()
    assert [(row["step"], row["loss"]) for row in _rows(folder.curves)] == [("0", "1.0")]


def test_a_new_run_starts_its_curve_anew(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for value in (1.0, 2.0):
        logger = csv_logger(folder)
        start_curves(logger, folder, None)
        logger.log_metrics({"loss": value}, step=0)
        logger.save()
    assert [row["loss"] for row in _rows(folder.curves)] == ["2.0"]


def test_wandb_names_and_tags(tmp_path: Path) -> None:
    logger = RunLogger(RunFolder(tmp_path / "run"), CONFIG, "box")
    start = logger._wandb_init
    assert start["name"] == "dots-bb-s3"
    assert (start["group"], start["job_type"]) == ("dots", "bb")
    assert start["tags"] == ["bb", "dots", "seed3", "x" * 64]
    assert start["config"]["seed"] == 3
    assert logger._offline


def test_a_run_keeps_its_id_until_it_is_run_anew(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    first = RunLogger(folder, CONFIG, "box")
    assert not folder.path.exists()
    write_text(folder.wandb_id, f"{first.version}\n")
    assert RunLogger(folder, CONFIG, "box").version == first.version
    anew = RunLogger(folder, replace(CONFIG, rerun=True), "box")
    assert anew.version != first.version
    folder.clear()
    assert RunLogger(folder, CONFIG, "box").version not in (first.version, anew.version)


def test_curves_are_what_one_looks_at() -> None:
    shown = {
        "train/lr", "balancing/top_1_percent", "epoch", "val/nme", "val/label_offset",
        "val/nme/hard/box", "val/discard_30/full/box", "val/discard_oracle_30/full/box",
        "val/spearman/full/pixels", "val/ause/full/box", "mine/first/of/all",
        "val/nme/a/b/box",
    }  # fmt: skip
    others = {
        "val/nme/full/box", "val/nme/full/eyes", "val/nme/hard/eyes", "val/discard_10/full/box",
        "val/discard_oracle_20/full/box", "val/discard_30/hard/box", "val/spearman/hard/pixels",
    }  # fmt: skip
    assert {name for name in shown | others if is_curve(name, "box")} == shown


def test_summary_figures_are_flat_and_without_nulls() -> None:
    content = {
        "epochs": 2,
        "epochs_trained": 1.5,
        "train_seconds": 1.5,
        "rescore_seconds": None,
        "validation_nme": 6.5,
        "fps": {"batch_1": 90.5, "device": "CPU, 1 thread"},
        "subsets": {"full": {"nme": 6.0, "spearman": None, "discard": {"30": 5.0}}},
    }
    assert summary_figures(content) == {
        "validation_nme": 6.5,
        "test/epochs": 2,
        "test/epochs_trained": 1.5,
        "test/train_seconds": 1.5,
        "test/fps_batch_1": 90.5,
        "test/full/nme": 6.0,
        "test/full/discard/30": 5.0,
    }


def test_tensorboard_that_is_missing_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("Neither `tensorboard` nor `tensorboardX` is available")

    monkeypatch.setattr("landmark_lightning.training.loggers.TensorBoardLogger", missing)
    with pytest.raises(UserError, match=r"pip install 'landmark-lightning\[tensorboard\]'"):
        tensorboard_logger(RunFolder(tmp_path), None)


def test_tensorboard_drops_what_lies_behind_the_checkpoint(tmp_path: Path) -> None:
    folder, checkpoint = RunFolder(tmp_path), tmp_path / "last.ckpt"
    torch.save({"global_step": 3, "state_dict": {}}, checkpoint)
    for resumed in (None, checkpoint):
        logger = tensorboard_logger(folder, resumed)
        for step in range(3 if resumed else 0, 5):
            logger.log_metrics({"loss": step + (10.0 if resumed else 0.0)}, step=step)
        logger.finalize("success")
    events = EventAccumulator(str(folder.tensorboard)).Reload()
    assert [event.value for event in events.Scalars("loss")] == [0, 1, 2, 13, 14]


def test_other_loggers_are_refused() -> None:
    assert compose("model=bb").logger.also is None
    with pytest.raises(UserError, match=r"logger.also=\['mlflow'\] must be a list of tensorboard"):
        compose("logger.also=[mlflow]")
