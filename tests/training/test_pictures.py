from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.loggers import WandbLogger

from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.plots.faces import PREDICTED_SIDE
from landmark_lightning.training import pictures
from landmark_lightning.training.pictures import ValidationPictures, plot_faces, plot_most_drawn
from tests.made_tasks import MakeTask


class Run:
    """Takes what is logged to a W&B run."""

    def __init__(self) -> None:
        self.logged: list[dict[str, Any]] = []

    def log(self, row: dict[str, Any]) -> None:
        self.logged.append(row)


def _fit(make_task: MakeTask, epochs: int, times: int | None) -> tuple[Run, LandmarkTask]:
    torch.manual_seed(0)
    task, module = make_task("online")
    task.schedule.epochs = epochs
    run = Run()
    logger = WandbLogger(experiment=run)  # type: ignore[arg-type]
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=epochs,
        callbacks=[] if times is None else [ValidationPictures(logger, times)],
    )
    trainer.fit(task, datamodule=module)
    return run, task


@pytest.mark.parametrize(
    ("epochs", "times", "plotted"),
    [(6, 3, [2, 4, 6]), (4, 1, [4]), (5, 2, [3, 5]), (2, 5, [1, 2]), (2, 0, [])],
)
def test_the_faces_are_plotted_at_even_distances(
    make_task: MakeTask, epochs: int, times: int, plotted: list[int]
) -> None:
    run, task = _fit(make_task, epochs, times)
    steps = task.schedule.steps_per_epoch
    assert [row["trainer/global_step"] for row in run.logged] == [e * steps - 1 for e in plotted]
    assert [row["faces/validation"]._caption for row in run.logged] == [
        f"epoch {epoch} of {epochs}" for epoch in plotted
    ]


def test_the_training_notices_nothing(make_task: MakeTask) -> None:
    weights = [_fit(make_task, 2, times)[1].state_dict() for times in (None, 2)]
    for name, value in weights[0].items():
        assert torch.equal(value.nan_to_num(), weights[1][name].nan_to_num()), name


def test_a_frozen_layer_stays_frozen(make_task: MakeTask) -> None:
    freeze = LandmarkTask.on_train_epoch_start

    def frozen(task: LandmarkTask) -> None:
        freeze(task)
        task.network.features[1].eval()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LandmarkTask, "on_train_epoch_start", frozen)
        _, task = _fit(make_task, 1, 1)
    assert not task.network.features[1].training
    assert task.network.features[0].training


def test_the_same_faces_are_spread_over_the_validation_set(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(task: LandmarkTask, faces: object, rows: torch.Tensor) -> Image.Image:
        seen.append(rows.tolist())
        return Image.new("RGB", (4, 4))

    monkeypatch.setattr(pictures, "plot_faces", watched)
    monkeypatch.setattr(pictures, "VALIDATION_FACES", 3)
    _, task = _fit(make_task, 2, 2)
    assert seen == [[0, 2, 5]] * 2 or seen == [[0, 3, 5]] * 2
    assert task.training


def test_the_most_drawn_faces_come_first(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, module = make_task("online")
    module.balancer.draws[:] = 0
    module.balancer.draws[[7, 3, 9]] = torch.tensor([5, 9, 1], dtype=torch.int32)
    drawn: dict[str, Any] = {}

    def watched(images: torch.Tensor, target: torch.Tensor, *rest: Any) -> Image.Image:  # noqa: ANN401
        drawn.update(images=images, target=target, captions=rest[-1])
        return Image.new("RGB", (4, 4))

    monkeypatch.setattr(pictures, "predicted_faces", watched)
    assert plot_most_drawn(task, module) is not None
    names = [Path(module.train_faces.photo[row]).name for row in (3, 7, 9)]
    assert [c.split(", ")[0] for c in drawn["captions"]] == ["drawn 9x", "drawn 5x", "drawn 1x"]
    assert [c.split(", ")[2] for c in drawn["captions"]] == names
    side = task.network.side
    assert drawn["images"].shape == (3, side, side)
    target = task.eval().to_input(module.train_faces[torch.tensor([3])])["landmarks"]
    assert torch.equal(drawn["target"][:1], target)


def test_even_draws_have_no_most_drawn_faces(make_task: MakeTask) -> None:
    assert plot_most_drawn(*make_task("none")) is None


def test_a_diverged_task_is_not_plotted(make_task: MakeTask) -> None:
    task, module = make_task("online")
    with torch.no_grad():
        next(task.network.parameters()).fill_(torch.nan)
    assert plot_faces(task, module.val_faces, torch.arange(2)) is None


def test_a_sheet_of_a_model_without_signal(make_task: MakeTask) -> None:
    task, module = make_task("none", validation=None)
    sheet = plot_faces(task, module.val_faces, torch.arange(2))
    assert sheet is not None
    assert sheet.width > 2 * PREDICTED_SIDE


@pytest.mark.parametrize("times", [-1, True, 2.5, "often"])
def test_a_wrong_number_of_times_is_named(times: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"pictures="):
        ValidationPictures(WandbLogger(experiment=Run()), times)  # type: ignore[arg-type]
