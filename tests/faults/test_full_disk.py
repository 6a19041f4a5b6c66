"""A disk that is full while a checkpoint is saved: the one before stays, a sentence says why."""

import random
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.training.checkpoints import DurableCheckpointIO
from tests.console import TINY, Command, states
from tests.faults.share import share

TRIALS = 10


class Fills(Callback):
    """Fills the disk of a folder, but for some bytes, when an epoch begins for the first time."""

    filled = False

    def __init__(self, epoch: int, folder: str, left: int) -> None:
        self.epoch, self.folder, self.left = epoch, Path(folder), left

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == self.epoch and not Fills.filled:
            Fills.filled = True
            fill(self.folder, self.left)


def fill(disk: Path, left: int) -> None:
    """Takes all room of a disk but for ``left`` bytes."""
    room = (disk / "room").open("wb")
    (disk / "filler").touch()
    room.write(bytes(left))
    room.flush()
    with (disk / "filler").open("wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
    room.close()
    (disk / "room").unlink()


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(tiny_disk: Path) -> None:
    path = tiny_disk / "last.ckpt"
    writer = DurableCheckpointIO()
    writer.save_checkpoint({"state_dict": {}, "weights": torch.zeros(100_000)}, path)
    size = path.stat().st_size
    for trial in share(range(TRIALS), least=3):
        # The last ones have room for all but the seal, or for a part of the file's last page.
        left = random.Random(trial).randrange(size) if trial < 8 else size - size % 4096
        fill(tiny_disk, left)
        with pytest.raises(OSError, match=r"last.ckpt can't be written: No space left on device"):
            writer.save_checkpoint({"state_dict": {}, "weights": torch.ones(100_000)}, path)
        assert not read_checkpoint(path)["weights"].any()
        assert sorted(p.name for p in tiny_disk.iterdir()) == ["filler", "last.ckpt"]
        (tiny_disk / "filler").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("trial", share(range(TRIALS)))
def test_a_training_goes_on_when_there_is_room_again(
    command: Command, tiny_disk: Path, trial: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fills, "filled", False)
    draw = random.Random(trial)
    epoch, left = draw.randrange(1, 4), draw.randrange(150_000)
    fills = f"{{_target_:tests.faults.test_full_disk.Fills,epoch:{epoch},folder:{tiny_disk},"
    told = (
        *TINY, "model=bb", "logger.wandb=false", "phases.scale=0.1", f"runs_dir={tiny_disk}",
        f"callbacks=[{fills}left:{left}}}]", "allow_targets=[tests.]",
    )  # fmt: skip
    done = command("train", *told)
    assert done.code == 1, done.out
    assert "Traceback" not in done.err
    assert "make room" in done.err, done.err
    last = tiny_disk / "synthetic/bb/seed0/checkpoints/last.ckpt"
    assert read_checkpoint(last)["epoch"] in (epoch - 1, epoch)
    (tiny_disk / "filler").unlink()
    done = command("train", *told)
    assert done.code == 0, done.err
    assert "goes on from" in done.out
    assert states(tiny_disk) == {"bb": "done"}
