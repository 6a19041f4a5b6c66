"""A training that starts with another run's weights."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.errors import UserError
from landmark_lightning.model.saved import take_weights
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.schemes import Scheme
from tests.conftest import DOTS
from tests.made_tasks import PHASES, MakeTask, fit

SMALL = {"_target_": "landmark_lightning.LandmarkNetwork", "side": 32, "width": 4, "hidden": 16}
ONE_STEP = PHASES | {"list": [{"loss": "l2", "lr": 0.003, "epochs": 0.1}]}


@pytest.fixture
def trained(make_task: MakeTask, tmp_path: Path) -> tuple[Path, LandmarkTask]:
    task, module = make_task(phases=ONE_STEP)
    trainer: pl.Trainer = fit(task, module, max_epochs=1, limit_train_batches=1)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt", task


def weights(task: LandmarkTask) -> dict[str, Any]:
    return {key: value.clone() for key, value in task.network.state_dict().items()}


def test_the_same_landmarks_take_all(
    make_task: MakeTask, trained: tuple[Path, LandmarkTask]
) -> None:
    path, other = trained
    task, _ = make_task()
    line = take_weights(task.network, task.scheme, SMALL, path)
    found, expected = weights(task), weights(other)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert line == f"starts with the weights of {path}, all 0.01 M"
    renamed = Scheme("mine", 5, DOTS.mirror, DOTS.normalizers)
    assert "but those of head.3" in take_weights(task.network, renamed, SMALL, path)


@pytest.mark.parametrize("validation", [None, "manhattan"])
def test_other_landmarks_or_outputs_take_all_but_the_last_layer(
    make_task: MakeTask, trained: tuple[Path, LandmarkTask], validation: str | None
) -> None:
    path, other = trained
    task, _ = make_task(validation=validation)
    before, expected = weights(task), weights(other)
    scheme = DOTS if validation is None else Scheme("mine", 5, DOTS.mirror, DOTS.normalizers)
    line = take_weights(task.network, scheme, SMALL, path)
    assert line.endswith("all 0.01 M but those of head.3: its landmarks or outputs are others")
    for key, value in weights(task).items():
        kept = before if key.startswith("head.3.") else expected
        assert torch.equal(value, kept[key]), key
    assert not torch.equal(before["head.1.weight"], expected["head.1.weight"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"width": 8}, "features.0.weight of its network is 4 x 1 x 7 x 7, here it is 8 x 1 x 7 x 7; pass network.width=4 as that run had"),  # noqa: E501
        ({"side": 48}, "head.1.weight of its network is 16 x 64, here it is 16 x 144; pass network.side=32 as that run had"),  # noqa: E501
    ],
)  # fmt: skip
def test_a_network_that_does_not_fit_names_the_layer(
    make_task: MakeTask, trained: tuple[Path, LandmarkTask], change: dict[str, int], told: str
) -> None:
    path, _ = trained
    task, _ = make_task(network=SMALL | change)
    before = weights(task)
    with pytest.raises(UserError) as raised:
        take_weights(task.network, task.scheme, SMALL | change, path)
    assert str(raised.value) == f"init_from={path}: {told}"
    assert all(torch.equal(value, before[key]) for key, value in weights(task).items())


def test_what_is_no_run_is_said(make_task: MakeTask, tmp_path: Path) -> None:
    task, _ = make_task()
    with pytest.raises(FileNotFoundError, match=r"init_from=\S*none is neither a checkpoint nor"):
        take_weights(task.network, task.scheme, SMALL, tmp_path / "none")
    torch.save({"state_dict": {}}, tmp_path / "b.ckpt")
    with pytest.raises(UserError, match=r"init_from=\S*b\.ckpt is no checkpoint of this library"):
        take_weights(task.network, task.scheme, SMALL, tmp_path / "b.ckpt")
