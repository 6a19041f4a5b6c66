"""landmark-prepare: reads a dataset with its source and writes its FaceFile."""

from landmark_lightning.config.schema import Prepare
from landmark_lightning.datasets.preparation.dataset import prepare_dataset


def run(config: Prepare) -> None:
    """Prepares ``dataset`` into ``data_dir``."""
    prepare_dataset(config.dataset, config.data_dir, config.allow_targets, config.workers)
