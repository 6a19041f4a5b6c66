from pathlib import Path

import pytest

from landmark_lightning.config.compose import compose, group_defaults
from landmark_lightning.config.read import plain
from tests.console import TINY, Command

QUIET = (*TINY, "logger.wandb=false")

UNKNOWN = {
    "train +augmentation.rotate=1": ("augmentation.rotate", "augmentation.rotation"),
    "train augmentation.rotate=1": ("augmentation.rotate", "augmentation.rotation"),
    "train +data.workers=4": ("data.workers", "workers"),
    "train lr=1": ("lr", "phases.lr"),
    "train modle=bb": ("modle", "model"),
    "train modle.name=bb": ("modle.name", "model.name"),
    "train +dataset.crop.sidee=64": ("dataset.crop.sidee", "dataset.crop.side"),
    "train +network.heigth=1": ("network.heigth", "network.width"),
    "train ++data={abc:1}": ("data.abc", None),
    "train +network.foo=1": ("network.foo", None),
    "train -m seed=0,1 +batchsize=4": ("batchsize", "batch_size"),
    "prepare +dataset.crop.sidee=64": ("dataset.crop.sidee", "dataset.crop.side"),
    "inspect +face=1": ("face", "faces"),
    "report +run=x": ("run", "runs"),
}
"""Command lines: the setting that there is not, and the one that is named."""


@pytest.mark.parametrize("line", UNKNOWN)
def test_an_unknown_setting_is_wrong_with_a_plus_too(
    command: Command, tmp_path: Path, line: str
) -> None:
    key, near = UNKNOWN[line]
    done = command(*line.split())
    hint = f"did you mean {near}" if near else "--cfg job lists all of them"
    name = line.split()[0]
    assert done.err == f"landmark-{name}: there is no setting {key!r}; {hint}\n"
    assert done.code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_knob_that_the_model_does_not_read_is_unknown_with_a_plus(command: Command) -> None:
    done = command("train", "model=bbo", "+model.balancing.every=1")
    assert done.err.startswith("landmark-train: there is no setting 'model.balancing.every'")


@pytest.mark.parametrize("model", ["bb", "nobb"])
def test_what_is_given_already_is_not_suggested(command: Command, model: str) -> None:
    given = ("+model.balancing.flor=0", "++model.balancing.floor=0", "++model.balancing.power=1")
    for typed in (given, tuple(each.lstrip("+") for each in given)):
        done = command("train", f"model={model}", *typed)
        assert done.err.startswith("landmark-train: there is no setting 'model.balancing.")
        assert "floor" not in done.err.partition(";")[2]
        assert "power" not in done.err.partition(";")[2]


@pytest.mark.parametrize("taken", ["seed", "data", "network.side", "trainer.log_every_n_steps"])
def test_a_setting_that_is_needed_stays(command: Command, taken: str) -> None:
    done = command("train", f"~{taken}")
    assert done.err == f"landmark-train: {taken} can't be taken away; leave out ~{taken}\n"


def test_what_is_built_knows_its_own_settings(command: Command) -> None:
    done = command(
        "train", *QUIET, "+trainer.benchmark=false", "++seed=1", "~phases.optimizer.fused",
        "+phases.optimizer.amsgrad=true",
    )  # fmt: skip
    assert done.code == 0, done.err
    for wrong, message in (
        ("+trainer.max_epoch=1", "argument 'max_epoch'; did you mean max_epochs"),
        ("+phases.optimizer.amsgrd=1", "argument 'amsgrd'; did you mean amsgrad"),
        (
            "+dataset.source.tests=1",
            "dataset.source got an unexpected keyword argument 'tests'; did you mean test",
        ),
    ):
        done = command("train", *QUIET, wrong, f"data_dir={wrong[1]}")
        assert (done.code, done.err.count("Traceback")) == (1, 0), done.err
        assert message in done.err


def test_another_target_inherits_no_arguments() -> None:
    """Hydra would give it those of the target that it takes the place of."""
    config = compose("network={_target_:mine.Tiny,depth:3}", "+network.wide=true")
    assert config.network == {"_target_": "mine.Tiny", "depth": 3, "wide": True}
    config = compose("network._target_=mine.Tiny", "+network.depth=3")
    assert config.network == {"_target_": "mine.Tiny", "depth": 3}
    config = compose("dataset=custom", "dataset.name=a", "dataset.source={_target_:mine.read,b:1}")
    assert config.dataset.source == {"_target_": "mine.read", "b": 1}
    config = compose("phases.optimizer={_target_:torch.optim.SGD,momentum:0.9}")
    assert config.phases.optimizer == {"_target_": "torch.optim.SGD", "momentum": 0.9}
    config = compose("seed=1", "dataset.source={_target_:mine.read,b:1}")  # whose own seed is gone
    assert config.dataset.source == {"_target_": "mine.read", "b": 1}
    same = compose("network={_target_:landmark_lightning.LandmarkNetwork,width:8}").network
    assert (same["side"], same["width"]) == (64, 8)


def test_what_was_given_is_known_by_name() -> None:
    config = compose("dataset=custom", "dataset.name=mine", "dataset.crop.scale=1.2")
    assert set(config.dataset.given) == {"name", "crop.scale"}
    assert "given" not in plain(config.dataset)


def test_a_choice_builds_on_others() -> None:
    bbs = group_defaults("model", "bbs")["balancing"]
    assert (bbs["refresh"], bbs["fraction"], bbs["power"]) == ("rescore", 0.1, 1.0)
    assert group_defaults("dataset", None) == group_defaults("dataset", "nowhere") == {}


def test_experiment_debug_takes_other_faces_too() -> None:
    tiny = compose("experiment=debug")
    assert (tiny.dataset.name, tiny.dataset.source["train"], str(tiny.runs_dir)) == (
        "tiny", 60, ".debug"
    )  # fmt: skip
    mine = compose("experiment=debug", "dataset=custom", "dataset.name=mine")
    assert (mine.dataset.name, mine.network["width"]) == ("mine", 8)
    assert "train" not in mine.dataset.source or mine.dataset.source["train"] is None
