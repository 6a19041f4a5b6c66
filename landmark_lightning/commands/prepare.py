"""landmark-prepare: reads a dataset with its source and writes its FaceFile."""

from collections.abc import Mapping
from typing import Any

from landmark_lightning.config.read import check_path
from landmark_lightning.datasets.preparation.dataset import prepare_dataset


def run(config: Mapping[str, Any]) -> None:
    """Prepares ``dataset`` into ``data_dir``."""
    data_dir = check_path(config["data_dir"], "data_dir")
    prepare_dataset(config["dataset"], data_dir, config["allow_targets"], config["workers"])
