"""The rival of the whole stack: how a training is written when nobody asks what a step costs.

Faces come one by one out of the HDF5 file, kornia's modules augment them, and Lightning logs the
loss at every step.
"""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from benchmarks.kornia_container import kornia_container
from landmark_lightning.model.losses import Objective


class NaiveTask(pl.LightningModule):
    """Trains a network.

    Args:
        network: (B, 1, S, S) -> (B, L, 3).
        side: Pixels S of its input.
    """

    def __init__(self, network: nn.Module, side: int) -> None:
        super().__init__()
        self.network = network
        self.augmentation = kornia_container(side)
        self.objective = Objective("l2", "manhattan")

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """One step on (B, C, C) uint8 images and (B, L, 2) landmarks."""
        images, landmarks = batch
        image, target = self.augmentation(images[:, None].to(torch.float32) / 255, landmarks)
        coordinates, validation = self.objective.parts(self.network(image * 2 - 1), target)
        loss = (coordinates + validation).mean()
        self.log("train/loss", loss)
        self.log("train/loss_coordinates", coordinates.mean())
        self.log("train/loss_validation", validation.mean())
        return loss

    def configure_optimizers(self) -> Any:  # noqa: ANN401
        """AdamW, its rate set at every step."""
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-5, weight_decay=5e-4)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
