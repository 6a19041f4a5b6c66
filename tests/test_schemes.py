from typing import Any

import numpy as np
import pytest

from landmark_lightning.schemes import SCHEMES, Scheme, scheme_from

OWN: dict[str, Any] = {
    "name": "eyes4",
    "landmarks": 4,
    "mirror": [[0, 3], [1, 2]],
    "normalizers": {"inter_ocular": [[0], [3]], "box": "box"},
}


@pytest.mark.parametrize(
    ("name", "count", "pairs"), [("ibug68", 68, 29), ("wflw98", 98, 44), ("aflw19", 19, 8)]
)
def test_the_built_in_schemes_are_whole(name: str, count: int, pairs: int) -> None:
    scheme = SCHEMES[name]
    assert scheme.landmarks == count
    assert sum(i < j for i, j in enumerate(scheme.mirror)) == pairs
    assert scheme_from(scheme.to_dict()) == scheme


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("ibug68", [(0, 16), (7, 9), (8, 8), (17, 26), (21, 22), (27, 27), (31, 35), (36, 45)]),
        ("ibug68", [(40, 47), (41, 46), (48, 54), (55, 59), (57, 57), (60, 64), (65, 67)]),
        (
            "wflw98",
            [(0, 32), (15, 17), (33, 46), (37, 42), (38, 50), (41, 47), (54, 54), (55, 59)],
        ),
        (
            "wflw98",
            [(60, 72), (64, 68), (67, 73), (76, 82), (84, 86), (88, 92), (93, 95), (96, 97)],
        ),
        ("aflw19", [(0, 5), (2, 3), (6, 11), (8, 9), (12, 14), (13, 13), (15, 17), (18, 18)]),
    ],
)
def test_mirror_pairs(name: str, pairs: list[tuple[int, int]]) -> None:
    mirror = SCHEMES[name].mirror
    assert all(mirror[a] == b and mirror[b] == a for a, b in pairs)


def test_normalizers_of_a_known_face() -> None:
    landmarks = np.zeros((68, 2))
    landmarks[36:42] = [10, 20]
    landmarks[42:48] = [40, 60]
    landmarks[36] = [7, 20]
    landmarks[45] = [43, 60]
    box = np.array([0.0, 0.0, 30.0, 40.0])
    lengths = dict(
        zip(
            SCHEMES["ibug68"].normalizers, SCHEMES["ibug68"].normalize(landmarks, box), strict=True
        )
    )
    assert lengths["inter_ocular"] == pytest.approx(np.hypot(36, 40))
    assert lengths["inter_pupil"] == pytest.approx(np.hypot(31, 40))
    assert lengths["box"] == pytest.approx(np.sqrt(1200))
    assert lengths["diag"] == pytest.approx(50)


def test_a_scheme_of_ones_own() -> None:
    scheme = scheme_from(OWN)
    assert scheme.mirror == (3, 2, 1, 0)
    assert scheme.normalizers["inter_ocular"] == ((0,), (3,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"landmarks": "4"}, "landmarks='4'"),
        ({"landmarks": 0}, "at least 1"),
        ({"mirror": [[0, 4]]}, r"\[0, 4\]"),
        ({"normalizers": {}}, "at least one"),
        ({"normalizers": {"eyes": [[0], [9]]}}, "landmark 9"),
        ({"normalizers": {"size": "area"}}, "'area'"),
        ({"extra": 1}, "exactly"),
    ],
)
def test_a_wrong_scheme_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        scheme_from(OWN | change)


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"ibug69.*ibug68, wflw98, aflw19"):
        scheme_from("ibug69")


def test_a_mirror_that_is_no_involution() -> None:
    with pytest.raises(ValueError, match="twice"):
        Scheme("turn", 3, (1, 2, 0), {"box": "box"})
