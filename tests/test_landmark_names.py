import pytest
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.landmark_names import check_names, mirror_pairs, mirrored_name

COCO = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_eye", "right_eye"),
        ("eye_left", "eye_right"),
        ("lefteye", "righteye"),
        ("leftEye", "rightEye"),
        ("eyeLeft", "eyeRight"),
        ("Left Eye", "Right Eye"),
        ("LEFT_EYE", "RIGHT_EYE"),
        ("L_eye", "R_eye"),
        ("l_eye", "r_eye"),
        ("eye_l", "eye_r"),
        ("eye-L", "eye-R"),
        ("eyeL", "eyeR"),
        ("LEye", "REye"),
        ("lEye", "rEye"),
        ("L1", "R1"),
        ("left_eye_left_corner", "right_eye_right_corner"),
        ("left_eye_right_corner", "right_eye_left_corner"),
        ("upright_l", "upright_r"),
    ],
)
def test_left_and_right_make_a_pair(left: str, right: str) -> None:
    assert mirrored_name(left) == right
    assert mirrored_name(right) == left
    assert mirror_pairs(["tip", right, left]) == [(1, 2)]


@pytest.mark.parametrize(
    "name",
    [
        "nose",
        "wrist",
        "thumb_1",
        "lip",
        "Lid",
        "EYE_LID",
        "ear",
        "upright",
        "Bright",
        "cleft",
        "ALL",
    ],
)
def test_a_name_without_a_side_is_its_own_mirror_image(name: str) -> None:
    assert mirrored_name(name) == name


def test_a_side_without_its_partner_makes_no_pair() -> None:
    assert mirror_pairs(["left_eye", "nose", "Right_eye"]) == []
    assert mirror_pairs(COCO) == [(1, 2), (3, 4), (5, 6)]


@given(st.lists(st.sampled_from(["left", "Right", "L", "r", "_", "eye", "Eye", "1", "A"])))
def test_a_landmark_is_in_one_pair_at_most(parts: list[str]) -> None:
    name = "".join(parts)
    other = mirrored_name(name)
    pairs = mirror_pairs(list(dict.fromkeys([name, other, mirrored_name(other)])))
    assert len({place for pair in pairs for place in pair}) == 2 * len(pairs)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "b"], "names has 2 names for 3 landmarks"),
        (["a", "b", "a"], "names has 'a' twice"),
        (["a", "b", " "], "names holds ' ', which must be a line of text"),
        (["a", "b", "c\nd"], r"names holds 'c\\nd', which must be a line of text"),
        (["a", "b", 3], "names holds 3"),
        ("abc", "names='abc' must be a list of 3 names"),
        (5, "names=5 must be a list of 3 names"),
    ],
)
def test_wrong_names_are_named(names: object, said: str) -> None:
    with pytest.raises(ValueError, match=f"^scheme own: {said}"):
        check_names(names, 3, "scheme own")


@pytest.mark.parametrize("none", [None, [], ()])
def test_no_names_are_fine(none: object) -> None:
    assert check_names(none, 3, "scheme own") == ()
