"""LandmarkNetwork: the small grayscale CNN of Figure 3."""

import torch
from torch import Tensor, nn

from landmark_lightning.config import schema
from landmark_lightning.config.limits import whole
from landmark_lightning.config.read import check
from landmark_lightning.errors import UserError


def _convolution(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (B, inputs, H, W) -> (B, outputs, H', W')."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, outputs, 3, stride),
            nn.ReLU(inplace=True),
            *_convolution(outputs, outputs, 3, 1),
        )
        same = inputs == outputs and stride == 1
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*_convolution(inputs, outputs, 1, stride))
        )

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        added: Tensor = self.body(features).add_(self.shortcut(features))
        return added.relu_()


class LandmarkNetwork(nn.Module):
    """A 7x7 convolution, three residual blocks and two fully connected layers (Figure 3).

    The last layer's output is the pixel itself, without any scale: x, y and the validation signal
    of each landmark side by side, as in Eq. 3, and with coverage a fourth value.

    Args:
        landmarks: Number of landmarks L.
        outputs: Values a landmark: 4 (x, y, validation signal, logit of being covered), 3 without
            coverage, or 2 without validation.
        side: Side S of the input, a multiple of 16.
        width: Channels of the first block; the next have two and four times as many.
        hidden: Width of the first fully connected layer.

    Raises:
        UserError: A value that is not a whole number of the right range; it is named.
    """

    def __init__(
        self, landmarks: int, outputs: int, side: int = 64, width: int = 64, hidden: int = 512
    ) -> None:
        super().__init__()
        whole(1).check(landmarks, "landmarks")
        check(schema.Network, side=side, width=width, hidden=hidden)
        if outputs not in (2, 3, 4):
            raise UserError(
                f"outputs={outputs!r} must be 2, 3 with validation, or 4 with coverage, too"
            )
        self.landmarks = landmarks
        self.outputs = outputs
        self.side = side
        self.features = nn.Sequential(
            *_convolution(1, width, 7, 2),
            nn.MaxPool2d(2),  # before the ReLU it gives the same and leaves it a quarter to do
            nn.ReLU(inplace=True),
            ResidualBlock(width, width, 1),
            ResidualBlock(width, 2 * width, 2),
            ResidualBlock(2 * width, 4 * width, 2),
        )
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(4 * width * (side // 16) ** 2, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, landmarks * outputs),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Landmarks of faces.

        Args:
            image: (B, 1, S, S) in [-1, 1].

        Returns:
            (B, L, outputs): x, y and validation signal in input pixels, logit of being covered.
        """
        *layers, last = self.head
        assert isinstance(last, nn.Linear)
        hidden = self.features(image)
        for layer in layers:
            hidden = layer(hidden)
        # A bfloat16 has 8 bits: too few to name one of 64 pixels well. The last layer keeps all.
        with torch.autocast(image.device.type, enabled=False):
            output: Tensor = last(hidden.to(last.weight.dtype))
        return output.unflatten(1, (self.landmarks, self.outputs))

    @torch.no_grad()
    def start_at(self, landmarks: Tensor) -> None:
        """Sets the last bias so that an untrained network answers near this shape.

        Args:
            landmarks: (L, 2) in input pixels.
        """
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        last.bias.view(self.landmarks, self.outputs)[:, :2] = landmarks
