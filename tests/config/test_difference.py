from typing import Any

import pytest

from landmark_lightning.config.difference import first_difference

OLD: dict[str, Any] = {
    "phases": {"scale": 1.0, "list": [{"lr": 0.1}]},
    "extra": {},
    "rerun": False,
}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, None),
        ({"rerun": True}, None),
        ({"phases": {"scale": 0.5, "list": [{"lr": 0.1}]}}, ("phases.scale", 1.0, 0.5)),
        (
            {"phases": {"scale": 1.0, "list": [{"lr": 0.2}]}},
            ("phases.list.0.lr", 0.1, 0.2),
        ),
        ({"seed": 0}, ("seed", None, 0)),
        ({"extra": {"a": None}}, ("extra", {}, None)),
    ],
)
def test_the_first_difference(change: dict[str, Any], found: tuple[str, Any, Any] | None) -> None:
    assert first_difference(OLD, OLD | change, ["rerun"]) == found


def test_what_is_ignored_is_ignored_with_all_below() -> None:
    now = OLD | {"phases": {"scale": 2.0, "list": []}}
    assert first_difference(OLD, now, ["phases.scale", "phases.list"]) is None
    assert first_difference(OLD, now, ["phases"]) is None
    assert first_difference(OLD, now, ["phase"]) == ("phases.list", None, [])
