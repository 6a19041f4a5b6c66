import math
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import OmegaConf

from landmark_lightning.config.compose import config_folder
from landmark_lightning.config.limits import (
    LIMITS,
    NETWORK,
    OF_A_PHASE,
    check,
    check_all,
    check_flag,
    check_phases,
)
from landmark_lightning.model.losses import COORDINATE_LOSSES
from landmark_lightning.model.network import LandmarkNetwork

WRONG: tuple[Any, ...] = (-1, -0.5, math.nan, math.inf, "many", [1], {"a": 1}, 10**9)
ORDINARY = {"loss": "l2", "lr": 1.0, "epochs": 2}


def _config(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        composed: Any = OmegaConf.to_container(compose("train", list(overrides)), resolve=True)
    assert isinstance(composed, dict)
    return composed


def _under(config: dict[str, Any], name: str) -> Any:  # noqa: ANN401
    value: Any = config
    for key in name.split("."):
        value = value[key]
    return value


@pytest.mark.parametrize("model", ["non", "nobb", "bbo", "bb", "bbs"])
@pytest.mark.parametrize(
    "others",
    [
        ("phases=paper", "augmentation=paper", "dataset=300w"),
        ("phases=practical", "augmentation=mild", "dataset=wflw"),
        ("phases=paper", "dataset=aflw"),
    ],
)
def test_what_conf_ships_is_within_its_limits(model: str, others: tuple[str, ...]) -> None:
    check_all(_config(f"model={model}", *others))


def test_every_limit_is_of_a_setting_that_conf_has() -> None:
    config = _config("model=bbs")
    for name in LIMITS:
        _under(config, name)


@pytest.mark.parametrize("name", LIMITS)
def test_a_wrong_value_is_named(name: str) -> None:
    """Of the values here each setting refuses at least four."""
    refused = [value for value in WRONG if not LIMITS[name].holds(value)]
    assert len(refused) >= 4
    for value in refused:
        with pytest.raises(ValueError, match="must be") as raised:
            check(name, value)
        assert str(raised.value) == f"{name}={value!r} must be {LIMITS[name].words}"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("batch_size", (1, 10), (0, True, 2.0, "3")),
        ("workers", (None, 1), (0, 1.5)),
        ("compile", (True, False, "cudagraph"), (None, 1, 0, "true")),
        ("data.validation", (0.1, 0.999), (0, 1, 1.0, True)),
        ("model.balancing.power", (0, 0.5, 500), (-0.1, 501, True, None)),
        ("trainer.deterministic", (True, False, "warn"), ("maybe", None, 1)),
        ("model.balancing.floor", (0, 1), (1.01, -0.01)),
        ("model.balancing.clip_quantile", (None, 1, 0.5), (0, 1.1)),
        ("model.balancing.every", (0.1, 1), (0, 1.5)),
        ("phases.gradient_clip", (None, 5.0), (0, "5")),
        ("augmentation.rotation", (0, math.pi), (3.2,)),
    ],
)
def test_the_borders(name: str, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    for value in good:
        assert check(name, value) is value
    for value in bad:
        with pytest.raises(ValueError, match=f"{name}=.* must be"):
            check(name, value)


@pytest.mark.parametrize("value", ["no", "off", 0, 1, None])
def test_a_flag_is_true_or_false(value: object) -> None:
    assert check_flag(True, "check") is True
    with pytest.raises(ValueError, match=r"check=.* must be true or false"):
        check_flag(value, "check")


def test_the_losses_are_those_there_are() -> None:
    for loss in COORDINATE_LOSSES:
        check_phases([ORDINARY | {"loss": loss}])
    words = OF_A_PHASE["loss"].words
    assert words == f"one of {', '.join(COORDINATE_LOSSES)}"


def test_a_network_of_one_s_own_has_its_own_limits() -> None:
    assert get_object(NETWORK) is LandmarkNetwork
    own = _config("network._target_=mine.Network", "network.width=auto")
    check_all(own)
    with pytest.raises(ValueError, match=r"network\.width='auto' must be"):
        check_all(_config("network.width=auto"))


def test_what_a_model_does_not_read_is_not_checked() -> None:
    for model in ("nobb", "bbo"):
        check_all(_config(f"model={model}", "++model.balancing.every=0"))
    check_all(_config("model=nobb", "++model.balancing.power=-1"))
    with pytest.raises(ValueError, match=r"model\.balancing\.power=-1 must be"):
        check_all(_config("model=bbo", "model.balancing.power=-1"))
    with pytest.raises(ValueError, match=r"model\.balancing\.refresh='often' must be one of"):
        check_all(_config("model=nobb", "model.balancing.refresh=often"))


def test_a_wrong_phase_of_a_composed_config_is_named() -> None:
    with pytest.raises(ValueError, match=r"phases\.list: lr=0 must be a number above 0"):
        check_all(_config("phases.lr=0"))
