import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning import geometry

coordinates = st.floats(-500, 500)
scales = st.floats(0.05, 20)
angles = st.floats(-math.pi, math.pi)


def _map(x: float, y: float, scale: float, angle: float) -> torch.Tensor:
    center = torch.tensor([x, y], dtype=torch.float64)
    return geometry.similarity(
        center, 31.5, torch.tensor(scale).double(), torch.tensor(angle).double()
    )


@given(coordinates, coordinates, scales, angles)
def test_inverse_takes_points_back(x: float, y: float, scale: float, angle: float) -> None:
    affine = _map(x, y, scale, angle)
    points = torch.tensor([[0.0, 0.0], [63.0, 10.0], [-5.0, 70.0]], dtype=torch.float64)
    back = geometry.apply_affine(
        geometry.invert_affine(affine), geometry.apply_affine(affine, points)
    )
    assert torch.allclose(back, points, atol=1e-8)


@given(coordinates, scales, angles, scales, angles)
def test_composition_is_one_after_the_other(
    x: float, scale: float, angle: float, scale2: float, angle2: float
) -> None:
    inner, outer = _map(x, 3.0, scale, angle), _map(-x, 7.0, scale2, angle2)
    points = torch.tensor([[1.0, 2.0], [30.0, -4.0]], dtype=torch.float64)
    once = geometry.apply_affine(geometry.compose_affine(outer, inner), points)
    twice = geometry.apply_affine(outer, geometry.apply_affine(inner, points))
    assert torch.allclose(once, twice, rtol=1e-9, atol=1e-7)


def test_a_crop_shows_its_square() -> None:
    """Pixel centres: a 4-pixel crop of a 4-pixel square is the square's own pixels."""
    center, extent = torch.tensor([11.5, 21.5]), torch.tensor(4.0)
    to_photo = geometry.crop_to_photo(center, extent, 4)
    corners = geometry.apply_affine(to_photo, torch.tensor([[0.0, 0.0], [3.0, 3.0]]))
    assert corners.tolist() == [[10.0, 20.0], [13.0, 23.0]]


def test_half_resolution_lies_between_two_pixels() -> None:
    to_photo = geometry.crop_to_photo(torch.tensor([1.5, 1.5]), torch.tensor(4.0), 2)
    corner = geometry.apply_affine(to_photo, torch.tensor([[0.0, 0.0]]))
    assert corner.tolist() == [[0.5, 0.5]]


def test_input_to_crop_middle_shift_and_turn() -> None:
    shift = torch.tensor([[0.0, 0.0], [0.25, 0.0]])
    angle = torch.tensor([0.0, math.pi / 2])
    maps = geometry.input_to_crop(128, 2.0, 64, shift, angle)
    middle = geometry.apply_affine(maps, torch.tensor([[31.5, 31.5]]).expand(2, 1, 2))
    assert torch.allclose(middle[:, 0], torch.tensor([[63.5, 63.5], [79.5, 63.5]]))
    right = geometry.apply_affine(maps, torch.tensor([[32.5, 31.5]]).expand(2, 1, 2))
    assert torch.allclose(right[:, 0], torch.tensor([[64.5, 63.5], [79.5, 64.5]]), atol=1e-5)


def test_boxes() -> None:
    landmarks = torch.tensor([[3.0, 8.0], [7.0, 2.0], [5.0, 5.0]])
    box = geometry.landmark_box(landmarks)
    assert box.tolist() == [3.0, 2.0, 7.0, 8.0]
    assert geometry.square_side(box) == 6.0
    assert geometry.box_center(box).tolist() == [5.0, 5.0]
