import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.datasets.boxes import BoxMap
from landmark_lightning.inference.calibration import (
    Answers,
    Calibration,
    bound_rates,
    conformal_quantile,
    measured,
)


def answers(faces: int, seed: int, groups: int = 0, landmarks: int = 6) -> Answers:
    """Errors that follow the signal, and landmarks of which the last are five times as hard."""
    rng = np.random.default_rng(seed)
    shape = (faces, landmarks)
    signal = np.linspace(1, 5, landmarks) * rng.lognormal(0, 0.5, shape)
    error = signal * rng.gamma(2, 0.5, shape)
    group = [f"person{n % groups}" for n in range(faces)] if groups else [""] * faces
    return Answers(error, signal, group)


@given(
    scores=st.lists(st.floats(0, 100), min_size=1, max_size=60),
    coverage=st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95]),
)
def test_of_equal_weights_it_is_the_split_conformal_quantile(
    scores: list[float], coverage: float
) -> None:
    found = conformal_quantile(np.array(scores)[:, None], [""] * len(scores), coverage)
    place = math.ceil(coverage * (len(scores) + 1) - 1e-9)
    assert found == (sorted(scores)[place - 1] if place <= len(scores) else math.inf)


def test_persons_count_alike_however_many_faces_they_have() -> None:
    scores = np.concatenate([np.full(90, 1.0), np.full(10, 3.0)])[:, None]
    group = ["a"] * 90 + [f"b{n}" for n in range(10)]
    assert conformal_quantile(scores, [""] * 100, 0.8) == 1.0
    assert conformal_quantile(scores, group, 0.8) == 3.0  # ten of eleven persons have 3


def test_what_is_not_labelled_does_not_count() -> None:
    scores = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 4.0]])
    assert conformal_quantile(scores, ["", "", ""], 0.6) == 3.0
    assert conformal_quantile(np.full((3, 2), np.nan), ["", "", ""], 0.5) == math.inf


def test_the_bound_holds_what_it_promises_and_follows_the_signal() -> None:
    made = measured(answers(500, 0), {"true": answers(600, 1)})
    test = answers(3000, 2)
    bound = made.bound(test.signal)
    assert 0.885 < (test.error <= bound).mean() < 0.915
    constant = np.array(made.constants)
    assert 0.885 < (test.error <= constant).mean() < 0.915
    assert made.power >= 0.75
    assert bound.mean() < 0.9 * constant.mean()


def test_a_network_without_signal_has_constants() -> None:
    train, held = (Answers(answers(300, s).error, None, [""] * 300) for s in (0, 1))
    made = measured(train, {"true": held})
    assert made.power == 0
    assert made.predicted_error(None, 2).shape == (2, 6)
    np.testing.assert_allclose(made.predicted_error(None)[0], train.error.mean(axis=0))
    np.testing.assert_allclose(made.bound(None, faces=2)[1], made.constants)
    assert (np.diff(made.constants) > 0).all()


def test_the_predicted_error_is_the_mean_error() -> None:
    held = answers(2000, 1)
    made = measured(answers(300, 0), {"true": held})
    assert made.predicted_error(held.signal).mean() == pytest.approx(held.error.mean(), rel=0.01)
    assert (made.predicted_error(held.signal) <= made.usual).mean() == pytest.approx(0.9, abs=0.01)


def test_of_true_faces_one_in_ten_has_a_validity_below_a_tenth() -> None:
    made = measured(answers(300, 0), {"true": answers(1000, 1)})
    validity = made.validity(made.predicted_error(answers(4000, 2).signal))
    for share in (0.1, 0.5, 0.9):
        assert (validity < share).mean() == pytest.approx(share, abs=0.04)
    assert made.validity(np.full((1, 6), 100.0)) == 0
    assert made.validity(np.zeros((1, 6))) == 1


def test_the_kinds_of_boxes_have_bounds_of_their_own() -> None:
    held, worse = answers(500, 1), answers(500, 2)
    by_detector = Answers(2 * worse.error, worse.signal, worse.group)
    made = measured(answers(300, 0), {"true": held, "detector": by_detector})
    ratio = made.bound(held.signal, "detector") / made.bound(held.signal)
    np.testing.assert_allclose(ratio, ratio[0, 0])
    assert 1.8 < ratio[0, 0] < 2.2
    np.testing.assert_array_equal(made.bound(held.signal, "other"), made.bound(held.signal))


def test_too_few_faces_bound_nothing() -> None:
    few = Answers(answers(3, 1).error[:, :1], answers(3, 1).signal[:, :1], ["a", "b", "c"])  # type: ignore[index]
    made = measured(answers(50, 0, landmarks=1), {"true": few})
    assert made.quantile["true"] == math.inf
    assert np.isinf(made.bound(few.signal)).all()
    assert (
        Calibration.from_dict(json.loads(json.dumps(made.to_dict()))).quantile["true"] == math.inf
    )


def test_a_landmark_that_no_training_face_has() -> None:
    train = answers(100, 0)
    error = train.error.copy()
    error[:, 2] = np.nan
    power, rates = bound_rates(Answers(error, train.signal, train.group), 0.9)
    assert np.isfinite(rates).all()
    assert power in (0.0, 0.25, 0.5, 0.75, 1.0)


def test_it_goes_through_json() -> None:
    maps = BoxMap((0.01, 0.16), 0.95, (0.03, 0.04, 0.06), 120)
    made = measured(answers(300, 0), {"true": answers(300, 1)}, 0.8, maps)
    again = Calibration.from_dict(json.loads(json.dumps(made.to_dict(), allow_nan=False)))
    assert again.detector == maps
    assert again.again is None
    assert again.coverage == 0.8
    held = answers(10, 3).signal
    np.testing.assert_allclose(again.bound(held), made.bound(held), rtol=1e-4)
