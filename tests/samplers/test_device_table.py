import math
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from landmark_lightning.samplers.device_table import DeviceTable
from landmark_lightning.samplers.host_table import HostTable
from landmark_lightning.samplers.loss_balancer import LossBalancer

CPU = torch.device("cpu")
SIZE = 12
LOSSES = st.one_of(
    st.floats(0, 1e3), st.sampled_from([0.0, math.nan, math.inf, -math.inf, -2.0, 1e300, 1e-12])
)
UPDATES = st.lists(
    st.lists(st.tuples(st.integers(0, SIZE - 1), LOSSES), min_size=1, max_size=8), max_size=5
)
KNOBS = st.fixed_dictionaries(
    {},
    optional={
        "power": st.sampled_from([0.0, 0.5, 2.0]),
        "floor": st.sampled_from([0.25, 1.0]),
        "start_epoch": st.just(1),
    },
)


@example([], {"power": 0.0, "floor": 0.25}, 0)  # what is unknown to the power 0 is no 1
@given(UPDATES, KNOBS, st.integers(0, 2**20))
@settings(max_examples=150, deadline=None)
def test_it_is_the_balancer_of_the_host(
    updates: list[list[tuple[int, float]]], knobs: dict[str, Any], seed: int
) -> None:
    """The same losses, ages, probabilities and draws, whatever is written to it."""
    host = LossBalancer(SIZE, 5, seed, **knobs)
    device = LossBalancer(SIZE, 5, seed, **knobs).to(CPU, resident=True)
    for number, update in enumerate(updates):
        places, losses = (torch.tensor(column) for column in zip(*update, strict=True))
        for balancer in (host, device):
            balancer.set_epoch(number)
            balancer.update(places, losses.double())
    assert torch.equal(device.losses, host.losses)
    assert device.invalid == host.invalid
    for count in (1, 4, SIZE):
        assert torch.equal(device.oldest(count), host.oldest(count))
    assert torch.allclose(device.probabilities, host.probabilities, rtol=1e-9, atol=1e-15)
    assert device.figures() == pytest.approx(host.figures(), rel=1e-9)
    for ours, theirs in zip(device, host, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(device.draws, host.draws)
    again = LossBalancer(SIZE, 5, seed, **knobs)
    again.load_state_dict(device.state_dict())
    assert torch.equal(again.losses, host.losses)
    assert (again.epoch, again.position) == (host.epoch, host.position)


@given(st.lists(st.floats(0, 1e3), min_size=SIZE, max_size=SIZE), st.floats(0.01, 1))
@settings(max_examples=100, deadline=None)
def test_the_quantile_that_clips_is_that_of_the_known_losses(
    losses: list[float], quantile: float
) -> None:
    host = LossBalancer(SIZE, 5, clip_quantile=quantile)
    device = LossBalancer(SIZE, 5, clip_quantile=quantile).to(CPU, resident=True)
    for known in (SIZE - 5, SIZE):
        for balancer in (host, device):
            balancer.update(torch.arange(known), torch.tensor(losses[:known]).double())
        assert torch.allclose(device.probabilities, host.probabilities, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("knobs", [{}, {"clip_quantile": 0.8}, {"power": 8.0}])
def test_a_balancer_that_moves_goes_on_where_it_was(knobs: dict[str, Any]) -> None:
    """To the device and back, within an epoch: it stays the same object."""
    moved = LossBalancer(SIZE, 5, seed=3, **knobs)
    moved.update(torch.arange(4), torch.tensor([0.0, 1.0, 2.0, 1e30]))
    drawn = next(iter(moved))
    twin = LossBalancer(SIZE, 5, seed=3, **knobs)
    twin.load_state_dict(moved.state_dict())
    assert moved.to(CPU, resident=True) is moved
    assert isinstance(moved.table, DeviceTable)
    table = moved.table
    assert moved.to(CPU, resident=True).table is table  # it is there already
    for balancer in (moved, twin):
        balancer.update(drawn, torch.full((5,), 7.0))
        assert len(list(balancer)) == 2
    assert isinstance(moved.to(CPU).table, HostTable)
    assert torch.allclose(moved.probabilities, twin.probabilities, rtol=1e-9)
    ours_now, expected = moved.state_dict(), twin.state_dict()
    assert ours_now.keys() == expected.keys()
    for name in ("epoch", "position", "losses", "written", "writes", "draws", "invalid"):
        ours, theirs = torch.as_tensor(ours_now[name]), torch.as_tensor(expected[name])
        assert torch.allclose(ours, theirs, rtol=0, equal_nan=True), name


def test_draws_that_are_even_stay_so_within_an_epoch() -> None:
    host, moved = (LossBalancer(SIZE, 5, start_epoch=1) for _ in range(2))
    for balancer in (host, moved):
        balancer.update(torch.arange(SIZE), torch.arange(SIZE) ** 2)
    for epoch in range(2):
        for number, (ours, theirs) in enumerate(zip(moved, host, strict=True)):
            assert torch.equal(ours, theirs)
            moved.to(CPU, resident=bool((epoch + number) % 2))
            assert torch.allclose(moved.probabilities, host.probabilities)


def test_a_saved_state_is_not_written_to() -> None:
    device = LossBalancer(SIZE, 5).to(CPU, resident=True)
    device.update(torch.tensor([3]), torch.tensor([5.0]))
    saved = device.state_dict()
    device.update(torch.tensor([3]), torch.tensor([6.0]))
    next(iter(device))
    assert saved["losses"][3] == 5
    assert not saved["written"][3]
    assert not saved["draws"].any()


def test_a_state_of_other_faces_is_refused() -> None:
    device = LossBalancer(SIZE, 5).to(CPU, resident=True)
    with pytest.raises(ValueError, match="knows 13 faces, the training set has 12"):
        device.load_state_dict(LossBalancer(SIZE + 1, 5).state_dict())
