import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from landmark_lightning.metrics.discarding import (
    closed_face,
    closed_pooled,
    closed_within,
    discard_count,
    discard_error,
    kept_means,
    random_discard_error,
    share_closed,
)


def _faces(faces: int = 30, landmarks: int = 19, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(faces, landmarks, generator=generator, dtype=torch.float64) + 0.1


@pytest.mark.parametrize(
    ("landmarks", "counts"), [(68, [7, 14, 20]), (19, [2, 4, 6]), (98, [10, 20, 29])]
)
def test_the_paper_s_counts(landmarks: int, counts: list[int]) -> None:
    assert [discard_count(landmarks, percent) for percent in (10, 20, 30)] == counts


def test_halves_are_rounded_up() -> None:
    assert [discard_count(5, percent) for percent in (10, 30, 50)] == [1, 2, 3]


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_percent_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match=f"percent={percent}"):
        discard_count(68, percent)


def test_discard_error_against_a_loop() -> None:
    error, score = _faces(seed=0), _faces(seed=1)
    expected = []
    for face_error, face_score in zip(error.tolist(), score.tolist(), strict=True):
        ordered = [e for _, e in sorted(zip(face_score, face_error, strict=True))]
        expected.append([sum(ordered[: 19 - k]) / (19 - k) for k in (0, 2, 4, 6)])
    torch.testing.assert_close(
        discard_error(error, score, (0, 10, 20, 30)), error.new_tensor(expected)
    )


def test_nothing_is_left_when_all_is_discarded() -> None:
    assert discard_error(_faces(), _faces(), (100,)).isnan().all()


def test_entries_of_nan_are_passed_over() -> None:
    error = torch.tensor([[torch.nan, 1.0, 3.0], [1.0, 2.0, 3.0]])
    means = kept_means(error, torch.tensor([0.0, 1.0, 2.0]).expand(2, 3))
    assert means[0, :2].tolist() == [1.0, 2.0]
    assert means[0, 2].isnan()
    assert means[1].tolist() == [1.0, 1.5, 2.0]


@given(st.integers(0, 1000))
def test_a_share_of_each_face_s_labelled_landmarks_is_discarded(seed: int) -> None:
    error, score = _faces(seed=seed), _faces(seed=seed + 1)
    error[_faces(seed=seed + 2) < 0.5] = torch.nan
    error[0] = torch.nan
    found = discard_error(error, score, (0, 10, 30))
    assert found[0].isnan().all()
    for face in range(1, len(error)):
        known = ~error[face].isnan()
        alone = discard_error(error[face][known], score[face][known], (0, 10, 30))
        torch.testing.assert_close(found[face], alone, equal_nan=True)


@given(st.integers(0, 1000), st.sampled_from([5, 10, 30, 50]))
def test_no_score_beats_the_oracle_nor_loses_to_its_opposite(seed: int, percent: int) -> None:
    error, score = _faces(seed=seed), _faces(seed=seed + 1)
    errors = discard_error(error, score, (percent,))
    assert (discard_error(error, error, (percent,)) <= errors + 1e-12).all()
    assert (errors <= discard_error(error, -error, (percent,)) + 1e-12).all()


def test_random_discarding_changes_the_mean_little_and_repeats() -> None:
    error = _faces(faces=2000)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = random_discard_error(error, (30,))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.mean().item() == pytest.approx(error.mean().item(), rel=0.005)
    assert torch.equal(random_discard_error(error, (30,)), first)
    assert not torch.equal(random_discard_error(error, (30,), seed=1), first)
    with pytest.raises(ValueError, match="draws=0"):
        random_discard_error(error, draws=0)


def test_share_closed_is_nan_when_nothing_can_be_won() -> None:
    one = torch.tensor(1.0)
    assert share_closed(one, one, one).isnan()
    assert share_closed(one, one, 2 * one).isnan()
    assert share_closed(4 * one, 5 * one, 2 * one).item() == -0.5


def test_the_oracle_closes_all_and_the_prior_nothing() -> None:
    error, prior, normalizer = _faces(), _faces(faces=1, seed=1)[0], 20 * _faces(landmarks=1)[:, 0]
    oracle = error * normalizer[:, None]
    assert closed_within(error, oracle, prior).item() == pytest.approx(1)
    assert closed_pooled(error, oracle, prior, normalizer).item() == pytest.approx(1)
    assert closed_face(error, oracle, normalizer).item() == pytest.approx(1)
    same = prior.expand_as(error)
    assert closed_within(error, same, prior).item() == pytest.approx(0)
    assert closed_pooled(error, same, prior, normalizer).item() == pytest.approx(0)


def test_closed_pooled_worked_by_hand() -> None:
    # Ten landmarks, three leave: by the signal 9, 8 and 1, by the prior (the last two of each
    # face, and the first tie) 2, 9 and 1, by the oracle 9, 8 and 7.
    error = torch.tensor([[1.0, 2.0, 3.0, 8.0, 2.0], [7.0, 1.0, 1.0, 1.0, 9.0]])
    signal = torch.tensor([[9.0, 0.0, 0.0, 8.0, 0.0], [0.0, 0.0, 0.0, 0.0, 9.0]])
    prior = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    normalizer = torch.tensor([1.0, 1.01])
    total = error.sum().item()
    reference, by_signal, oracle = ((total - gone) / 7 for gone in (2 + 9 + 8, 18, 24))
    closed = closed_pooled(error, signal, prior, normalizer).item()
    assert closed == pytest.approx((reference - by_signal) / (reference - oracle), abs=1e-5)


def test_closed_face_worked_by_hand() -> None:
    # Ten faces, three leave: the signal takes faces 9, 8 and 0.
    error = torch.arange(1.0, 11.0)[:, None].repeat(1, 4)
    signal = error.clone()
    signal[0] = 20
    signal[7] = 0
    all_faces, by_signal, oracle = 5.5, (55 - 10 - 9 - 1) / 7, (55 - 27) / 7
    closed = closed_face(error, signal, torch.ones(10)).item()
    assert closed == pytest.approx((all_faces - by_signal) / (all_faces - oracle))


def test_a_face_without_normalizer_is_left_out() -> None:
    error, signal, prior = _faces(), _faces(seed=2), _faces(faces=1, seed=1)[0]
    normalizer = torch.ones(30, dtype=torch.float64)
    error[3], normalizer[3] = torch.nan, torch.nan
    rest = torch.arange(30) != 3
    for with_it, without in (
        (closed_within(error, signal, prior), closed_within(error[rest], signal[rest], prior)),
        (
            closed_pooled(error, signal, prior, normalizer),
            closed_pooled(error[rest], signal[rest], prior, normalizer[rest]),
        ),
        (
            closed_face(error, signal, normalizer),
            closed_face(error[rest], signal[rest], normalizer[rest]),
        ),
    ):
        torch.testing.assert_close(with_it, without)


def test_without_faces_there_is_nothing_to_discard() -> None:
    none = torch.empty(0, 19, dtype=torch.float64)
    assert discard_error(none, none, (0, 10, 30)).shape == (0, 3)
    assert random_discard_error(none, (0, 10)).shape == (0, 2)
