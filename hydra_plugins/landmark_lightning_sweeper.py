"""Hydra takes sweepers from this namespace only; the sweep itself is in landmark_lightning."""

from landmark_lightning.commands.sweep import Sweep


class GridSweeper(Sweep):
    """``hydra/sweeper=grid``."""
