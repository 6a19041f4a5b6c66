"""A training whose losses are no numbers any more ends, and says on which faces it began."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from landmark_lightning.distributed import gathered, summed
from landmark_lightning.errors import UserError
from landmark_lightning.terminal import shown
from landmark_lightning.training.balancing import datamodule_of

NAMED = 3
"""Photos that the error names."""


class Divergence(Callback):
    """Ends a training whose last losses are not finite, and names the first such batch.

    The losses stay on the device; the host asks once in ``every`` steps, and before validation,
    which else would say that nothing is known. A loss that is not finite once, and is again, goes
    by.

    Args:
        every: Steps between two questions.
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.drawn: list[Tensor] = []
        self.losses: list[Tensor] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:  # noqa: ANN401
        """Keeps a step's losses; asks when it is time.

        Raises:
            UserError: The training diverged.
        """
        outputs, batch, _ = args
        drawn = batch.get("drawn", batch["index"])
        # Copies, since a graph writes the next step's to the same place.
        self.drawn.append(drawn.clone())
        self.losses.append((outputs["coordinates"] + outputs["validation"]).clone())
        if len(self.losses) >= self.every:
            self._ask(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Asks before the metrics meet predictions that are no numbers.

        Raises:
            UserError: The training diverged.
        """
        self._ask(trainer)

    def _ask(self, trainer: Trainer) -> None:
        drawn, losses = self.drawn, self.losses
        self.drawn, self.losses = [], []
        if not losses:
            return
        bad = summed(torch.stack([(~each.isfinite()).sum() for each in losses])).tolist()
        if not bad[-1]:
            return
        first = max((k + 1 for k, count in enumerate(bad) if not count), default=0)
        wrong = ~gathered(losses[first], len(drawn[first])).isfinite()
        photos = datamodule_of(trainer).train_faces.photo
        named = [shown(photos[face]) for face in drawn[first][wrong].tolist()]
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        raise UserError(
            "the training diverged: its losses are no numbers since step "
            f"{trainer.global_step - len(losses) + first + 1}, there on the faces of "
            f"{', '.join(named[:NAMED])}{more}; look at them, or start it again with a lower "
            "phases.lr and rerun=true"
        )
