from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landmark_lightning.landmark_parts import PAIRED, PARTS
from landmark_lightning.schemes import (
    SCHEMES,
    Scheme,
    scheme_from,
    scheme_from_names,
    scheme_setting,
)

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
        ({"normalizers": {"eyes": [[0.5], [1]]}}, "to two lists of landmarks, box or diag"),
        ({"normalizers": {"eyes": [["a"], [1]]}}, "to two lists of landmarks, box or diag"),
        ({"normalizers": {"eyes": [[0], [1], [2]]}}, "to two lists of landmarks, box or diag"),
        (
            {"extra": 1},
            "a scheme has landmarks, mirror, name, normalizers and maybe names and parts",
        ),
        ({"names": ["a", "b"]}, "scheme eyes4: names has 2 names for 4 landmarks"),
        ({"names": ["a", "b", "c", "a"]}, "scheme eyes4: names has 'a' twice"),
        ({"parts": [0]}, r"parts=\[0\] must be a mapping"),
        ({"parts": {"eye": [0, 1]}}, "part 'eye' must be one of jaw, .*; did you mean eyes"),
        ({"parts": {"nose": 3}}, "part nose=3 must be a list of landmarks"),
        ({"parts": {"nose": [4]}}, "part nose names landmark 4, but it must name some of 0..3"),
        ({"parts": {"jaw": [1, 1]}}, "part jaw names landmark 1, but .* each once"),
        ({"parts": {"eyes": [0, 1, 3]}}, "part eyes has 3 landmarks, but first come those"),
    ],
)
def test_a_wrong_scheme_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        scheme_from(OWN | change)


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"ibug69.*ibug68, wflw98, aflw19"):
        scheme_from("ibug69")


def test_a_scheme_may_name_its_landmarks() -> None:
    names = ["outer_r", "inner_r", "inner_l", "outer_l"]
    scheme = scheme_from(OWN | {"names": names})
    assert scheme.names == tuple(names)
    assert scheme_from(scheme.to_dict()) == scheme
    assert scheme.called(3) == "3 (outer_l)"
    assert scheme_from(OWN).called(3) == "3"
    assert "names" not in scheme_from(OWN).to_dict()


HAND = """\
name: hand4
landmarks: 4
mirror: []
normalizers: {box: box}
names: [wrist, thumb, index, middle]
"""


def test_a_scheme_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hand.yaml"
    path.write_text(HAND, encoding="utf-8-sig")
    scheme = scheme_from(str(path))
    assert (scheme.name, scheme.landmarks, scheme.pairs) == ("hand4", 4, [])
    assert scheme.names[1] == "thumb"
    assert list(scheme.normalizers) == ["box"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HAND.replace("wrist", "thumb"), r"hand\.yaml: scheme hand4: names has 'thumb' twice"),
        (HAND.replace("mirror: []", ""), r"hand\.yaml: a scheme has landmarks, mirror"),
        ("name: [", r"scheme=.*hand\.yaml can't be read: it is no YAML of plain values, line 2"),
        ("- 1", r"hand\.yaml must hold name, landmarks, mirror and normalizers"),
        ("", r"hand\.yaml must hold name"),
        ("\udcff", r"hand\.yaml can't be read: it is no text in UTF-8"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "hand.yaml"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=said) as raised:
        scheme_from(str(path))
    assert "\n" not in str(raised.value)
    with pytest.raises(FileNotFoundError, match=r"scheme=none\.yml does not exist"):
        scheme_from("none.yml")


def test_names_alone_make_a_scheme() -> None:
    scheme = scheme_from_names("mouse", ["snout", "left_ear", "right_ear", "tail"])
    assert (scheme.name, scheme.landmarks) == ("mouse", 4)
    assert scheme.mirror == (0, 2, 1, 3)
    assert list(scheme.normalizers) == ["box", "diag"]
    with pytest.raises(ValueError, match="scheme mouse: names has 'ear' twice"):
        scheme_from_names("mouse", ["ear", "ear"])


def test_a_scheme_as_a_setting_needs_no_file() -> None:
    assert scheme_setting(SCHEMES["wflw98"]) == "wflw98"
    own = scheme_from(OWN)
    assert scheme_setting(own) == own.to_dict()
    other = scheme_from(OWN | {"name": "ibug68"})
    assert scheme_setting(other) == other.to_dict()


@pytest.mark.parametrize("name", SCHEMES)
def test_the_parts_of_a_built_in_scheme_make_the_face(name: str) -> None:
    """A mirrored face has the same parts, and what comes in two changes sides."""
    scheme = SCHEMES[name]
    assert tuple(scheme.parts) == PARTS
    members = sorted(i for part in scheme.parts.values() for i in part)
    assert members == list(range(scheme.landmarks))
    for part, ours in scheme.parts.items():
        mirrored = {scheme.mirror[i] for i in ours}
        assert mirrored == set(ours)
        if part in PAIRED:
            half = len(ours) // 2
            assert {scheme.mirror[i] for i in ours[:half]} == set(ours[half:])
    jaw = scheme.parts["jaw"]
    assert tuple(scheme.mirror[i] for i in jaw) == jaw[::-1]


def test_parts_are_kept_where_they_are_one_s_own() -> None:
    """A file of before, or of a built-in scheme, need not say them."""
    own = scheme_from(OWN | {"parts": {"eyes": [0, 3]}})
    assert own.to_dict()["parts"] == {"eyes": [0, 3]}
    assert scheme_from(own.to_dict()) == own
    assert "parts" not in scheme_from(OWN).to_dict()
    other = SCHEMES["aflw19"].to_dict()
    assert "parts" not in other
    assert scheme_from(other).parts == SCHEMES["aflw19"].parts
    assert scheme_from(other | {"parts": {}}).parts == {}
    assert scheme_from(scheme_from(other | {"parts": {}}).to_dict()).parts == {}


def test_a_mirror_that_is_no_involution() -> None:
    with pytest.raises(ValueError, match="twice"):
        Scheme("turn", 3, (1, 2, 0), {"box": "box"})
