import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.metrics.nme import (
    area_under_curve,
    failure_rate,
    landmark_error,
    measurable,
    normalized_error,
    normalized_mean_error,
    visible_mean_error,
)


def test_nme_of_a_face_worked_by_hand() -> None:
    prediction = torch.tensor([[[3.0, 4.0], [0.0, 1.0]], [[0.0, 0.0], [2.0, 0.0]]])
    nme = normalized_mean_error(prediction, torch.zeros(2, 2, 2), torch.tensor([50.0, 10.0]))
    assert nme.tolist() == pytest.approx([100 * (5 + 1) / 2 / 50, 100 * (0 + 2) / 2 / 10])


@given(st.floats(0.1, 10), st.integers(0, 100))
def test_nme_does_not_depend_on_the_pixels(scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    prediction, target = torch.rand(2, 5, 7, 2, generator=generator, dtype=torch.float64)
    normalizer = torch.rand(5, generator=generator, dtype=torch.float64) + 0.5
    nme = normalized_mean_error(prediction, target, normalizer)
    scaled = normalized_mean_error(scale * prediction, scale * target, scale * normalizer)
    torch.testing.assert_close(scaled, nme)


def test_hidden_landmarks_do_not_count() -> None:
    prediction = torch.tensor([[3.0, 4.0], [0.0, 1.0]]).repeat(3, 1, 1)
    visible = torch.tensor([[2, 2], [1, 2], [1, 0]], dtype=torch.uint8)
    nme = visible_mean_error(prediction, torch.zeros(3, 2, 2), torch.full((3,), 10.0), visible)
    assert nme[:2].tolist() == pytest.approx([30, 10])
    assert nme[2].isnan()


@pytest.mark.parametrize("length", [0.0, -1.0, math.inf, math.nan])
def test_an_unusable_normalizer_gives_nan_for_its_face_only(length: float) -> None:
    error = normalized_error(torch.ones(2, 3, 2), torch.zeros(2, 3, 2), torch.tensor([length, 1]))
    assert error[0].isnan().all()
    assert error[1].isfinite().all()


def test_landmark_error_is_euclidean() -> None:
    assert landmark_error(torch.tensor([[-5.0, 12.0]]), torch.zeros(1, 2)).tolist() == [13.0]


def test_failure_rate_is_a_percentage_strictly_above_the_threshold() -> None:
    nme = torch.tensor([1.0, 8.0, 8.5, 11.0])
    assert failure_rate(nme, 0.08).item() == 50
    assert failure_rate(nme, 0.10).item() == 25


def test_area_under_curve_equals_the_integral_of_the_cumulative_distribution() -> None:
    nme = 12 * torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    thresholds = torch.linspace(0, 8, 100_001, dtype=torch.float64)
    reached = torch.searchsorted(nme.sort().values, thresholds, right=True) / len(nme)
    integral = torch.trapezoid(reached, thresholds) / 8
    assert area_under_curve(nme, 0.08).item() == pytest.approx(integral.item(), abs=1e-4)


def test_sets_that_cannot_be_measured_are_nan() -> None:
    for nme in (torch.zeros(0), torch.full((2,), torch.nan)):
        assert failure_rate(nme, 0.08).isnan()
        assert area_under_curve(nme, 0.08).isnan()


def test_faces_without_an_error_are_left_out_of_a_set() -> None:
    nme = torch.tensor([4.0, torch.nan, 12.0])
    assert failure_rate(nme, 0.08).item() == 50
    assert area_under_curve(nme, 0.08).item() == 0.25


def test_landmarks_that_are_not_labelled_count_in_nothing() -> None:
    prediction = torch.tensor([[3.0, 4.0], [0.0, 1.0]]).repeat(3, 1, 1)
    target = torch.zeros(3, 2, 2)
    target[1, 0], target[2] = torch.nan, torch.nan
    length = torch.full((3, 1), 10.0)
    nme = normalized_mean_error(prediction, target, length[:, 0])
    assert nme[:2].tolist() == pytest.approx([30, 10])
    assert nme[2].isnan()
    assert measurable(target, length)[:, 0].tolist() == [True, True, False]
