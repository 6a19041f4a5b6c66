from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from landmark_lightning.datasets.synthetic.faces import RenderedFace, render_face
from landmark_lightning.inspection.shapes import disorder, distances, mean_shape, shapes, yaw
from landmark_lightning.schemes import SCHEMES
from tests.conftest import DOTS

Points = NDArray[np.float64]
IBUG68 = SCHEMES["ibug68"]


@pytest.fixture(scope="module")
def heads() -> list[RenderedFace]:
    return [render_face("train", index) for index in range(120)]


@pytest.fixture(scope="module")
def points(heads: list[RenderedFace]) -> Points:
    """(120, 68, 2)."""
    return np.stack([head.points["ibug68"] for head in heads])


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.1, 10),
    shift=st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
    seed=st.integers(0, 100),
)
def test_shapes_forget_shift_and_scale_and_distances_the_turn(
    angle: float, scale: float, shift: tuple[float, float], seed: int
) -> None:
    face, other = np.random.default_rng(seed).normal(size=(2, 9, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * face @ turn.T + np.array(shift)
    as_it_was, turned, rival = shapes(np.stack([face, moved, other]))
    same, far, mirrored = distances(np.stack([turned, rival, turned.conj()]), as_it_was)
    assert same == pytest.approx(0, abs=1e-6)
    assert far == pytest.approx(distances(rival[None], turned)[0])
    assert 0.01 < far <= 1
    assert mirrored > 0.01


def test_the_distance_is_what_the_best_similarity_leaves() -> None:
    first, second = shapes(np.random.default_rng(3).normal(size=(2, 12, 2)))
    best, *_ = np.linalg.lstsq(first[:, None], second, rcond=None)
    left = np.linalg.norm(second - first * best[0])
    assert distances(second[None], first)[0] == pytest.approx(left)


def test_the_mean_shape_is_nearer_to_the_faces_than_any_of_them(points: Points) -> None:
    faces = shapes(points)
    mean = mean_shape(faces)
    assert np.linalg.norm(mean) == pytest.approx(1)
    of_mean = np.square(distances(faces, mean)).sum()
    assert of_mean < min(np.square(distances(faces, face)).sum() for face in faces)


def test_a_face_on_one_spot_is_as_far_as_can_be() -> None:
    faces = shapes(np.concatenate([np.full((1, 5, 2), 7.0), np.eye(5)[None, :, :2]]))
    assert distances(faces, mean_shape(faces))[0] == 1


@pytest.mark.parametrize("name", SCHEMES)
def test_yaw_is_right_in_order_and_rough_in_size(heads: list[RenderedFace], name: str) -> None:
    true = np.array([head.yaw for head in heads])
    found = yaw(np.stack([head.points[name] for head in heads]), SCHEMES[name])
    assert found is not None
    assert spearmanr(found, true).statistic > 0.99
    assert np.median(np.abs(found - true)) < 1.5
    turned = np.abs(true) > 40
    assert turned.sum() >= 5
    assert np.median(np.abs(found - true)[turned]) < 8


def test_yaw_does_not_depend_on_the_roll(points: Points) -> None:
    quarter = np.stack([-points[..., 1], points[..., 0]], axis=-1)
    first, second = yaw(points, IBUG68), yaw(quarter, IBUG68)
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_scheme_of_one_s_own_has_no_yaw(points: Points) -> None:
    assert yaw(points[:, :5], DOTS) is None


def test_nothing_is_said_of_left_and_right_where_no_landmark_has_a_mirror_partner() -> None:
    """A hand: its landmarks are not their own mirror images, and nobody says that they were."""
    hand = replace(DOTS, name="hand", mirror=tuple(range(5)))
    points = np.array([[0.0, 0], [1, -3], [2, -5], [4, -4], [6, -1]])
    mean = mean_shape(shapes(points + np.random.default_rng(0).normal(0, 0.1, (20, 5, 2))))
    assert disorder(mean, hand) == []


def test_a_scheme_of_one_s_own_may_have_a_built_in_name(points: Points) -> None:
    namesake = replace(DOTS, name="ibug68")
    assert yaw(points[:, :5], namesake) is None
    disorder(mean_shape(shapes(points[:, :5])), namesake)


@pytest.mark.parametrize("name", SCHEMES)
def test_rendered_faces_are_in_order(heads: list[RenderedFace], name: str) -> None:
    mean = mean_shape(shapes(np.stack([head.points[name] for head in heads])))
    assert disorder(mean, SCHEMES[name]) == []
    assert disorder(mean, replace(SCHEMES[name], name="own")) == []


@pytest.mark.parametrize("what", ["y upwards", "left and right", "x and y"])
def test_a_mirrored_set_is_named(points: Points, what: str) -> None:
    wrong = {
        "y upwards": points * [1, -1],
        "left and right": points[:, list(IBUG68.mirror)],
        "x and y": points[..., ::-1],
    }[what]
    (message,) = disorder(mean_shape(shapes(wrong)), IBUG68)
    assert "mirrored" in message


def test_a_turned_set_is_named(points: Points) -> None:
    turned = np.stack([-points[..., 1], points[..., 0]], axis=-1)
    (message,) = disorder(mean_shape(shapes(turned)), IBUG68)
    assert "turned by 9" in message or "turned by 8" in message


@pytest.mark.parametrize("pair", [(36, 45), (41, 46), (60, 64), (31, 35)])
def test_a_pair_that_has_changed_places_is_named(points: Points, pair: tuple[int, int]) -> None:
    wrong = points.copy()
    wrong[:, list(pair)] = wrong[:, list(pair)[::-1]]
    (message,) = disorder(mean_shape(shapes(wrong)), IBUG68)
    assert f"landmarks {pair[0]} and {pair[1]} have changed places" in message


def test_false_mirror_pairs_of_one_s_own_scheme_are_named(points: Points) -> None:
    mirror = list(IBUG68.mirror)
    mirror[3], mirror[13], mirror[36], mirror[45] = 45, 36, 13, 3
    mirror[48], mirror[54] = 48, 54
    own = replace(IBUG68, name="own", mirror=tuple(mirror))
    messages = disorder(mean_shape(shapes(points)), own)
    assert (
        "landmarks 3 (p3) and 45 (p45) are mirror"
        in disorder(
            mean_shape(shapes(points)), replace(own, names=tuple(f"p{i}" for i in range(68)))
        )[0]
    )
    assert [text.split(" are ")[0].split(" is ")[0] for text in messages] == [
        "landmarks 3 and 45",
        "landmarks 13 and 36",
        "landmark 48",
        "landmark 54",
    ]


def test_gaps_hardly_move_the_mean_shape_and_the_distances(points: Points) -> None:
    whole = shapes(points)
    gaps = points.copy()
    gaps[np.random.default_rng(0).random(points.shape[:2]) < 0.3] = np.nan
    faces = shapes(gaps)
    mean = mean_shape(faces)
    assert distances(mean[None], mean_shape(whole))[0] < 0.02
    here, there = distances(faces, mean), distances(whole, mean_shape(whole))
    assert spearmanr(here, there).statistic > 0.9
    assert np.abs(here - there).mean() < 0.01


def test_a_landmark_that_no_face_has_lies_in_the_middle_of_the_mean(points: Points) -> None:
    points = points.copy()
    points[:, 7] = np.nan
    mean, others = mean_shape(shapes(points)), np.delete(np.arange(68), 7)
    assert abs(mean[7] - mean[others].mean()) < 0.01
    rest = shapes(points[:, others])
    expected = distances(rest, mean_shape(rest))
    assert np.allclose(distances(shapes(points), mean), expected, atol=0.01)


def test_a_face_without_its_eye_corner_has_no_yaw(points: Points) -> None:
    points = points.copy()
    points[3, 45] = np.nan
    turned = yaw(points, IBUG68)
    assert turned is not None
    assert np.flatnonzero(np.isnan(turned)).tolist() == [3]
