import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landmark_lightning.datasets.synthetic.camera import Pose, render
from landmark_lightning.datasets.synthetic.head import Expression, FloatArray, Head, Identity
from landmark_lightning.datasets.synthetic.head_landmarks import landmarks
from landmark_lightning.datasets.synthetic.portrait import Look

FRONT = Pose(scale=60.0, shift=(119.5, 140.0))
LOOK = Look(light=(0.0, -0.3, 0.954))


def rendered(head: Head, pose: Pose, look: Look = LOOK) -> tuple[FloatArray, FloatArray]:
    canvas = np.full((240, 240), 0.5)
    depth = render(canvas, head, look, pose, np.random.default_rng(0))
    return canvas, depth


def seen_at(picture: FloatArray, points: FloatArray) -> FloatArray:
    column, row = np.rint(points[..., :2]).astype(int).T
    return picture[row, column]


@settings(deadline=None)
@given(
    yaw=st.floats(-80, 80),
    pitch=st.floats(-30, 30),
    roll=st.floats(-30, 30),
    scale=st.floats(1, 9),
)
def test_a_pose_is_a_rotation_times_its_scale(
    yaw: float, pitch: float, roll: float, scale: float
) -> None:
    pose = Pose(yaw, pitch, roll, scale)
    np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose.matrix) == pytest.approx(scale**3)


def test_the_angles_turn_as_they_say() -> None:
    nose, crown = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
    assert Pose(yaw=30).project(nose)[0] > 0, "to the picture's right"
    assert Pose(pitch=30).project(nose)[1] < 0, "up"
    assert Pose(roll=30).project(crown)[0] > 0, "clockwise"
    np.testing.assert_allclose(Pose(shift=(5, 7)).project(nose), [5, 7, 1])


def test_an_enlarged_pose_keeps_pixel_centres() -> None:
    pose = Pose(20, 5, -3, 11.0, (40.0, 50.0))
    points = np.random.default_rng(0).normal(size=(9, 3))
    small, large = pose.project(points), pose.enlarged(2).project(points)
    # The centre of a pixel is the middle of the four that replace it.
    np.testing.assert_allclose(large[:, :2], 2 * small[:, :2] + 0.5)


def test_a_mirrored_head_gives_a_mirrored_picture() -> None:
    picture, depth = rendered(Head(), FRONT)
    head = np.isfinite(depth)
    assert np.mean(head != head[:, ::-1]) < 1e-3, "only the hair is parted"
    face = picture[90:200, 60:180]
    assert np.corrcoef(face.ravel(), face[:, ::-1].ravel())[0, 1] > 0.97


def test_landmarks_sit_on_what_is_drawn() -> None:
    head = Head(expression=Expression(mouth_open=0.6))
    picture, _ = rendered(head, FRONT)
    points = FRONT.project(landmarks(head, "wflw98"))
    cheek = seen_at(picture, FRONT.project(np.array([[0.55, 0.05, 0.0]]))).item()
    below_glint = points[[96, 97]] + [0, 1, 0]
    assert seen_at(picture, below_glint).max() < 0.6 * cheek, "pupils are dark"
    brows = (points[[35, 44]] + points[[39, 48]]) / 2
    assert seen_at(picture, brows).max() < 0.6 * cheek, "brows are dark"
    hole = (points[90] + points[94]) / 2
    assert seen_at(picture, hole) < 0.4 * cheek, "the open mouth is dark"
    lips = (points[[79, 85]] + points[[90, 94]]) / 2
    assert seen_at(picture, lips).max() < 0.95 * cheek, "lips are darker than skin"


def test_the_jaw_is_the_silhouette_from_the_front() -> None:
    head = Head(Identity(jaw_width=1.0))
    _, depth = rendered(head, FRONT)
    jaw = landmarks(head, "ibug68")[[4, 5, 11, 12]]
    assert np.all(np.isfinite(seen_at(depth, FRONT.project(jaw * [0.95, 1, 1]))))
    assert np.all(np.isinf(seen_at(depth, FRONT.project(jaw * [1.06, 1, 1]))))


@pytest.mark.parametrize("side", [-1, 1])
def test_the_nose_hides_the_far_eye_of_a_profile(side: int) -> None:
    pose = Pose(yaw=75.0 * side, scale=60.0, shift=(119.5, 140.0))
    _, depth = rendered(Head(), pose)
    points = pose.project(landmarks(Head(), "ibug68"))
    near, far = (36, 45) if side > 0 else (45, 36)
    behind = seen_at(depth, points) - points[:, 2]
    assert behind[near] < 0.05 * pose.scale
    assert behind[far] > 0.25 * pose.scale


def test_light_from_a_side_lights_that_side() -> None:
    picture, _ = rendered(Head(), FRONT, Look(light=(0.9, 0.0, 0.436), ambient=0.1))
    left, right = (
        seen_at(picture, FRONT.project(np.array([[x, 0.0, 0.0]]))).item() for x in (-0.6, 0.6)
    )
    assert right > 2 * left
