"""What is checked of a composed configuration before anything heavy is loaded."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from landmark_lightning.limits import check_all
from landmark_lightning.run_folder import RunFolder
from landmark_lightning.settings import check_kinds

MAPPINGS = (
    "dataset", "model", "model.balancing", "network", "phases", "phases.optimizer",
    "augmentation", "trainer", "logger", "data",
)  # fmt: skip
LISTS = ("phases.list", "augmentation.extra", "logger.tags", "allow_targets", "callbacks")
"""Settings of train.yaml that are mappings, and those that are lists."""


def check_training(config: Mapping[str, Any]) -> None:
    """Checks the settings of landmark-train.

    Raises:
        ValueError: The first one that is wrong; it is named.
    """
    check_kinds(config, MAPPINGS, LISTS)
    check_all(config)
    RunFolder.of(config)


def checkpoint_of(run: str) -> Path:
    """The checkpoint that ``run=`` means: the file itself, or the best one of a run's folder.

    Raises:
        FileNotFoundError: There is none.
    """
    given = Path(run)
    checkpoint = given if given.is_file() else RunFolder(given).best
    if not checkpoint.is_file():
        raise FileNotFoundError(f"run={given} is neither a checkpoint nor a run's folder with one")
    return checkpoint


def _check_run(config: Mapping[str, Any]) -> None:
    checkpoint_of(config["run"])


CHECKS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "train": check_training,
    "evaluate": _check_run,
    "export": _check_run,
}
"""By command; the others load little."""
