import math

import pytest
import torch

from landmark_lightning.config.instantiate import build


def test_builds_what_is_trusted() -> None:
    layer = build({"_target_": "torch.nn.Linear", "in_features": 2}, out_features=3)
    assert isinstance(layer, torch.nn.Linear)
    assert layer.out_features == 3


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.load",
        "torch.hub.load",
        "builtins.open",
        "torch.nn.modules.module.torch.load",
        "landmark_lightning.training.checkpoints.os.remove",
        "landmark_lightning.training.loggers.Path.unlink",
        "landmark_lightning.files.write_text",
        "pytorch_lightning.trainer.trainer.os.getenv",
    ],
)
def test_refuses_the_rest(target: str) -> None:
    with pytest.raises(ValueError, match=target):
        build({"_target_": target, "_args_": ["x"]})


def test_refuses_deep_inside() -> None:
    inner = {"_target_": "subprocess.run", "args": "true"}
    with pytest.raises(ValueError, match=r"subprocess\.run"):
        build({"_target_": "torch.nn.Sequential", "_args_": [{"deep": [inner]}]})


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("torch.optim.AdamW", {"params": [torch.zeros(1)], "lr": 0.1}),
        ("torch.optim.SGD", {"params": [torch.zeros(1)], "lr": 0.1}),
        ("kornia.augmentation.RandomGamma", {"p": 0.5}),
        ("pytorch_lightning.Trainer", {"logger": False, "accelerator": "cpu"}),
        ("pytorch_lightning.callbacks.Timer", {}),
    ],
)
def test_public_names_of_trusted_packages_pass(target: str, arguments: dict[str, object]) -> None:
    assert build({"_target_": target, **arguments}) is not None


@pytest.mark.parametrize("config", [5, {}, {"lr": 1}])
def test_what_has_no_target_is_named(config: object) -> None:
    with pytest.raises(ValueError, match="must be a mapping with a _target_"):
        build(config)  # type: ignore[arg-type]


def test_a_text_is_no_list_of_prefixes() -> None:
    """Its letters would be prefixes, and one of them that of nearly everything."""
    with pytest.raises(ValueError, match=r"allow_targets='torch\.' must be a list"):
        build({"_target_": "os.getcwd"}, allow="torch.")


def test_allows_by_prefix() -> None:
    assert build({"_target_": "math.sqrt", "_args_": [4.0]}, allow=["math."]) == math.sqrt(4)


def test_says_what_the_target_says() -> None:
    with pytest.raises(ValueError, match=r"Linear: .*out_features"):
        build({"_target_": "torch.nn.Linear", "in_features": 2})


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(ValueError, match=r"torch\.nn\.Lineal.* does not exist"):
        build({"_target_": "torch.nn.Lineal"})
