"""Labels that all lie beside the point: what is found is what was moved."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landmark_lightning.metrics.nme import normalized_mean_error
from landmark_lightning.metrics.offset import error_less_mean, error_vectors, label_offset

percents = st.floats(-20, 20)


def _faces(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points, normalizers and a mask of missing labels; each face has one label at least."""
    generator = torch.Generator().manual_seed(seed)
    points = 60 * torch.rand((12, 5, 2), generator=generator, dtype=torch.double)
    length = 10 + 20 * torch.rand(12, generator=generator, dtype=torch.double)
    missing = torch.rand((12, 5, 1), generator=generator) < 0.3
    missing[:, 0] = False
    return points, length, missing


@settings(deadline=None)
@given(percents, percents, st.integers(0, 99))
def test_the_mean_vector_is_what_all_predictions_were_moved_by(
    x: float, y: float, seed: int
) -> None:
    points, length, missing = _faces(seed)
    target = points.masked_fill(missing, torch.nan)
    moved = points + torch.tensor([x, y]) / 100 * length[:, None, None]
    found = error_vectors(moved, target, length)
    assert torch.allclose(found, torch.tensor([x, y], dtype=torch.double).expand(12, 2))
    noise = torch.randn(points.shape, generator=torch.Generator().manual_seed(seed))
    before, after = (error_less_mean(each + noise, target, length) for each in (points, moved))
    assert torch.allclose(before, after)


@settings(deadline=None)
@given(percents, percents, st.integers(0, 99))
def test_labels_are_found_beside_the_point_whatever_the_network_learned(
    labels: float, network: float, seed: int
) -> None:
    """A network that answers by an offset of its own errs on a mirrored face to the other side."""
    points, length, missing = _faces(seed)
    to_right = torch.tensor([1.0, 0.0]) / 100 * length[:, None, None]
    target = (points + labels * to_right).masked_fill(missing, torch.nan)
    found = label_offset(points + network * to_right, points - network * to_right, target, length)
    assert torch.allclose(found, torch.full((12,), labels, dtype=torch.double), atol=1e-9)


def test_a_face_without_length_or_label_counts_in_nothing() -> None:
    points, length, _ = _faces(0)
    length[0], length[1] = torch.nan, 0.0
    target = points.clone()
    target[2] = torch.nan
    for found in (
        error_vectors(points + 1, target, length)[:, 0],
        label_offset(points, points, target, length),
        error_less_mean(points + 1, target, length),
    ):
        assert found.isnan().tolist() == [True] * 3 + [False] * 9


def test_less_the_mean_vector_a_constant_error_is_none() -> None:
    points, length, _ = _faces(1)
    moved = points + 0.05 * length[:, None, None]
    assert float(normalized_mean_error(moved, points, length).mean()) == pytest.approx(
        7.0711, 1e-4
    )
    assert float(error_less_mean(moved, points, length).max()) < 1e-9
