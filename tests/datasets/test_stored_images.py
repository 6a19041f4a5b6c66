import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from landmark_lightning.datasets import stored_images
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.stored_images import StoredImages
from landmark_lightning.loading.faces import faces_from

FACES = 60
"""Of the training split of ``dots``."""


def _check(dots: FaceFile, rows: NDArray[np.int64]) -> None:
    expected = dots.read("train").images[rows]
    images = StoredImages(dots, "train", rows)
    assert images.nbytes == expected.nbytes
    assert np.array_equal(images.load(), expected)
    index = np.arange(len(rows))[::-1]
    assert np.array_equal(images.read(index), expected[index])


@pytest.mark.parametrize(
    "rows",
    [[2, 3, 7, 30, 59], [59, 0, 31], [7, 7, 7], [30, 2, 30, 59, 2, 58], [*range(FACES)], []],
    ids=str,
)
@pytest.mark.parametrize("at_once", [1, 7, FACES, 1024])
def test_rows_in_any_order_and_repeated_give_what_was_asked_for(
    dots: FaceFile, monkeypatch: pytest.MonkeyPatch, rows: list[int], at_once: int
) -> None:
    monkeypatch.setattr(stored_images, "ROWS_AT_ONCE", at_once)
    _check(dots, np.array(rows, dtype=np.int64))


@given(
    rows=st.lists(st.integers(0, FACES - 1), max_size=2 * FACES),
    at_once=st.integers(1, FACES + 1),
)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_asked_for_is_given(dots: FaceFile, rows: list[int], at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_images, "ROWS_AT_ONCE", at_once)
        _check(dots, np.array(rows, dtype=np.int64))


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("row", [-1, FACES])
def test_a_row_that_the_split_does_not_have_is_refused(
    dots: FaceFile, row: int, streamed: bool
) -> None:
    with pytest.raises(ValueError, match=rf"dots\.h5 has {FACES} faces in train, no row {row}$"):
        StoredImages(dots, "train", np.array([3, row]))
    with pytest.raises(ValueError, match=f"no row {row}"):
        faces_from(dots, "train", np.array([3, row]), streamed)
