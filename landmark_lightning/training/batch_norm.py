"""Batch normalization over the global batch that several processes share."""

from typing import Any

import torch
from pytorch_lightning.plugins import LayerSync
from torch import Tensor, nn

from landmark_lightning.distributed import summed


class _Sum(torch.autograd.Function):
    """Sum over the ranks; the gradients of all ranks' losses meet in the backward pass."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:  # noqa: ANN401
        return summed(mine)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        return summed(gradient)


class GlobalBatchNorm(nn.BatchNorm2d):
    """Batch normalization by mean and variance of the global batch, on any device.

    torch's own SyncBatchNorm is for accelerators only.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any (B, C, ...)."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, ...) to the same; B may be 0 on some ranks."""
        if not self.training:
            return super().forward(input)
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        axes = [0, *range(2, input.dim())]
        shape = [1, -1, *[1] * (input.dim() - 2)]
        count = values.new_tensor([values.numel() / self.num_features])
        sums: Tensor = _Sum.apply(torch.cat([values.sum(axes), count]))  # type: ignore[no-untyped-call]
        total = sums[-1].detach()
        mean = sums[:-1] / total
        centered = values - mean.view(shape)
        squares: Tensor = _Sum.apply(centered.square().sum(axes))  # type: ignore[no-untyped-call]
        variance = squares / total
        self._remember(mean.detach(), variance.detach() * (total / (total - 1)))
        output = centered * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            output = output * self.weight.view(shape) + self.bias.view(shape)
        return output.to(input.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum or 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


class GlobalBatchNorms(LayerSync):
    """Lets every batch normalization of a model see the global batch while it is trained."""

    def __init__(self) -> None:
        self.kinds: dict[nn.Module, type[nn.Module]] = {}

    def apply(self, model: nn.Module) -> nn.Module:
        """Changes the layers' class, and nothing else: weights and names stay."""
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                self.kinds[module] = type(module)
                module.__class__ = GlobalBatchNorm
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Gives the layers their class back."""
        for module, kind in self.kinds.items():
            module.__class__ = kind
        self.kinds.clear()
        return model
