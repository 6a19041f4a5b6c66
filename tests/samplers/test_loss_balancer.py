import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from landmark_lightning.samplers import sums
from landmark_lightning.samplers.batch_sampler import BatchSampler
from landmark_lightning.samplers.loss_balancer import LossBalancer


@pytest.fixture(params=["flat", "blocks"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test with both kinds of table, whatever the number of faces."""
    if request.param == "blocks":
        monkeypatch.setattr(sums, "FLAT_LIMIT", 0)


@pytest.mark.usefixtures("table")
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


@pytest.mark.usefixtures("table")
def test_an_update_is_obeyed_by_the_very_next_batch() -> None:
    balancer = LossBalancer(100, 10, seed=0)
    batches = iter(balancer)
    assert len(set(next(batches).tolist())) > 1
    balancer.update(torch.arange(100), torch.nn.functional.one_hot(torch.tensor(42), 100))
    assert set(next(batches).tolist()) == {42}
    balancer.update(torch.tensor([42, 7]), torch.tensor([0.0, 1.0]))
    assert set(next(batches).tolist()) == {7}


@pytest.mark.usefixtures("table")
def test_unknown_losses_count_with_the_mean_of_the_known() -> None:
    balancer = LossBalancer(4, 2)
    assert balancer.probabilities.tolist() == [0.25] * 4
    balancer.update(torch.tensor([0, 1]), torch.tensor([1.0, 3.0]))
    assert balancer.losses.tolist() == [1.0, 3.0, 2.0, 2.0]
    assert torch.allclose(balancer.probabilities, torch.tensor([1, 3, 2, 2]).double() / 8)


@pytest.mark.usefixtures("table")
def test_losses_that_make_no_probability_are_cleaned_and_counted() -> None:
    balancer = LossBalancer(5, 2)
    balancer.update(torch.arange(5), torch.tensor([1.0, math.nan, math.inf, -2.0, 4.0]))
    assert balancer.losses.tolist() == [1.0, 4.0, 4.0, 0.0, 4.0]
    assert balancer.invalid == 3
    balancer.update(torch.tensor([0]), torch.tensor([-math.inf]))
    assert balancer.losses[0] == 4.0
    drawn = torch.cat(list(balancer))
    assert 3 not in drawn.tolist()


@pytest.mark.usefixtures("table")
def test_no_finite_loss_at_all_is_uniform() -> None:
    balancer = LossBalancer(3, 2)
    balancer.update(torch.arange(3), torch.full((3,), math.nan))
    assert torch.allclose(balancer.probabilities, torch.full((3,), 1 / 3).double())


@pytest.mark.usefixtures("table")
def test_all_zero_is_uniform() -> None:
    balancer = LossBalancer(4, 2)
    balancer.update(torch.arange(4), torch.zeros(4))
    assert balancer.probabilities.tolist() == [0.25] * 4
    assert len(torch.cat(list(balancer))) == 4


@pytest.mark.usefixtures("table")
def test_the_last_loss_of_a_repeated_face_counts() -> None:
    balancer = LossBalancer(3, 2)
    balancer.update(torch.tensor([1, 1, 1]), torch.tensor([5.0, 6.0, 7.0]))
    assert balancer.losses[1] == 7.0


@pytest.mark.usefixtures("table")
def test_a_single_huge_loss_leaves_the_others_reachable() -> None:
    losses = torch.ones(20_000)
    losses[0] = 1e6
    balancer = LossBalancer(20_000, 10)
    balancer.update(torch.arange(20_000), losses)
    expected = 1 / (1e6 + 19_999)
    assert torch.allclose(balancer.probabilities[1:], torch.tensor(expected).double())
    cumulative = balancer.probabilities.cumsum(0)
    assert bool((cumulative.diff() > 0).all())


@pytest.mark.usefixtures("table")
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


@pytest.mark.usefixtures("table")
def test_draws_are_uniform_before_the_start_epoch() -> None:
    balancer = LossBalancer(4, 2, start_epoch=1)
    balancer.update(torch.arange(4), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    assert balancer.probabilities.tolist() == [0.25] * 4
    balancer.set_epoch(1)
    assert balancer.probabilities.tolist() == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("floor", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("known", [0, 50, 200])
def test_effective_sample_size_and_largest_probability(floor: float, known: int) -> None:
    balancer = LossBalancer(200, 2, floor=floor)
    for scale in (1.0, 7.0):
        losses = torch.from_numpy(np.random.default_rng(0).lognormal(0.0, 2.0, known)) * scale
        balancer.update(torch.arange(known), losses)
        p = balancer.probabilities
        assert balancer.effective_sample_size == pytest.approx(float(1 / p.square().sum()))
        assert balancer.figures()["largest_probability"] == pytest.approx(float(p.max()))


def test_a_single_face_is_an_effective_sample_of_one() -> None:
    balancer = LossBalancer(3, 2)
    balancer.update(torch.arange(3), torch.tensor([1.0, 0.0, 0.0]))
    assert balancer.effective_sample_size == 1
    assert balancer.figures()["largest_probability"] == 1


@pytest.mark.usefixtures("table")
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


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.sampled_from([None, 0, 30_000]),
    st.sampled_from([{}, {"power": 2.0, "clip_quantile": 0.8}, {"floor": 0.3}]),
)
def test_goes_on_exactly_where_it_was_cut(
    cut: int, flat_limit: int | None, knobs: dict[str, float]
) -> None:
    """Evenly (None), in blocks and flat; with knobs."""

    def new() -> BatchSampler:
        if flat_limit is None:
            return BatchSampler(31, 4, seed=5)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sums, "FLAT_LIMIT", flat_limit)
            return LossBalancer(31, 4, seed=5, **knobs)  # type: ignore[arg-type]

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


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "knobs",
    [{"floor": 0.4}, {"power": 0.5}, {"clip_quantile": 0.5}, {"floor": 0.2, "power": 3.0}, {}],
)
def test_draws_follow_the_probabilities(knobs: dict[str, float]) -> None:
    """Chi-square of 60,000 draws, a third of the faces unknown."""
    balancer = LossBalancer(300, 60, seed=1, **knobs)  # type: ignore[arg-type]
    rng = np.random.default_rng(4)
    for part in torch.arange(200).split(20):  # several updates: clipping and powers follow
        balancer.update(part, torch.from_numpy(rng.lognormal(0.0, 1.0, len(part))))
    for _ in range(200):
        for _ in balancer:
            pass
    expected = balancer.probabilities.numpy() * 60_000
    assert stats.chisquare(balancer.draws.numpy(), expected).pvalue > 0.001


def test_nothing_known_stays_so_in_a_saved_state() -> None:
    """What is unknown to the power 0 is no 1."""
    ours, again = (LossBalancer(12, 5, power=0.0, floor=0.25) for _ in range(2))
    again.load_state_dict(ours.state_dict())
    for batch, expected in zip(again, ours, strict=True):
        assert torch.equal(batch, expected)


def test_a_power_keeps_up_with_losses_that_grow() -> None:
    balancer = LossBalancer(1000, 10, power=500.0)
    for exponent in range(6):
        losses = torch.tensor([1.0, 2.0]) * 10.0**exponent
        balancer.update(torch.tensor([2 * exponent, 2 * exponent + 1]), losses)
    p = balancer.probabilities
    assert bool(p.isfinite().all())
    assert p.argmax() == 11
    assert float(p.max()) > 0.99  # not even
    assert float(p.sum()) == pytest.approx(1)


@pytest.mark.usefixtures("table")
def test_a_huge_loss_that_was_overwritten_leaves_no_trace() -> None:
    """Sums kept up to date by differences would be off by what the huge loss swallowed."""
    balancer, fresh = LossBalancer(64, 4), LossBalancer(64, 4)
    for some in (balancer, fresh):
        some.update(torch.arange(32), torch.linspace(0.1, 1, 32))
    balancer.update(torch.tensor([5]), torch.tensor([1e30]))
    balancer.update(torch.tensor([5]), fresh.losses[[5]])
    assert torch.equal(balancer.probabilities, fresh.probabilities)
    assert torch.equal(torch.cat(list(balancer)), torch.cat(list(fresh)))


def test_an_epoch_s_numbers_are_drawn_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch has numbers of its own, and the epoch ends with what is left."""
    monkeypatch.setattr(LossBalancer, "stretch", 3)
    balancer = LossBalancer(1001, 10)
    drawn = [batch.tolist() for batch in balancer]
    assert [len(batch) for batch in drawn] == [10] * 100 + [1]
    assert len({tuple(batch) for batch in drawn}) == 101


def test_another_number_of_faces_is_refused() -> None:
    state = LossBalancer(5, 2).state_dict()
    with pytest.raises(ValueError, match="knows 5 faces, the training set has 6"):
        LossBalancer(6, 2).load_state_dict(state)


@pytest.mark.parametrize(
    ("knobs", "message"),
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
def test_a_wrong_knob_is_named(knobs: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossBalancer(**({"size": 5, "batch_size": 2} | knobs))  # type: ignore[arg-type]


def test_knobs_are_checked_before_there_are_faces() -> None:
    made = LossBalancer.knobs(power=0.5, start_epoch=2)(9, 4, 1)
    assert (made.size, made.batch_size, made.seed) == (9, 4, 1)
    assert (made.power, made.start_epoch) == (0.5, 2)
    with pytest.raises(ValueError, match=r"floor=1\.5"):
        LossBalancer.knobs(floor=1.5)
    with pytest.raises(TypeError, match="powr"):
        LossBalancer.knobs(powr=2.0)


def test_even_draws_and_those_by_loss_answer_the_same_questions() -> None:
    even, balancer = BatchSampler(4, 2), LossBalancer(4, 2, start_epoch=3)
    assert (even.balanced, even.start_epoch, even.figures()) == (False, 0, {})
    assert even.to(torch.device("meta")) is even
    balancer.update(torch.tensor([0]), torch.tensor([math.nan]))
    assert (balancer.balanced, balancer.start_epoch) == (True, 3)
    assert balancer.figures() == {
        "effective_sample_size": 4, "largest_probability": 0.25, "invalid_losses": 1
    }  # fmt: skip


def test_a_wrong_update_is_named() -> None:
    balancer = LossBalancer(5, 2)
    with pytest.raises(ValueError, match=r"0\.\.4"):
        balancer.update(torch.tensor([5]), torch.tensor([1.0]))
    with pytest.raises(ValueError, match=r"\(2,\) indices, \(3,\) losses"):
        balancer.update(torch.tensor([1, 2]), torch.ones(3))
