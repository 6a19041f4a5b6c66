from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from landmark_lightning.datasets.synthetic.head import (
    CROWN,
    Expression,
    FloatArray,
    Head,
    Identity,
    smooth,
    through,
)
from landmark_lightning.datasets.synthetic.head_landmarks import landmarks
from landmark_lightning.schemes import SCHEMES

deviations = st.floats(-2.2, 2.2)
identities = st.builds(Identity, *[deviations] * len(fields(Identity)))
shares = st.floats(0, 1)
signed = st.floats(-1, 1)


def mirrored(points: FloatArray, scheme: str) -> FloatArray:
    return points[list(SCHEMES[scheme].mirror)] * [-1, 1, 1]


def test_a_spline_passes_through_its_points() -> None:
    points = np.random.default_rng(0).normal(size=(6, 2))
    np.testing.assert_allclose(smooth(points, np.arange(4.0)), points[1:5])
    curve = through(points, 11)
    np.testing.assert_allclose(curve[::2], points)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_landmarks_have_the_scheme_s_count(scheme: str) -> None:
    points = landmarks(Head(), scheme)
    assert points.shape == (SCHEMES[scheme].landmarks, 3)
    assert len(np.unique(points.round(6), axis=0)) >= len(points) - 6, "only closed lips meet"


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(deadline=None)
@given(who=identities, mouth_open=shares, smile=signed, brow_raise=signed, eye=st.floats(0, 1.3))
def test_a_symmetric_head_equals_its_mirror(
    scheme: str, who: Identity, mouth_open: float, smile: float, brow_raise: float, eye: float
) -> None:
    points = landmarks(Head(who, Expression(mouth_open, smile, brow_raise, (eye, eye))), scheme)
    np.testing.assert_allclose(mirrored(points, scheme), points, atol=1e-12)


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(deadline=None)
@given(left=st.floats(0, 1.3), right=st.floats(0, 1.3), gaze=signed, skew=signed)
def test_a_mirrored_expression_gives_mirrored_landmarks(
    scheme: str, left: float, right: float, gaze: float, skew: float
) -> None:
    points = landmarks(
        Head(expression=Expression(0.3, eye_open=(left, right), gaze=(gaze, 0), skew=skew)), scheme
    )
    other = landmarks(
        Head(expression=Expression(0.3, eye_open=(right, left), gaze=(-gaze, 0), skew=-skew)),
        scheme,
    )
    np.testing.assert_allclose(mirrored(points, scheme), other, atol=1e-9)


def test_ibug68_is_in_the_order_of_300w() -> None:
    x, y, z = landmarks(Head(expression=Expression(mouth_open=0.5)), "ibug68").T
    for run in (range(17), range(17, 27), range(31, 36), range(48, 55), range(60, 65)):
        assert np.all(np.diff(x[list(run)]) > 0), f"{run} runs from left to right"
    assert np.all(np.diff(y[27:31]) > 0)
    assert np.all(np.diff(z[27:31]) > 0)
    for run in (range(54, 60), range(64, 68)):
        assert np.all(np.diff(x[list(run)]) < 0), f"{run} runs back from right to left"
    assert x[36] < x[37] < x[38] < x[39] < 0 < x[42] < x[43] < x[44] < x[45]
    assert max(y[37], y[38]) < y[36] < min(y[40], y[41])
    assert x[41] < x[40]
    assert x[47] < x[46]
    assert y[19] < y[37] < y[30] < y[33] < y[51] < y[62] < y[66] < y[57] < y[8] == y.max()


def test_wflw98_is_in_the_order_of_wflw() -> None:
    x, y, _ = landmarks(Head(expression=Expression(mouth_open=0.5)), "wflw98").T
    assert np.all(np.diff(y[:17]) > 0)
    assert np.all(np.diff(y[16:33]) < 0)
    assert x[:16].max() < 0 < x[17:33].min()
    for run in (range(33, 38), range(42, 47), range(55, 60), range(76, 83)):
        assert np.all(np.diff(x[list(run)]) > 0), f"{run} runs from left to right"
    for run in (range(38, 42), range(47, 51), range(82, 88), range(92, 96)):
        assert np.all(np.diff(x[list(run)]) < 0), f"{run} runs back from right to left"
    assert np.all(y[[41, 40, 39, 38]] > y[34:38]), "the lower edge of the brow"
    for corner in (60, 68):
        ring = range(corner, corner + 8)
        assert np.argmin(x[list(ring)]) == 0
        assert np.argmax(x[list(ring)]) == 4
        assert y[corner + 2] < y[corner] < y[corner + 6]
    assert x[60] < x[96] < x[64] < 0 < x[68] < x[97] < x[72]
    assert y[16] == y.max()


def test_the_schemes_agree_where_they_name_the_same_point() -> None:
    head = Head(Identity(nose_width=1.0), Expression(mouth_open=0.4, smile=0.5))
    ibug, wflw, aflw = (landmarks(head, name) for name in ("ibug68", "wflw98", "aflw19"))
    same = {2 * i: i for i in range(17)} | {51 + i: 27 + i for i in range(9)}
    same |= {60: 36, 64: 39, 68: 42, 72: 45} | {76 + i: 48 + i for i in range(20)}
    same |= {33 + i: 17 + i for i in range(5)} | {42 + i: 22 + i for i in range(5)}
    np.testing.assert_allclose(wflw[list(same)], ibug[list(same.values())], atol=1e-12)
    points = {0: 17, 5: 26, 6: 36, 8: 39, 9: 42, 11: 45, 12: 31, 13: 30, 14: 35, 15: 48, 17: 54}
    points |= {18: 8}
    np.testing.assert_allclose(aflw[list(points)], ibug[list(points.values())], atol=1e-12)
    np.testing.assert_allclose(aflw[16], ibug[[62, 66]].mean(axis=0), atol=1e-12)


def test_expressions_move_what_they_name() -> None:
    rest = landmarks(Head(), "ibug68")
    open_mouth = landmarks(Head(expression=Expression(mouth_open=1.0)), "ibug68")
    assert rest[66, 1] - rest[62, 1] == 0
    assert open_mouth[66, 1] - open_mouth[62, 1] > 0.3
    assert open_mouth[8, 1] > rest[8, 1] + 0.2
    smiling = landmarks(Head(expression=Expression(smile=1.0)), "ibug68")
    assert smiling[48, 1] < rest[48, 1]
    assert smiling[54, 0] - smiling[48, 0] > rest[54, 0] - rest[48, 0]
    raised = landmarks(Head(expression=Expression(brow_raise=1.0)), "ibug68")
    assert np.all(raised[17:27, 1] < rest[17:27, 1])
    wink = landmarks(Head(expression=Expression(eye_open=(0.0, 1.0))), "ibug68")
    np.testing.assert_allclose(wink[[37, 38]], wink[[41, 40]], atol=1e-12)
    np.testing.assert_allclose(wink[42:48], rest[42:48])


@settings(deadline=None)
@given(who=identities, x=st.floats(-0.6, 0.6), y=st.floats(-1.2, 0.8))
def test_locate_finds_the_point_that_lift_shows_from_the_front(
    who: Identity, x: float, y: float
) -> None:
    head = Head(who)
    position, angle = head.locate(np.array([[x, y]]))
    assume(abs(angle[0]) < np.pi / 2)  # else the point lies beside the head
    place = head.lift(position, angle)
    np.testing.assert_allclose(place[0, :2], [x, y], atol=2e-3)


def test_the_surface_is_closed_and_the_nose_is_its_foremost_part() -> None:
    position, angle = np.linspace(0, CROWN, 80)[:, None], np.linspace(-np.pi, np.pi, 91)[None]
    surface = Head().lift(position, angle)
    assert surface.shape == (80, 91, 3)
    np.testing.assert_allclose(surface[:, 0], surface[:, -1], atol=1e-9)
    assert np.ptp(surface[0], axis=0)[0] < 1e-9
    assert np.ptp(surface[-1], axis=0)[0] < 1e-9
    foremost = surface.reshape(-1, 3)[surface[..., 2].argmax()]
    np.testing.assert_allclose(foremost, landmarks(Head(), "ibug68")[30], atol=0.08)


def test_another_scheme_is_an_error_that_names_the_three() -> None:
    with pytest.raises(ValueError, match=r"'eyes4'.*ibug68, wflw98, aflw19"):
        landmarks(Head(), "eyes4")
