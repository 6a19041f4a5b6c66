import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.inference.stress.canvas import (
    Canvas,
    blob,
    finger,
    polygon,
    rounded,
    smooth,
)

GRID = Canvas(np.zeros((32, 32), np.uint8)).grid
PIXELS = GRID.reshape(2, -1).T
PLACE = st.integers(-320, 2304).map(lambda n: n / 64)  # exact in float32, as are differences
CORNER = st.tuples(PLACE, PLACE)


@given(corners=st.lists(CORNER, min_size=3, max_size=9))
def test_inside_a_polygon_its_distance_is_negative(corners: list[tuple[float, float]]) -> None:
    """By the even-odd rule, but for pixels near its edge; no corner is nearer."""
    outline = np.array(corners, np.float32)
    distance = polygon(GRID, outline)
    inside = np.zeros((32, 32), bool)
    edges = zip(outline.astype(float).tolist(), np.roll(outline, 1, 0).tolist(), strict=True)
    for (x0, y0), (x1, y1) in edges:
        crossed = (y0 > GRID[1]) != (y1 > GRID[1])
        if y0 != y1:
            inside ^= crossed & (GRID[0] < (x1 - x0) * (GRID[1] - y0) / (y1 - y0) + x0)
    away = np.abs(distance) > 0.01
    np.testing.assert_array_equal((distance < 0)[away], inside[away])
    to_corner = np.linalg.norm(PIXELS[:, None] - outline, axis=-1).min(axis=1).reshape(32, 32)
    assert (np.abs(distance) <= to_corner + 1e-3).all()


@given(start=CORNER, end=CORNER, radii=st.tuples(st.floats(0.5, 6), st.floats(0.5, 6)))
def test_a_finger_has_round_ends(
    start: tuple[float, float], end: tuple[float, float], radii: tuple[float, float]
) -> None:
    ends = np.array([start, end], np.float32)
    distance, along, across = finger(GRID, ends[0], ends[1], radii)
    for point, radius, beyond in zip(ends, radii, (along < 0, along > 1), strict=True):
        from_end = np.linalg.norm(PIXELS - point, axis=1).reshape(32, 32) - radius
        np.testing.assert_allclose(distance[beyond], from_end[beyond], atol=0.02)
    assert np.abs(across).max() <= 1


def test_shapes_of_known_size() -> None:
    center = np.array([16.0, 15.0], np.float32)
    around = np.linalg.norm(PIXELS - center, axis=1).reshape(32, 32)
    np.testing.assert_allclose(blob(GRID, center, 7, []), around - 7, atol=1e-4)
    np.testing.assert_allclose(rounded(GRID, center, np.eye(2), (7, 7), 2), around - 7, atol=1e-4)
    wide = rounded(GRID, center, np.array([[0.0, 1.0], [-1.0, 0.0]]), (10, 4), 4)
    assert wide[24, 16] < 0 < wide[15, 21], "turned, it is tall"


def test_a_smooth_curve_keeps_its_corners() -> None:
    corners = np.array([[0, 0], [9, 1], [8, 9], [2, 7]], np.float32)
    curve = smooth(corners, 5)
    np.testing.assert_allclose(curve[::5], corners, atol=1e-6)
    assert len(curve) == 20
    assert np.linalg.norm(np.diff(curve, axis=0), axis=1).max() < 4


def test_a_shape_hides_what_lies_below_it_and_a_shadow_nothing() -> None:
    canvas = Canvas(np.full((32, 32), 200, np.uint8))
    distance = blob(GRID, np.array([16.0, 16.0]), 6, [])
    canvas.shadow(distance, 3, 0.5)
    assert not canvas.hidden.any()
    assert canvas.image[16, 23] < 200 == canvas.image[0, 0]
    canvas.put(distance, 0.25)
    assert canvas.image[16, 16] == 64
    points = np.array([[16.0, 16.0], [16.0, 26.0], [np.nan, np.nan], [-9.0, 16.0], [99.0, 16.0]])
    assert canvas.hides(points).tolist() == [True, False, False, False, False]
    assert canvas.hidden.mean() == pytest.approx(np.pi * 36 / 32**2, rel=0.02)
