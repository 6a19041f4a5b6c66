import numpy as np
import pytest

from landmark_lightning.errors import UserError
from landmark_lightning.inference.detector import Landmarks
from landmark_lightning.inference.photos.keeping import Keeping

ERROR = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [9.0, 1.0, 1.0, 1.0, 1.0]])


def faces(bound: float = 2.0) -> Landmarks:
    """Two faces with boxes of 50 and 100 pixels."""
    return Landmarks(
        image=np.array([0, 0]),
        points=np.zeros((2, 5, 2)),
        predicted_error=ERROR,
        bound=bound * ERROR,
        kept=np.array([[True] * 4 + [False]] * 2),
        box=np.array([[0.0, 0, 50, 50], [0, 0, 100, 100]]),
        validity=np.ones(2),
        covered=np.zeros((2, 5)),
    )


def test_where_nothing_is_asked_for_nothing_changes() -> None:
    np.testing.assert_array_equal(Keeping()(faces()).kept, faces().kept)


@pytest.mark.parametrize(("share", "count"), [("0%", 0), ("20%", 1), ("30%", 2), ("100%", 5)])
def test_a_share_of_each_face_is_discarded(share: str, count: int) -> None:
    kept = Keeping(discard=share)(faces()).kept
    assert (~kept).sum(axis=1).tolist() == [count, count]
    if count:
        assert not kept[0, 4]
        assert not kept[1, 0]


def test_a_limit_in_pixels_or_of_the_box() -> None:
    np.testing.assert_array_equal(Keeping(max_error="3px")(faces()).kept, ERROR <= 3)
    relative = Keeping(max_error="4%")(faces()).kept
    np.testing.assert_array_equal(relative, ERROR <= [[2.0], [4.0]])
    np.testing.assert_array_equal(Keeping(max_bound="6.0px")(faces()).kept, ERROR <= 3)


def test_one_rule_at_most_and_a_bound_that_there_is() -> None:
    with pytest.raises(UserError, match=r"discard=30% and max_error=4px exclude each other"):
        Keeping(discard="30%", max_error="4px")
    with pytest.raises(UserError, match="landmark-calibrate"):
        Keeping(max_bound="4px")(faces(np.nan))
