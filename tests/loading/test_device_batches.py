import math
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.device_batches import DeviceDraws
from landmark_lightning.loading.faces import FaceBatches, ResidentFaces
from landmark_lightning.samplers.device_table import DeviceBalancer
from landmark_lightning.samplers.loss_balancer import LossBalancer
from tests.training.recorded_graph import refuse_new_values

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
    device = DeviceBalancer(LossBalancer(SIZE, 5, seed, **knobs), CPU)
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
    assert device.effective_sample_size == pytest.approx(host.effective_sample_size, rel=1e-9)
    assert device.largest_probability == pytest.approx(host.largest_probability, rel=1e-9)
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
    device = DeviceBalancer(LossBalancer(SIZE, 5, clip_quantile=quantile), CPU)
    for known in (SIZE - 5, SIZE):
        for balancer in (host, device):
            balancer.update(torch.arange(known), torch.tensor(losses[:known]).double())
        assert torch.allclose(device.probabilities, host.probabilities, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("knobs", [{}, {"clip_quantile": 0.8}, {"power": 8.0}])
def test_it_goes_on_where_the_host_was_and_gives_the_losses_back(knobs: dict[str, Any]) -> None:
    host = LossBalancer(SIZE, 5, seed=3, **knobs)
    host.update(torch.arange(4), torch.tensor([0.0, 1.0, 2.0, 1e30]))
    drawn = next(iter(host))
    twin = LossBalancer(SIZE, 5, seed=3, **knobs)
    twin.load_state_dict(host.state_dict())
    device = DeviceBalancer(host, CPU)
    for balancer in (device, twin):
        balancer.update(drawn, torch.full((5,), 7.0))
        assert len(list(balancer)) == 2
    back = device.on_host()
    assert back is host
    assert torch.allclose(back.probabilities, twin.probabilities, rtol=1e-9)
    expected = twin.state_dict()
    for name in ("epoch", "position", "losses", "written", "writes", "draws", "invalid"):
        ours, theirs = torch.as_tensor(host.state_dict()[name]), torch.as_tensor(expected[name])
        assert torch.allclose(ours, theirs, rtol=0, equal_nan=True), name


def test_a_saved_state_is_not_written_to() -> None:
    device = DeviceBalancer(LossBalancer(SIZE, 5), CPU)
    device.update(torch.tensor([3]), torch.tensor([5.0]))
    saved = device.state_dict()
    device.update(torch.tensor([3]), torch.tensor([6.0]))
    next(iter(device))
    assert saved["losses"][3] == 5
    assert not saved["written"][3]
    assert not saved["draws"].any()


def test_a_state_of_other_faces_is_refused() -> None:
    device = DeviceBalancer(LossBalancer(SIZE, 5), CPU)
    with pytest.raises(ValueError, match="knows 13 faces, the training set has 12"):
        device.load_state_dict(LossBalancer(SIZE + 1, 5).state_dict())


@pytest.mark.parametrize("refresh", ["none", "online"])
@pytest.mark.parametrize("batches_at_once", [2, 1024])
@pytest.mark.parametrize("in_step", [False, True])
def test_batches_are_those_that_the_host_draws(
    dots: FaceFile,
    refresh: str,
    batches_at_once: int,
    in_step: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over epochs, a stretch that ends within one and a run that goes on within one."""
    monkeypatch.setattr("landmark_lightning.samplers.loss_balancer.STRETCH", batches_at_once)
    host, ours = (FaceDataModule(dots, 10, {"refresh": refresh}, seed=5) for _ in range(2))
    draws = ours.draw_on(CPU, in_step)
    assert draws is not None
    assert ours.train_dataloader() is draws
    batches = host.train_dataloader()
    assert isinstance(batches, FaceBatches)
    losses = torch.arange(54).square()
    if refresh == "online":
        for module in (host, ours):
            module.balancer.update(torch.arange(54), losses)
    for epoch in range(3):
        for number, (told, expected) in enumerate(zip(draws, batches, strict=True)):
            batch = draws.batch(len(told["index"])) if in_step else told
            assert batch.keys() == expected.keys()
            for name, value in batch.items():
                assert torch.equal(value, expected[name]), name
            assert torch.equal(told["index"], batch["index"])  # filled by now
            if epoch == 1 and number == 3:  # a part of a stretch is over
                break
        if epoch == 1:
            for module in (host, ours):
                module.load_state_dict(module.state_dict())
    ours.draw_on_host()
    assert isinstance(ours.train_dataloader(), FaceBatches)


def test_images_elsewhere_are_not_drawn_on_the_device(dots: FaceFile) -> None:
    streamed = FaceDataModule(dots, residency="stream")
    assert streamed.draw_on(CPU) is None
    assert FaceDataModule(dots).draw_on(torch.device("meta")) is None
    assert isinstance(streamed.train_dataloader(), FaceBatches)


@pytest.mark.parametrize(
    "knobs", [{}, {"power": 0.5, "floor": 0.1}, {"clip_quantile": 0.9, "start_epoch": 2}]
)
def test_nothing_is_read_on_the_host_nor_brought_from_it(
    dots: FaceFile, knobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors without values: to read one, or to mix it with one of the host, is an error."""
    module = FaceDataModule(dots, 10)
    faces, meta = module.train_faces, torch.device("meta")
    assert isinstance(faces, ResidentFaces)
    balancer = DeviceBalancer(LossBalancer(54, 10, **knobs), CPU)
    draws = DeviceDraws(balancer, faces, CPU, in_step=True)
    told = next(iter(draws))
    for holder in (balancer, draws):
        for name, value in vars(holder).items():
            if isinstance(value, torch.Tensor):
                setattr(holder, name, value.to(meta))
        holder.device = meta
    faces.to(meta)
    refuse_new_values(monkeypatch)
    batch = draws.batch(len(told["index"]))
    assert all(value.device == meta for value in batch.values())
    balancer.update(batch["index"], torch.zeros(10, device=meta))
    monkeypatch.undo()
    with pytest.raises(RuntimeError):
        balancer.draws.sum().item()
