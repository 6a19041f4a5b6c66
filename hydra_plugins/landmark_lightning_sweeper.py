"""Hydra takes sweepers from this namespace only; the sweeps are in landmark_lightning."""

from landmark_lightning.commands.study import StudySweep
from landmark_lightning.commands.sweep import Sweep


class GridSweeper(Sweep):
    """``hydra/sweeper=grid``."""


class OptunaSweeper(StudySweep):
    """``hydra/sweeper=optuna``."""
