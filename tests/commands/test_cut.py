"""A run that is cut at a random moment, in the folders that landmark-train takes by itself."""

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.console import TINY, Command, figures, start, states, weights
from tests.faults.share import share

MODELS = ("nobb", "bbo", "bb", "bbs", "validated")
MOMENTS = 10
CUTS = [
    *((model, "SIGKILL", k) for k in range(MOMENTS) for model in MODELS),
    *((model, "SIGINT", k) for k in range(2) for model in ("bbo", "bb")),
]
"""Model, signal and seed of the moment."""

LONG = (
    *TINY, "logger.wandb=false", "phases.scale=0.6", "allow_targets=[tests.]",
    "callbacks=[{_target_:tests.commands.stopped.Seldom}]",
)  # fmt: skip
"""24 epochs of 3 steps. A better checkpoint is seldom found, as by few validation faces: a run
that is cut late finds a single one when it goes on."""
ENDS = {"SIGKILL": -signal.SIGKILL, "SIGINT": 130}
NeverCut = Callable[[str], tuple[Path, float]]


@pytest.fixture(scope="module")
def never_cut(tmp_path_factory: pytest.TempPathFactory) -> NeverCut:
    """Trains a model that nothing interrupts, once; gives the folder and the seconds of it."""
    folder, seconds = tmp_path_factory.mktemp("never-cut"), dict[str, float]()

    def train(model: str) -> tuple[Path, float]:
        if model not in seconds:
            arguments = ("nowhere", "SIGINT", f"model={model}", *LONG)
            whole = start("tests.commands.stopped", *arguments, cwd=folder)
            out, err = whole.communicate()
            assert whole.returncode == 0, err
            seconds[model] = float(out.split("seconds: ")[1])
        return folder, seconds[model]

    return train


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize(("model", "name", "seed"), share(CUTS, least=6))
def test_a_run_that_is_cut_at_a_random_moment_ends_as_if_it_had_not(
    command: Command, tmp_path: Path, never_cut: NeverCut, model: str, name: str, seed: int
) -> None:
    whole, seconds = never_cut(model)
    draw = random.Random(f"{model} {name} {seed}")
    shutil.copytree(whole / "data", tmp_path / "data")
    while True:
        moment = f"{draw.uniform(0, seconds):.3f}"
        cut = start("tests.commands.stopped", moment, name, f"model={model}", *LONG)
        err = cut.communicate(timeout=300)[1]
        if cut.returncode:
            break
        shutil.rmtree(tmp_path / "runs")  # it was faster than the moment
    assert cut.returncode == ENDS[name], err
    done = command("train", f"model={model}", *LONG)
    assert done.code == 0, f"after {moment} of {seconds} s: {done.err}"
    own, expected = tmp_path / "runs/synthetic" / model, whole / "runs/synthetic" / model
    assert figures(own) == figures(expected)
    assert weights(own) == weights(expected)
    assert states(tmp_path / "runs") == {model: "done"}
    best = [
        torch.load(runs / "seed0/checkpoints/best.ckpt", weights_only=True)
        for runs in (own, expected)
    ]
    assert best[0]["epoch"] == best[1]["epoch"]
