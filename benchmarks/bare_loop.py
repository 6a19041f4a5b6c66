"""The training step's rival: the plainest loop that trains the same network on the same faces.

No Lightning, no callbacks, no schedule, no balancing: draw, gather, augment, forward, backward,
clip, step. What a framework adds to this is its price.
"""

import torch
from torch import Tensor, nn

from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.model.losses import Objective


class BareLoop:
    """Trains a network on faces in memory.

    Args:
        images: (N, 1, C, C) uint8 stored crops, on the device.
        landmarks: (N, L, 2) in crop pixels, on the device.
        augmentation: Makes the network's input.
        network: (B, 1, S, S) -> (B, L, 3).
        objective: The loss of each face.
        batch_size: Faces in a batch.
    """

    def __init__(
        self,
        images: Tensor,
        landmarks: Tensor,
        augmentation: Augmentation,
        network: nn.Module,
        objective: Objective,
        batch_size: int = 10,
    ) -> None:
        self.images = images
        self.landmarks = landmarks
        self.augmentation = augmentation.train()
        self.network = network.train()
        self.objective = objective
        self.batch_size = batch_size
        self.optimizer = torch.optim.AdamW(
            network.parameters(), lr=1e-3, weight_decay=5e-4, fused=True
        )

    def run(self, steps: int) -> None:
        """Trains for some steps."""
        for _ in range(steps):
            index = torch.randint(len(self.images), (self.batch_size,), device=self.images.device)
            image, target = self.augmentation(self.images[index], self.landmarks[index])
            prediction = self.network(image)
            loss = self.objective(prediction, target).mean() / prediction[0].numel()
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimizer.step()
