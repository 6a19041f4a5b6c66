"""landmark-train: trains and tests one cell of an experiment."""

from landmark_lightning.config.schema import Train
from landmark_lightning.training.fit import attend


def run(config: Train) -> None:
    """Trains and tests one run, unless its folder says that this is done."""
    attend(config)
