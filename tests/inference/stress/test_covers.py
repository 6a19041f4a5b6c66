import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.stress.canvas import Array
from landmark_lightning.inference.stress.covers import COVERS, cover
from landmark_lightning.inference.stress.frame import Frame
from landmark_lightning.landmark_parts import BUILT_IN, Parts
from landmark_lightning.schemes import SCHEMES

KINDS = (*COVERS, "patch")
COVERED = {
    "mask": {"mouth": 1.0, "jaw": 0.6, "eyes": 0.0, "brows": 0.0},
    "sunglasses": {"eyes": 1.0, "mouth": 0.0, "jaw": 0.0},
    "hand": {"mouth": 0.7, "eyes": 0.0, "brows": 0.0},
}
"""Least share of a part's landmarks that a cover hides; 0: it hides next to none."""


def _covered(
    kind: str, image: NDArray[np.uint8], points: Array, parts: Parts, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    found = cover(kind, image, points, parts, np.random.default_rng(seed))
    assert found is not None
    return found


@pytest.mark.parametrize("kind", COVERED)
def test_a_cover_hides_the_parts_that_it_is_worn_on(rendered: FaceFile, kind: str) -> None:
    split, parts = rendered.read("test"), rendered.scheme.parts
    hidden = np.stack(
        [
            _covered(kind, split.images[i], split.landmarks[i], parts, i)[1]
            for i in range(len(split))
        ]
    )
    for part, least in COVERED[kind].items():
        share = hidden[:, list(parts[part])].mean()
        assert share >= 0.9 * least if least else share < 0.1, (part, share)


@pytest.mark.parametrize("kind", KINDS)
def test_a_covered_face_is_the_same_by_the_same_seed(rendered: FaceFile, kind: str) -> None:
    split, parts = rendered.read("test"), rendered.scheme.parts
    before = split.images[0].copy()
    one, again, other = (
        _covered(kind, split.images[0], split.landmarks[0], parts, seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert (one[0] != other[0]).any()
    np.testing.assert_array_equal(split.images[0], before)
    changed = one[0] != before
    assert 0.02 < changed.mean() < 0.7
    x, y = split.landmarks[0][one[1]].round().astype(int).T
    assert changed[y, x].mean() > 0.9, "covered landmarks lie where the picture has changed"


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_whatever_the_landmarks_a_cover_lies_on_the_crop_or_there_is_none(
    scheme: str, data: st.DataObject
) -> None:
    """Profiles, missing landmarks, all at one place, far outside: no number is lost."""
    landmarks = SCHEMES[scheme].landmarks
    place = st.one_of(st.floats(-20, 60, width=32), st.just(np.float32(np.nan)))
    points = data.draw(arrays(np.float32, (landmarks, 2), elements=place))
    points[np.isnan(points).any(axis=1)] = np.nan
    image = np.full((40, 40), 120, np.uint8)
    for kind in KINDS:
        with np.errstate(all="raise", under="ignore"):
            found = cover(kind, image, points, BUILT_IN[scheme], np.random.default_rng(0))
        if found is not None:
            assert found[0].dtype == np.uint8
            assert not found[1][np.isnan(points).any(axis=1)].any()
        elif kind == "patch":
            assert np.isnan(points).all()


def test_a_face_without_an_eye_wears_no_glasses(rendered: FaceFile) -> None:
    split, parts = rendered.read("test"), rendered.scheme.parts
    points = split.landmarks[0].copy()
    points[list(parts["eyes"])[:6]] = np.nan
    rng = np.random.default_rng(0)
    assert cover("sunglasses", split.images[0], points, parts, rng) is None
    assert cover("patch", split.images[0], points, {}, rng) is not None


@given(turn=st.floats(-3, 3), size=st.floats(5, 60))
def test_a_frame_has_the_eyes_half_aside_and_the_mouth_at_one(turn: float, size: float) -> None:
    face = np.array([[-0.6, 0], [-0.4, 0], [0.4, 0], [0.6, 0], [0, 1.1], [0, 1.1]], np.float32)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = 50 + size * face @ turned
    frame = Frame.of(points, {"eyes": (0, 1, 2, 3), "mouth": (4, 5)})
    assert frame is not None
    assert frame.width == pytest.approx(size, rel=1e-3)
    assert frame.height == pytest.approx(1.1 * size, rel=1e-3)
    np.testing.assert_allclose(frame.at((0, 1))[0], points[4], atol=1e-2)
    places = frame.places(points.T[:, :, None])[..., 0].T
    expected = np.array([[-0.6, 0], [0.6, 0], [0, 1]])
    assert np.abs(places[[0, 3, 4]] - expected).max() < 1e-2
