"""What is checked of a composed configuration before anything heavy is loaded."""

from collections.abc import Callable, Mapping
from typing import Any

from landmark_lightning.config.limits import check, check_all
from landmark_lightning.config.read import check_folder, check_kinds, check_path
from landmark_lightning.runs.folder import RunFolder, checkpoint_of

MAPPINGS = (
    "dataset", "model", "model.balancing", "network", "phases", "phases.optimizer",
    "augmentation", "trainer", "logger", "data",
)  # fmt: skip
LISTS = ("phases.list", "augmentation.extra", "logger.tags", "allow_targets", "callbacks")
"""Settings of train.yaml that are mappings, and those that are lists."""


def check_training(config: Mapping[str, Any]) -> None:
    """Checks the settings of landmark-train.

    Raises:
        UserError: The first one that is wrong; it is named.
    """
    check_kinds(config, MAPPINGS, LISTS)
    for name in ("data_dir", "runs_dir"):
        check_folder(config[name], name)
    check_all(config)
    RunFolder.of(config)


def _check_run(config: Mapping[str, Any]) -> None:
    check_kinds(config, (), ("allow_targets",))
    checkpoint_of(config["run"])


def _check_runs(config: Mapping[str, Any]) -> None:
    runs = check_path(config["runs"], "runs")
    check_folder(config["output"], "output")
    if not runs.is_dir():
        raise FileNotFoundError(f"runs={runs} is no folder; landmark-train writes runs")


def _check_preparing(config: Mapping[str, Any]) -> None:
    check_kinds(config, ("dataset",), ("allow_targets",))
    check_folder(config["data_dir"], "data_dir")
    for name in ("strict", "drawn", "max_rejected", "exif", "follow_links", "max_pixels"):
        check(f"dataset.{name}", config["dataset"][name])
    check("workers", config["workers"])


CHECKS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "train": check_training,
    "prepare": _check_preparing,
    "evaluate": _check_run,
    "export": _check_run,
    "report": _check_runs,
}
"""By command."""
