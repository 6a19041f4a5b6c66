from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.config.difference import first_difference
from landmark_lightning.config.read import check_folder, check_kinds, check_name, check_path

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


@pytest.mark.parametrize(
    "value", ["", "a/b", "..", ".a", "a.", "a..b", "a b", "a\n", True, None, [1]]
)
def test_a_name_makes_a_file_s_name(value: object) -> None:
    assert [check_name(name, "n") for name in ("300w", 300, "my_set-2", "bb-power0.5")] == [
        "300w",
        "300",
        "my_set-2",
        "bb-power0.5",
    ]
    with pytest.raises(ValueError, match=r"dataset\.name="):
        check_name(value, "dataset.name")


@pytest.mark.parametrize("value", [None, "", True, ["a"], 1.5])
def test_a_path_may_look_like_a_number(value: object) -> None:
    assert check_path(2024, "runs_dir") == Path("2024")
    assert check_path("a/b", "runs_dir") == check_path(Path("a/b"), "runs_dir") == Path("a/b")
    with pytest.raises(ValueError, match=r"runs_dir=.* must be a path"):
        check_path(value, "runs_dir")


def test_a_folder_is_no_file_nor_below_one(tmp_path: Path) -> None:
    assert check_folder(str(tmp_path), "runs_dir") == tmp_path
    assert check_folder(tmp_path / "new" / "one", "runs_dir") == tmp_path / "new" / "one"
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below"):
        with pytest.raises(ValueError, match=rf"runs_dir={path}: {file} is a file; name a folder"):
            check_folder(path, "runs_dir")


def test_kinds() -> None:
    check_kinds(OLD, ("phases",), ("phases.list",))
    with pytest.raises(ValueError, match=r"phases=5 must be a mapping"):
        check_kinds({"phases": 5}, ("phases",), ())
    with pytest.raises(ValueError, match=r"phases.list=\{\} must be a list"):
        check_kinds({"phases": {"list": {}}}, ("phases",), ("phases.list",))
