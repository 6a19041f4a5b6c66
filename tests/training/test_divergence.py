"""A training whose losses are no numbers any more."""

import json
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from tests.console import TINY, Command

STEP = 5


class Poison(Callback):
    """Puts a landmark of one face infinitely far away, in one step."""

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any) -> None:  # noqa: ANN401
        _, batch, _ = args
        if trainer.global_step == STEP - 1:
            batch["landmarks"][3, 7, 0] = float("inf")
            face = int(batch["index"][3])
            photos = trainer.datamodule.train_faces.photo  # type: ignore[attr-defined]
            print(f"poisoned: {photos[face]}")


def test_the_first_faces_are_named_and_the_state_says_how_to_start_again(
    command: Command, tmp_path: Path
) -> None:
    own = "callbacks=[{_target_:tests.training.test_divergence.Poison}]"
    quiet = (*TINY, "logger.wandb=false", "phases.scale=0.1")
    done = command("train", "model=bbo", *quiet, own, "allow_targets=[tests.]")
    assert done.code == 1
    (line,) = [line for line in done.out.splitlines() if line.startswith("poisoned")]
    said = f"its losses are no numbers since step {STEP}, there on the faces of {line[10:]};"
    assert said in done.err
    state = json.loads((tmp_path / "runs/synthetic/bbo/seed0/state.json").read_text())
    assert state["state"] == "failed"
    assert said in state["error"]
    assert state["error"].endswith("start it again with a lower phases.lr and rerun=true")
