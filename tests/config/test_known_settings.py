from pathlib import Path

import pytest

from tests.console import TINY, Command

QUIET = (*TINY, "logger.wandb=false")


UNKNOWN = {
    "train +augmentation.rotate=1": ("augmentation.rotate", "augmentation.rotation"),
    "train augmentation.rotate=1": ("augmentation.rotate", "augmentation.rotation"),
    "train +data.workers=4": ("data.workers", "workers"),
    "train lr=1": ("lr", "phases.lr"),
    "train modle=bb": ("modle", "model"),
    "train +dataset.crop.sidee=64": ("dataset.crop.sidee", "dataset.crop.side"),
    "train ++data={abc:1}": ("data.abc", None),
    "train +network.foo=1": ("network.foo", None),
    "train model=bbo +model.balancing.every=1": ("model.balancing.every", None),
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
    for wrong, said in (
        ("+trainer.foo=1", "argument 'foo'"),
        ("+phases.optimizer.foo=1", "argument 'foo'"),
        ("+dataset.source.foo=1", "dataset.source got an unexpected keyword argument 'foo'"),
    ):
        done = command("train", *QUIET, wrong, f"data_dir={wrong[1]}")
        assert (done.code, done.err.count("Traceback")) == (1, 0), done.err
        assert said in done.err
