"""What is checked of a command's settings before anything heavy is loaded."""

from pathlib import Path
from typing import Any

from landmark_lightning.config.command_schemas import (
    Calibrate,
    Evaluate,
    Export,
    Inspect,
    Predict,
    Report,
)
from landmark_lightning.config.schema import Prepare, Train
from landmark_lightning.errors import UserError, did_you_mean
from landmark_lightning.runs.folder import RunFolder, checkpoint_of, run_of

FOLDERS = {
    "train": ("data_dir", "runs_dir"), "prepare": ("data_dir",), "inspect": ("data_dir", "output"),
    "evaluate": ("output",), "report": ("output",), "predict": ("output",),
}  # fmt: skip
"""Settings that are folders, or such as can be made, by command."""


def check_settings(command: str, config: Any) -> None:  # noqa: ANN401
    """Checks what a command's settings name: files, folders, and what builds a dataset.

    Raises:
        FileNotFoundError: There is nothing to read.
        UserError: A setting that can't be used; it is named.
    """
    for name in FOLDERS.get(command, ()):
        path = getattr(config, name)
        way = () if path is None else (path, *path.parents)
        if found := next((p for p in way if p.exists() and not p.is_dir()), None):
            raise UserError(f"{name}={path}: {found} is a file; name a folder")
    if isinstance(config, (Calibrate, Evaluate, Export, Predict)):
        checkpoint_of(config.run)
    if isinstance(config, Report) and not config.runs.is_dir():
        raise UserError(f"runs={config.runs} is no folder; landmark-train writes runs")
    if isinstance(config, (Calibrate, Evaluate, Inspect, Prepare)):
        _check_dataset(config)
    if isinstance(config, Calibrate):
        _check_detector(config.detector)
    if isinstance(config, Export):
        output = config.output or run_of(config.run).onnx
        if output.is_dir():
            raise UserError(
                f"output={output} is a folder; name the file to write, such as model.onnx"
            )
        if output.suffix != ".onnx":
            raise UserError(
                f"output={output} must end in .onnx, so that no other file is replaced"
            )
    if isinstance(config, Predict):
        _check_boxes(config)


def _check_dataset(config: Calibrate | Evaluate | Inspect | Prepare) -> None:
    """Checks the dataset that settings name, if they name one."""
    from landmark_lightning.datasets.preparation.prepared import check_prepared
    from landmark_lightning.datasets.preparation.settings import check_dataset, check_training_set

    if isinstance(config, Train):
        check_training_set(config)
        resumed = RunFolder.of(config).last.is_file() and not config.rerun
        if config.init_from is not None and not resumed:
            checkpoint_of(config.init_from, "init_from")
    elif config.dataset is not None:
        check_dataset(config.dataset, config.allow_targets, reading=isinstance(config, Prepare))
        if not isinstance(config, Prepare) and config.data_dir is not None:
            check_prepared(config.dataset, config.data_dir)


def _check_boxes(config: Predict) -> None:
    """Checks how the faces of photos are found."""
    if config.boxes == "detector":
        _check_detector(config.detector)
    elif config.boxes != "whole" and not Path(config.boxes).is_file():
        raise FileNotFoundError(
            f"boxes={config.boxes} does not exist; name a CSV file, or say detector or whole"
            + did_you_mean(config.boxes, ("detector", "whole"))
        )


def _check_detector(name: str | None) -> None:
    from landmark_lightning.datasets.detectors import check_detector

    if name is not None:
        check_detector(name)
