from pathlib import Path

import pytest
import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.errors import UserError
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.saved import read_checkpoint
from tests.made_tasks import MakeTask, fit, task_arguments


def test_a_checkpoint_explains_itself(make_task: MakeTask, tmp_path: Path) -> None:
    task, module = make_task()
    trainer = fit(task, module, max_epochs=1)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert type(checkpoint["hyper_parameters"]["dataset"]) is dict
    loaded = load_task(tmp_path / "a.ckpt")
    assert loaded.scheme == task.scheme
    batch = module.val_faces[torch.arange(5)]
    with torch.no_grad():
        expected = task.eval()(task.to_input(batch)["image"])
        answer = loaded(loaded.to_input(batch)["image"])
    assert torch.equal(expected, answer)


def test_a_checkpoint_cannot_trust_itself(dots: FaceFile, tmp_path: Path) -> None:
    arguments = task_arguments(dots, 5) | {
        "network": {"_target_": "os.system", "command": "true"},
        "allow_targets": ["os."],
    }
    torch.save({"hyper_parameters": arguments, "state_dict": {}}, tmp_path / "evil.ckpt")
    with pytest.raises(ValueError, match=r"_target_='os\.system' is not of a trusted package"):
        load_task(tmp_path / "evil.ckpt")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04cut"])
def test_a_broken_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.ckpt").write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.ckpt is no checkpoint or is damaged"):
        load_task(tmp_path / "broken.ckpt")
    with pytest.raises(FileNotFoundError, match=r"none\.ckpt does not exist"):
        load_task(tmp_path / "none.ckpt")


def test_a_checkpoint_of_a_newer_version_says_so(make_task: MakeTask, tmp_path: Path) -> None:
    task, module = make_task()
    trainer = fit(task, module, max_epochs=1)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    checkpoint = read_checkpoint(tmp_path / "a.ckpt")
    torch.save(checkpoint | {"format": checkpoint["format"] + 1}, tmp_path / "newer.ckpt")
    with pytest.raises(UserError, match="is of a newer version of this library"):
        read_checkpoint(tmp_path / "newer.ckpt")
