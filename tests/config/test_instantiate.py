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
        "pytorch_lightning.LightningModule.load_from_checkpoint",
        "pytorch_lightning.cli.instantiate_class",
        "pytorch_lightning.cli.LightningCLI",
        "pytorch_lightning.core.saving.save_hparams_to_yaml",
        "pytorch_lightning.callbacks.ModelCheckpoint.to_yaml",
        "torch.nn.Module.load_state_dict",
        "torch.nn.utils.clip_grad_norm_",
        "landmark_lightning.DurableCheckpointIO.save_checkpoint",
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


def test_a_class_of_another_kind_is_never_built() -> None:
    class Never(torch.nn.Module):
        pass

    with pytest.raises(ValueError, match="makes no Never"):
        build({"_target_": "torch.nn.Linear", "out_features": "no number"}, kind=Never)


def test_nothing_is_interpolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mailed config would read the environment, or build what nobody checked."""
    monkeypatch.setenv("SECRET", "3")
    for value in ("${oc.env:SECRET}", "${oc.create:${oc.env:SECRET}}", "a${x}"):
        with pytest.raises(ValueError, match="must be a value itself"):
            build({"_target_": "torch.nn.Linear", "in_features": value, "out_features": 1})
        with pytest.raises(ValueError, match="must be a value itself"):
            build({"_target_": "torch.nn.Sequential", "_args_": [{"deep": [value]}]})


@pytest.mark.parametrize("prefix", ["", ".", "mat", "math.sq"])
def test_a_prefix_is_a_whole_package(prefix: str) -> None:
    with pytest.raises(ValueError, match="is not of a trusted package"):
        build({"_target_": "math.sqrt", "_args_": [4.0]}, allow=[prefix])
    assert build({"_target_": "math.sqrt", "_args_": [4.0]}, allow=["math"]) == 2


def test_allows_by_prefix() -> None:
    assert build({"_target_": "math.sqrt", "_args_": [4.0]}, allow=["math."]) == math.sqrt(4)


def test_says_what_the_target_says() -> None:
    with pytest.raises(ValueError, match=r"Linear: .*out_features"):
        build({"_target_": "torch.nn.Linear", "in_features": 2})


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(ValueError, match=r"torch\.nn\.Lineal.* does not exist"):
        build({"_target_": "torch.nn.Lineal"})
