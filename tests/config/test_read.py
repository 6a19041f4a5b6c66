from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.config import schema
from landmark_lightning.config.compose import compose
from landmark_lightning.config.read import names, plain, read, speaking_of
from landmark_lightning.errors import UserError


def _changed(name: str, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Settings of landmark-train as YAML has them, one of them another."""
    config: dict[str, Any] = plain(compose("model=bb"))
    *rooms, last = name.split(".")
    room = config
    for key in rooms:
        room = room[key]
    room[last] = value
    return config


def test_settings_are_read_and_written_the_same() -> None:
    config = compose("model=bb", "dataset=300w", "dataset.root=~/300w", "runs_dir=2024")
    assert config.runs_dir == Path("2024")
    assert config.dataset.root == Path("~/300w").expanduser()
    assert isinstance(config.model.balancing, schema.Rescored)
    again = read(schema.Train, plain(config))
    assert replace(again, dataset=replace(again.dataset, given=config.dataset.given)) == config


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch_size", 0, "batch_size=0 must be a whole number from 1 to 100000"),
        ("data", 5, "data=5 must be a mapping"),
        ("data.prefetch", -1, "data.prefetch=-1 must be a whole number from 0 to 1000"),
        (
            "model.balancing.power",
            -1,
            "model.balancing.power=-1 must be a number between 0 and 500",
        ),
        ("model.balancing", [], "model.balancing=[] must be a mapping"),
        ("phases.list", [], "phases.list=[] must be a list of mappings"),
        (
            "phases.list",
            [{"loss": "l2"}],
            "phases.list[0].lr is not given",
        ),
        ("phases.list", [{"loss": "l2", "lr": 0, "epochs": 1}], "phases.list[0].lr=0 must be a"),
        ("phases.list", [{"los": "l2"}], "there is no setting 'phases.list[0].los'"),
        ("network.width", "auto", "network.width='auto' must be a whole number"),
        ("network.widht", 3, "there is no setting 'network.widht'; did you mean network.width"),
        (
            "trainer.precision",
            "bf16",
            "trainer.precision='bf16' must be one of 32-true",
        ),
        ("phases.optimizer", 5, "phases.optimizer=5 must be a mapping"),
        (
            "allow_targets",
            "torch.",
            "allow_targets='torch.' must be a list of packages, such as [mypackage.]",
        ),
        ("callbacks", {}, "callbacks={} must be a list"),
    ],
)
def test_every_error_names_the_whole_setting(name: str, value: object, message: str) -> None:
    with pytest.raises(UserError) as raised:
        read(schema.Train, _changed(name, value))
    assert str(raised.value).startswith(message)


def test_a_network_of_one_s_own_has_its_own_limits() -> None:
    own = {"_target_": "mine.Network", "width": "auto"}
    assert read(schema.Train, _changed("network", own)).network == own


def test_knobs_that_a_model_does_not_read_are_passed_over() -> None:
    unread = {"refresh": "none", "power": -1, "every": 0}
    config = read(schema.Train, _changed("model.balancing", unread))
    assert plain(config.model.balancing) == {"refresh": "none"}
    with pytest.raises(UserError, match=r"there is no setting 'model\.balancing\.power'"):
        read(schema.Train, _changed("model.balancing", unread), added=["model.balancing.power"])


def test_a_constructor_speaks_of_its_argument_and_its_room() -> None:
    for message, expected in (
        ("mirror=1 is wrong", "augmentation.mirror=1 is wrong"),
        ("Linear: is wrong", "augmentation: Linear: is wrong"),
    ):
        with (
            pytest.raises(UserError, match=f"^{expected}$"),
            speaking_of("augmentation"),
        ):
            raise UserError(message)


def test_names_are_dotted_and_follow_the_choices() -> None:
    found = set(names(schema.Train, plain(compose("model=bb"))))
    assert {"seed", "dataset.crop.side", "model.balancing.every", "phases.lr"} <= found
    assert "model.balancing.every" not in set(names(schema.Online, None))
