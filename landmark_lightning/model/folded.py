"""Copies of a network that give the same answers faster, in evaluation mode alone.

They share what they don't change with the trained network, which stays as it is.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.nn.utils.parametrize import is_parametrized

from landmark_lightning.model.network import LandmarkNetwork


def evaluation_copy(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, every batch norm that follows a convolution folded into it."""
    shared = {id(value): value for value in (*network.parameters(), *network.buffers())}
    copied: nn.Module = copy.deepcopy(network, shared).eval()
    for part in copied.modules():
        if isinstance(part, nn.Sequential):
            _fold(part)
    return copied


def scoring_copy(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """An evaluation copy that computes in ``dtype``, in a device's best memory order.

    Args:
        network: Any network.
        device: Where it lies.
        dtype: float32, or bfloat16, for which the copy is to be called under autocast.
    """
    copied = evaluation_copy(network)
    own = type(copied) is LandmarkNetwork and not any(map(is_parametrized, copied.modules()))
    if isinstance(copied, LandmarkNetwork) and own and _has_blocks(device, dtype):
        *layers, last = copied.head
        blocked = nn.Sequential(copied.features, *layers)
        _block(blocked, dtype)
        copied.features = nn.Sequential(_Enter(dtype), blocked, _Leave())
        copied.head = nn.Sequential(last)
        return copied
    for part in copied.modules():
        if isinstance(part, nn.Conv2d) and not is_parametrized(part):
            weight = part.weight.detach().to(dtype, memory_format=torch.channels_last)
            part.weight = nn.Parameter(weight)
            if part.bias is not None:
                part.bias = nn.Parameter(part.bias.detach().to(dtype))
    return copied


def has_bf16(device: torch.device) -> bool:
    """Whether a device has units for bfloat16, which make it the faster kind of number."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def _fold(sequence: nn.Sequential) -> None:
    """Folds every batch norm that comes right after a convolution into it."""
    for place in range(1, len(sequence)):
        before, norm = sequence[place - 1], sequence[place]
        if not isinstance(before, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
            continue
        if is_parametrized(before):  # its weight is computed, not kept
            continue
        if norm.running_mean is not None and norm.running_var is not None:
            before.weight, bias = fuse_conv_bn_weights(
                before.weight, before.bias, norm.running_mean, norm.running_var, norm.eps,
                norm.weight, norm.bias,
            )  # fmt: skip
            before.bias = bias
            sequence[place] = nn.Identity()


def _has_blocks(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether oneDNN's own memory order, blocks of channels, serves here: a tenth less time."""
    fits = dtype == torch.float32 or has_bf16(device)
    return device.type == "cpu" and torch.backends.mkldnn.is_available() and fits


def _block(parent: nn.Module, dtype: torch.dtype) -> None:
    for name, part in parent.named_children():
        if isinstance(part, nn.Conv2d):
            setattr(parent, name, _BlockedConvolution(part, dtype))
        elif isinstance(part, nn.Linear):
            setattr(parent, name, _BlockedLinear(part, dtype))
        else:
            _block(part, dtype)


class _BlockedConvolution(nn.Module):
    """A convolution of tensors in oneDNN's own memory order."""

    def __init__(self, convolution: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        assert convolution.bias is not None
        assert not isinstance(convolution.padding, str)
        self.weight = convolution.weight.detach().to_mkldnn(dtype)
        self.bias = convolution.bias.detach().to_mkldnn()
        self.padding = convolution.padding
        self.stride, self.dilation = convolution.stride, convolution.dilation

    def forward(self, features: Tensor) -> Tensor:
        return torch.mkldnn_convolution(
            features, self.weight, self.bias, self.padding, self.stride, self.dilation, groups=1
        )


class _BlockedLinear(nn.Module):
    """A fully connected layer of tensors in oneDNN's own memory order."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = linear.weight.detach().to_mkldnn(dtype)
        self.bias = linear.bias.detach().to_mkldnn(dtype)

    def forward(self, features: Tensor) -> Tensor:
        return functional.linear(features, self.weight, self.bias)


class _Enter(nn.Module):
    """Into oneDNN's memory order."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, image: Tensor) -> Tensor:
        return image.to_mkldnn(self.dtype)


class _Leave(nn.Module):
    """Out of oneDNN's memory order."""

    def forward(self, features: Tensor) -> Tensor:
        return features.to_dense(torch.float32)
