import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landmark_lightning.metrics.intervals import Figure, Means, interval


def mean_of(errors: NDArray[np.float64]) -> Figure:
    return lambda rows: float(errors[rows].mean())


def test_the_interval_of_a_mean_is_the_textbook_s() -> None:
    """For N faces by themselves: 1.96 standard errors either way."""
    errors = np.random.default_rng(0).normal(5, 2, 400)
    found = interval([mean_of(errors)], [""] * 400, draws=4000)
    assert found.value == pytest.approx(errors.mean())
    reach = 1.96 * errors.std() / 20
    assert (found.value - found.low, found.high - found.value) == pytest.approx(
        (reach, reach), rel=0.1
    )


def test_faces_of_one_person_count_as_one() -> None:
    """Ten equal faces each of 40 persons are worth 40 faces, not 400."""
    persons = np.random.default_rng(0).normal(5, 2, 40)
    errors, groups = np.repeat(persons, 10), [str(k // 10) for k in range(400)]
    by_person = interval([mean_of(errors)], groups, draws=4000)
    by_face = interval([mean_of(errors)], [""] * 400, draws=4000)
    few = interval([mean_of(persons)], [""] * 40, draws=4000)
    assert by_person[1:] == pytest.approx(few[1:], abs=0.1)
    assert (by_person.high - by_person.low) > 2.5 * (by_face.high - by_face.low)


@pytest.mark.parametrize(("of_seed", "of_person"), [(0.1, 0.0), (0.03, 0.2), (0.1, 0.2)])
def test_of_three_seeds_it_misses_as_seldom_as_it_says(of_seed: float, of_person: float) -> None:
    """Differences whose true mean is 0: one in twenty intervals may leave it out."""
    rng = np.random.default_rng(0)
    groups = [str(k // 4) for k in range(120)]
    missed = 0
    for _ in range(200):
        persons = rng.normal(0, of_person, 30).repeat(4)
        figures = [
            mean_of(persons + rng.normal(0, of_seed) + rng.normal(0, 0.1, 120)) for _ in range(3)
        ]
        found = interval(figures, groups, draws=60)
        missed += not found.low <= 0 <= found.high
    assert missed <= 20


def test_a_single_training_speaks_of_itself() -> None:
    errors = np.random.default_rng(0).normal(5, 0.1, 400)
    alone = interval([mean_of(errors)], [""] * 400)
    apart = interval([mean_of(errors + k) for k in (-1, 0, 1)], [""] * 400)
    assert alone.high - alone.low < 0.03
    # two degrees of freedom: 4.3 standard errors either way
    assert apart.high - apart.value == pytest.approx(4.3 / np.sqrt(3), rel=0.02)


@given(shift=st.integers(-3, 3))
def test_a_difference_is_taken_on_the_same_faces(shift: int) -> None:
    """A constant difference has no width, however much faces and seeds differ."""
    rng = np.random.default_rng(1)
    errors = [rng.normal(5 + k, 2, 30) for k in range(3)]
    found = interval(
        [mean_of(e + shift) for e in errors], ["a", "b", ""] * 10, [mean_of(e) for e in errors],
        draws=20,
    )  # fmt: skip
    assert found == pytest.approx((shift, shift, shift))


def test_what_can_t_be_computed_in_a_draw_is_left_out() -> None:
    """Such as the error of a subset of one face, which a draw may lack."""
    rare = np.array([True, *[False] * 9])

    def of_the_rare(rows: NDArray[np.int64]) -> float:
        return 7.0 if rare[rows].any() else float("nan")

    assert interval([of_the_rare], [""] * 10) == (7.0, 7.0, 7.0)


@pytest.mark.parametrize(("figures", "groups", "rivals"), [(0, 3, 0), (1, 1, 0), (2, 3, 1)])
def test_too_few_are_refused(figures: int, groups: int, rivals: int) -> None:
    figure = mean_of(np.ones(3))
    with pytest.raises(ValueError, match=f"{figures} networks and {rivals} rivals on {groups}"):
        interval([figure] * figures, [""] * groups, [figure] * rivals)


def test_the_means_of_many_figures_have_the_same_intervals() -> None:
    rng = np.random.default_rng(0)
    groups = [str(k // 4) for k in range(200)]
    ours = rng.normal(5, 1, (3, 50)).repeat(4, axis=1) + rng.normal(0, 0.5, (3, 200))
    theirs = ours + rng.normal(0.3, 0.5, (3, 200))
    known = rng.random(200) < 0.7

    def mean_of_known(errors: NDArray[np.float64]) -> Figure:
        return lambda rows: float(errors[rows][known[rows]].mean())

    slow = interval(
        [mean_of_known(e) for e in ours], groups, [mean_of_known(e) for e in theirs], draws=3000
    )
    fast = Means(groups, draws=3000).interval(
        np.where(known, ours, np.nan), np.where(known, theirs, np.nan)
    )
    assert fast == pytest.approx(slow, abs=0.01)
    assert Means(["Ann"] * 200).interval(ours) is None
    assert Means(groups).interval(np.where(np.arange(200) < 4, ours, np.nan)) is None
