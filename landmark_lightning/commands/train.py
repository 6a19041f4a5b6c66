"""landmark-train: trains and tests one cell of an experiment."""

from typing import Any

from landmark_lightning.training.fit import train


def run(config: dict[str, Any]) -> None:
    """Trains and tests one run, unless its folder says that this is done."""
    train(config)
