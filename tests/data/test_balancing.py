import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from landmark_lightning.data.balancing import (
    BatchSampler,
    LossBalancer,
    effective_sample_size,
    loss_proportional,
)


def _literal(losses: list[float], u: float) -> int:
    """Eq. 1 word by word: the smallest k whose sum of losses reaches the drawn value."""
    drawn = u * math.fsum(losses)
    for k in range(len(losses)):
        if math.fsum(losses[: k + 1]) >= drawn:
            return k
    return len(losses) - 1


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any), st.data())
def test_equals_the_literal_definition(losses: list[int], data: st.DataObject) -> None:
    # Whole losses and 2^-k uniforms make every sum and product exact.
    uniforms = data.draw(st.lists(st.integers(1, 2**20), min_size=1, max_size=30))
    u = torch.tensor(uniforms, dtype=torch.float64) / 2**20
    drawn = loss_proportional(torch.tensor(losses, dtype=torch.float64), u)
    expected = [_literal([float(v) for v in losses], float(value)) for value in u]
    assert drawn.tolist() == expected


def test_a_million_draws_follow_the_losses() -> None:
    losses = torch.from_numpy(np.random.default_rng(0).lognormal(0.0, 1.5, 5000))
    balancer = LossBalancer(5000, 100, seed=3)
    balancer.update(torch.arange(5000), losses)
    for _ in range(200):
        for _ in balancer:
            pass
    assert int(balancer.draws.sum()) == 1_000_000
    expected = (losses / losses.sum() * 1_000_000).numpy()
    # Chi-square needs about five expected draws a cell: pool the faces below that.
    seen = balancer.draws.numpy()
    rare = expected < 5
    seen = np.append(seen[~rare], seen[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 0.001


def test_an_update_is_obeyed_by_the_very_next_batch() -> None:
    balancer = LossBalancer(100, 10, seed=0)
    batches = iter(balancer)
    assert len(set(next(batches).tolist())) > 1
    balancer.update(torch.arange(100), torch.nn.functional.one_hot(torch.tensor(42), 100))
    assert set(next(batches).tolist()) == {42}
    balancer.update(torch.tensor([42, 7]), torch.tensor([0.0, 1.0]))
    assert set(next(batches).tolist()) == {7}


def test_unknown_losses_count_with_the_mean_of_the_known() -> None:
    balancer = LossBalancer(4, 2)
    assert balancer.probabilities.tolist() == [0.25] * 4
    balancer.update(torch.tensor([0, 1]), torch.tensor([1.0, 3.0]))
    assert balancer.losses.tolist() == [1.0, 3.0, 2.0, 2.0]
    assert torch.allclose(balancer.probabilities, torch.tensor([1, 3, 2, 2]).double() / 8)


def test_losses_that_make_no_probability_are_cleaned_and_counted() -> None:
    balancer = LossBalancer(5, 2)
    balancer.update(torch.arange(5), torch.tensor([1.0, math.nan, math.inf, -2.0, 4.0]))
    assert balancer.losses.tolist() == [1.0, 4.0, 4.0, 0.0, 4.0]
    assert balancer.invalid == 3
    balancer.update(torch.tensor([0]), torch.tensor([-math.inf]))
    assert balancer.losses[0] == 4.0
    drawn = torch.cat(list(balancer))
    assert 3 not in drawn.tolist()


def test_no_finite_loss_at_all_is_uniform() -> None:
    balancer = LossBalancer(3, 2)
    balancer.update(torch.arange(3), torch.full((3,), math.nan))
    assert torch.allclose(balancer.probabilities, torch.full((3,), 1 / 3).double())


def test_all_zero_is_uniform() -> None:
    balancer = LossBalancer(4, 2)
    balancer.update(torch.arange(4), torch.zeros(4))
    assert balancer.probabilities.tolist() == [0.25] * 4
    assert len(torch.cat(list(balancer))) == 4


def test_the_last_loss_of_a_repeated_face_counts() -> None:
    balancer = LossBalancer(3, 2)
    balancer.update(torch.tensor([1, 1, 1]), torch.tensor([5.0, 6.0, 7.0]))
    assert balancer.losses[1] == 7.0


def test_a_single_huge_loss_leaves_the_others_reachable() -> None:
    losses = torch.ones(20_000)
    losses[0] = 1e6
    balancer = LossBalancer(20_000, 10)
    balancer.update(torch.arange(20_000), losses)
    expected = 1 / (1e6 + 19_999)
    assert torch.allclose(balancer.probabilities[1:], torch.tensor(expected).double())
    cumulative = balancer.probabilities.cumsum(0)
    assert bool((cumulative.diff() > 0).all())


def test_power_floor_and_clipping() -> None:
    losses = torch.tensor([1.0, 2.0, 3.0, 100.0])

    def probabilities(**knobs: float) -> list[float]:
        balancer = LossBalancer(4, 2, **knobs)  # type: ignore[arg-type]
        balancer.update(torch.arange(4), losses)
        return balancer.probabilities.tolist()

    assert probabilities(power=0.0) == pytest.approx([0.25] * 4)
    assert probabilities(power=2.0) == pytest.approx((losses**2 / (losses**2).sum()).tolist())
    plain = (losses / losses.sum()).tolist()
    assert probabilities(floor=0.4) == pytest.approx([0.6 * p + 0.1 for p in plain])
    assert probabilities(clip_quantile=2 / 3) == pytest.approx([1 / 9, 2 / 9, 3 / 9, 3 / 9])


def test_draws_are_uniform_before_the_start_epoch() -> None:
    balancer = LossBalancer(4, 2, start_epoch=1)
    balancer.update(torch.arange(4), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    assert balancer.probabilities.tolist() == [0.25] * 4
    balancer.set_epoch(1)
    assert balancer.probabilities.tolist() == [0.0, 0.0, 0.0, 1.0]


def test_effective_sample_size() -> None:
    assert effective_sample_size(torch.full((8,), 1 / 8)) == pytest.approx(8)
    assert effective_sample_size(torch.tensor([1.0, 0.0, 0.0])) == 1


def test_oldest_first() -> None:
    balancer = LossBalancer(4, 2)
    balancer.update(torch.tensor([3, 1]), torch.tensor([1.0, 1.0]))
    balancer.update(torch.tensor([0]), torch.tensor([1.0]))
    assert balancer.oldest(4).tolist() == [2, 1, 3, 0]


def test_without_balancing_every_face_comes_once_an_epoch() -> None:
    sampler = BatchSampler(23, 5, seed=1)
    first, second = list(sampler), list(sampler)
    assert len(sampler) == len(first) == 5
    assert [len(batch) for batch in first] == [5, 5, 5, 5, 3]
    assert sorted(torch.cat(first).tolist()) == list(range(23))
    assert torch.cat(first).tolist() != torch.cat(second).tolist()


def _run(sampler: BatchSampler, batches: int) -> list[list[int]]:
    """Draws batches over the ends of epochs, each followed by an update that depends on it."""
    drawn: list[list[int]] = []
    while len(drawn) < batches:
        for batch in sampler:
            drawn.append(batch.tolist())
            if isinstance(sampler, LossBalancer):
                sampler.update(batch, batch.double() % 5 + len(drawn) % 3)
            if len(drawn) == batches:
                break
    return drawn


@settings(max_examples=25)
@given(st.integers(1, 40), st.booleans())
def test_goes_on_exactly_where_it_was_cut(cut: int, balanced: bool) -> None:
    def new() -> BatchSampler:
        return LossBalancer(31, 4, seed=5) if balanced else BatchSampler(31, 4, seed=5)

    whole = _run(new(), 45)
    before = new()
    start = _run(before, cut)
    after = new()
    after.load_state_dict(before.state_dict())
    # Updates in _run depend on the count of batches, so go on counting from the cut.
    rest: list[list[int]] = []
    while len(rest) < 45 - cut:
        for batch in after:
            rest.append(batch.tolist())
            if isinstance(after, LossBalancer):
                after.update(batch, batch.double() % 5 + (cut + len(rest)) % 3)
            if len(rest) == 45 - cut:
                break
    assert start + rest == whole


def test_another_number_of_faces_is_refused() -> None:
    state = LossBalancer(5, 2).state_dict()
    with pytest.raises(ValueError, match="knows 5 faces, the training set has 6"):
        LossBalancer(6, 2).load_state_dict(state)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"size": 0}, "size=0"),
        ({"batch_size": 2.5}, r"batch_size=2\.5"),
        ({"seed": -1}, "seed=-1"),
        ({"power": -1.0}, r"power=-1\.0"),
        ({"power": math.nan}, "power=nan"),
        ({"floor": 1.5}, r"floor=1\.5"),
        ({"clip_quantile": 0}, "clip_quantile=0"),
        ({"start_epoch": "soon"}, "start_epoch='soon'"),
    ],
)
def test_a_wrong_knob_is_named(knobs: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LossBalancer(**({"size": 5, "batch_size": 2} | knobs))  # type: ignore[arg-type]


def test_a_wrong_update_is_named() -> None:
    balancer = LossBalancer(5, 2)
    with pytest.raises(ValueError, match=r"0\.\.4"):
        balancer.update(torch.tensor([5]), torch.tensor([1.0]))
    with pytest.raises(ValueError, match=r"\(2,\) indices, \(3,\) losses"):
        balancer.update(torch.tensor([1, 2]), torch.ones(3))
