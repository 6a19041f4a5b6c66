from typing import Any

import pytest
import torch

from landmark_lightning.model.network import LandmarkNetwork


def _last(network: LandmarkNetwork) -> torch.nn.Linear:
    last = network.head[-1]
    assert isinstance(last, torch.nn.Linear)
    return last


@pytest.mark.parametrize("outputs", [2, 3, 4])
@pytest.mark.parametrize("side", [32, 64])
def test_shapes(outputs: int, side: int) -> None:
    network = LandmarkNetwork(5, outputs, side=side, width=4, hidden=8)
    assert network(torch.zeros(3, 1, side, side)).shape == (3, 5, outputs)


def test_the_paper_s_size() -> None:
    """Section 5: 3 * 68 = 204 outputs; 64, 128 and 256 channels."""
    network = LandmarkNetwork(68, 3)
    assert _last(network).out_features == 204
    convolutions = [m for m in network.features.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions if c.kernel_size != (1, 1)] == [
        64, 64, 64, 128, 128, 256, 256
    ]  # fmt: skip
    assert convolutions[0].kernel_size == (7, 7)


def test_outputs_interleave_as_in_eq_3() -> None:
    network = LandmarkNetwork(2, 3, side=16, width=4, hidden=8).eval()
    with torch.no_grad():
        _last(network).weight.zero_()
        _last(network).bias.copy_(torch.arange(6.0))
    output = network(torch.rand(1, 1, 16, 16))
    assert output.tolist() == [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]


@pytest.mark.parametrize("outputs", [2, 3, 4])
def test_starts_at_a_shape(outputs: int) -> None:
    network = LandmarkNetwork(2, outputs, side=16, width=4, hidden=8).eval()
    shape = torch.tensor([[3.0, 4.0], [9.0, 8.0]])
    network.start_at(shape)
    with torch.no_grad():
        _last(network).weight.zero_()
    assert torch.equal(network(torch.rand(1, 1, 16, 16))[0, :, :2], shape)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"width": "abc"}, "width='abc'"),
        ({"width": 0}, "width=0"),
        ({"hidden": 1.5}, r"hidden=1\.5"),
        ({"side": 60}, "side=60 must be a multiple of 16"),
        ({"outputs": 5}, "outputs=5"),
    ],
)
def test_a_wrong_size_is_named(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LandmarkNetwork(**({"landmarks": 5, "outputs": 3} | knobs))
