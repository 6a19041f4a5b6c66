import pytest

from landmark_lightning.inference.stress.conditions import (
    Condition,
    check_conditions,
    conditions_of,
)
from landmark_lightning.schemes import SCHEMES, scheme_from_names


def test_conditions_are_named_and_stand_once() -> None:
    wanted = conditions_of(["mask", "mask"], blur=[2, 2], dark=[1])
    assert [each.name for each in wanted] == ["mask", "blur 2", "dark 1"]
    assert [each.covers for each in wanted] == [True, False, False]


def test_a_cover_needs_parts_and_a_patch_none() -> None:
    mouse = scheme_from_names("mouse", ["nose", "tail"])
    with pytest.raises(
        ValueError, match=r"cover=hand .* scheme mouse names no part eyes; .* cover=patch"
    ):
        check_conditions(conditions_of(["patch", "hand"]), mouse)
    check_conditions([Condition("patch"), Condition("blur", 3)], mouse)
    check_conditions(conditions_of(["mask"]), SCHEMES["aflw19"])
