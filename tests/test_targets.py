import math

import pytest
import torch

from landmark_lightning.targets import build


def test_builds_what_is_trusted() -> None:
    layer = build({"_target_": "torch.nn.Linear", "in_features": 2}, out_features=3)
    assert isinstance(layer, torch.nn.Linear)
    assert layer.out_features == 3


@pytest.mark.parametrize("target", ["os.system", "torch.load", "torch.hub.load", "builtins.open"])
def test_refuses_the_rest(target: str) -> None:
    with pytest.raises(ValueError, match=target):
        build({"_target_": target, "_args_": ["x"]})


def test_refuses_deep_inside() -> None:
    inner = {"_target_": "subprocess.run", "args": "true"}
    with pytest.raises(ValueError, match=r"subprocess\.run"):
        build({"_target_": "torch.nn.Sequential", "_args_": [{"deep": [inner]}]})


def test_allows_by_prefix() -> None:
    assert build({"_target_": "math.sqrt", "_args_": [4.0]}, allow=["math."]) == math.sqrt(4)


def test_says_what_the_target_says() -> None:
    with pytest.raises(ValueError, match=r"Linear: .*out_features"):
        build({"_target_": "torch.nn.Linear", "in_features": 2})


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(ValueError, match=r"torch\.nn\.Lineal"):
        build({"_target_": "torch.nn.Lineal"})
