from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from landmark_lightning.model.folded import evaluation_copy, has_bf16, scoring_copy
from landmark_lightning.model.network import LandmarkNetwork

CPU = torch.device("cpu")


def _network() -> LandmarkNetwork:
    """A small one whose batch norms have statistics of their own."""
    network = LandmarkNetwork(5, 3, side=32, width=4, hidden=16).train()
    for _ in range(3):
        network(torch.randn(8, 1, 32, 32) * 2 + 1)
    return network


def test_the_evaluation_copy_has_no_batch_norm_and_the_same_answers() -> None:
    network = _network()
    copied = evaluation_copy(network)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in copied.modules())
    image = torch.randn(4, 1, 32, 32)
    with torch.no_grad():
        assert torch.allclose(copied(image), network.eval()(image), atol=1e-5)


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_scoring_copy_gives_the_same_answers_in_batches_of_any_size(
    dtype: torch.dtype, blocks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With oneDNN's memory order, where this machine has it, and without."""
    if not blocks:
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    network = _network()
    low = dtype == torch.bfloat16
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
        copied = scoring_copy(network, CPU, dtype)
        network.eval()
        for faces in (1, 7, 64):
            image = torch.randn(faces, 1, 32, 32)
            with torch.autocast("cpu", enabled=False):  # else the rival were rough too
                expected = network(image)
            answer = copied(image)
            assert answer.dtype == torch.float32
            assert torch.allclose(answer, expected, atol=0.05 if low else 1e-5)


def test_copying_leaves_the_network_as_it_was() -> None:
    """Also its memory order, and that its weights are its own."""
    network = _network()
    for weight in network.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    kept = {name: (value.data_ptr(), value.stride()) for name, value in network.named_parameters()}
    for dtype in (torch.float32, torch.bfloat16):
        scoring_copy(network, CPU, dtype)
        scoring_copy(network.features, CPU, dtype)  # no LandmarkNetwork: another memory order
    assert network.training
    for name, value in network.named_parameters():
        assert (value.data_ptr(), value.stride()) == kept[name]
        assert value.dtype == torch.float32
        assert value.requires_grad
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_evaluation_copy_shares_what_it_does_not_change() -> None:
    network = _network()
    copied = evaluation_copy(network)
    shared = {id(value) for value in copied.parameters()} & {id(v) for v in network.parameters()}
    assert shared == {id(value) for value in network.head.parameters()}


def test_a_network_without_batch_norm_is_copied_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten())
    image = torch.randn(4, 1, 8, 8)
    for copied in (evaluation_copy(network), scoring_copy(network, CPU, torch.float32)):
        assert torch.allclose(copied(image), network(image), atol=1e-6)


class _Grouped(LandmarkNetwork):
    """Somebody's own: grouped convolutions, a norm and an activation that are not ours."""

    def __init__(self) -> None:
        super().__init__(5, 3, side=32, width=4, hidden=16)
        grouped = nn.Conv2d(4, 4, 3, padding="same", groups=2, bias=False)
        self.features.insert(4, nn.Sequential(grouped, nn.GroupNorm(2, 4), nn.SiLU()))


@pytest.mark.parametrize("make", [_Grouped, lambda: weight_norm_of(_network())])
def test_a_network_of_one_s_own_is_copied_with_care(make: Callable[[], nn.Module]) -> None:
    network = make().eval()
    image = torch.randn(4, 1, 32, 32)
    with torch.no_grad():
        expected = network(image)
        for copied in (evaluation_copy(network), scoring_copy(network, CPU, torch.float32)):
            assert torch.allclose(copied(image), expected, atol=1e-5)


def weight_norm_of(network: LandmarkNetwork) -> LandmarkNetwork:
    """Two convolutions whose weights are computed from others."""
    weight_norm(network.features[0])
    weight_norm(network.get_submodule("features.4.body.0"))
    return network


def test_a_batch_norm_that_follows_no_convolution_stays() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3), nn.Flatten()).eval()
    copied = scoring_copy(network, CPU, torch.float32)
    assert isinstance(copied, nn.Sequential)
    assert isinstance(copied[0], nn.BatchNorm2d)
    assert copied.get_parameter("1.weight").is_contiguous(memory_format=torch.channels_last)
    image = torch.randn(4, 1, 8, 8)
    assert torch.allclose(copied(image), network(image), atol=1e-6)


def test_no_units_for_bf16_on_a_device_without_numbers() -> None:
    assert not has_bf16(torch.device("meta"))
