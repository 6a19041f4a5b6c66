import numpy as np
import pytest
from numpy.typing import NDArray

from landmark_lightning.plots.overlays import BAR, LONGEST, REJECTED, overlay

POINTS = np.array([[[100.0, 100.0], [300.0, 100.0], [200.0, 300.0]]])


def plotted(**changes: object) -> NDArray[np.uint8]:
    given = {
        "grays": np.zeros((480, 480), np.uint8),
        "points": POINTS,
        "predicted_error": np.array([[0.1, 10.0, 10.0]]),
        "kept": np.array([[True, True, False]]),
        "box": np.array([[80.0, 80, 320, 320]]),
        "rejected": np.array([False]),
    }
    return np.asarray(overlay(**(given | changes)))  # type: ignore[arg-type]


def test_points_have_the_colour_of_their_error_and_discarded_ones_are_hollow() -> None:
    picture = plotted()
    assert picture.shape == (480 + BAR, 480, 3)
    sure, unsure, hollow = (picture[round(y), round(x)] for x, y in POINTS[0])
    assert sure[1] > 200  # light yellow
    assert unsure[1] < 100 < unsure[0]  # dark red
    assert hollow.max() < 40  # the photo shows through
    assert picture[296:305, 192:209].max() > 100  # its ring


def test_a_rejected_face_is_gray() -> None:
    picture = plotted(rejected=np.array([True]))[:480]
    colors = picture.reshape(-1, 3)
    assert (np.ptp(colors.astype(int), axis=1) < 12).all()
    assert (np.abs(picture[80, 150].astype(int) - REJECTED) < 90).all()


@pytest.mark.parametrize(
    ("shape", "expected"), [((60, 90), (320, 480)), ((3000, 4000), (1200, LONGEST))]
)
def test_small_photos_grow_and_large_ones_shrink(
    shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    picture = plotted(grays=np.zeros(shape, np.uint8))
    assert picture.shape[0] - BAR == expected[0]
    assert picture.shape[1] == expected[1]


def test_a_photo_without_faces() -> None:
    picture = plotted(
        points=np.empty((0, 3, 2)), predicted_error=np.empty((0, 3)),
        kept=np.empty((0, 3), bool), box=np.empty((0, 4)), rejected=np.empty(0, bool),
    )  # fmt: skip
    assert picture[:480].max() == 0


def test_a_covered_landmark_is_a_square() -> None:
    discs, told = plotted(), plotted(covered=np.array([[0.9, 0.2, np.nan]]))
    other = (discs != told[:, : discs.shape[1]]).any(axis=2)
    near = [other[y - 12 : y + 13, x - 12 : x + 13].any() for x, y in POINTS[0].astype(int)]
    assert near == [True, False, False]
    assert (plotted(covered=np.full((1, 3), np.nan)) == discs).all()
