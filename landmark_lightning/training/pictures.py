"""Pictures for W&B: the same validation faces while a training goes on, and what it came to.

Other pictures of a run are files in its folder (``faces.png``, ``surprises.png``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import wandb
from matplotlib.figure import Figure
from PIL import Image
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor

from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.inference.predict import input_images
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import Faces
from landmark_lightning.metrics.nme import normalized_mean_error
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.plots.curves import plot_discard_curves, plot_figure4
from landmark_lightning.plots.faces import nme_caption, predicted_faces
from landmark_lightning.runs.curves import CellCurves, read_curves
from landmark_lightning.runs.figures import CURVE_PERCENTS
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.results import gather, read_run
from landmark_lightning.training.balancing import datamodule_of

VALIDATION_FACES, MOST_DRAWN_FACES = 8, 20


class ValidationPictures(Callback):
    """Plots the same validation faces, spread evenly over them, with their predictions.

    The training notices nothing of it.

    Args:
        logger: Where the pictures go, as ``faces/validation``.
        times: How often in a training, evenly spaced at ends of epochs, the last one's among
            them; 0: never.

    Raises:
        UserError: ``times`` is not a whole number of at least 0.
    """

    def __init__(self, logger: WandbLogger, times: int) -> None:
        self.logger = logger
        check(schema.Logger, pictures=times)
        self.times = times

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plots the faces where it is time; of several processes the first one does."""
        assert isinstance(pl_module, LandmarkTask)
        epochs, epoch = pl_module.schedule.epochs, trainer.current_epoch
        due = (epoch + 1) * self.times // epochs > epoch * self.times // epochs
        if not due or not trainer.is_global_zero:
            return
        faces = datamodule_of(trainer).val_faces
        rows = np.linspace(0, len(faces) - 1, min(VALIDATION_FACES, len(faces))).round()
        modes = {part: part.training for part in pl_module.modules()}
        sheet = plot_faces(pl_module, faces, torch.from_numpy(rows).long())
        for part, mode in modes.items():  # a layer may have been frozen
            part.training = mode
        if sheet is not None:
            image = wandb.Image(sheet, caption=f"epoch {epoch + 1} of {epochs}")
            step = trainer.global_step - 1
            self.logger.log_metrics({"faces/validation": image}, step)  # type: ignore[dict-item]


def plot_faces(
    task: LandmarkTask, faces: Faces, rows: Tensor, captions: Sequence[str] = ()
) -> Image.Image | None:
    """Plots faces with true and predicted points, these coloured by the signal.

    The task is left in evaluation mode.

    Args:
        task: The task.
        faces: The faces.
        rows: (B,) places of those to plot.
        captions: Text before each one's NME and the name of its photo.

    Returns:
        The sheet; None where a prediction is not finite.
    """
    task.eval()
    batch = faces[rows]
    with torch.inference_mode():
        batch = task.to_input(batch)
        prediction, target = task(batch["image"]).cpu(), batch["landmarks"].cpu()
    if not bool(prediction.isfinite().all()):
        return None
    points, signal = task.split_output(prediction)
    nme = normalized_mean_error(points, target, batch["normalizer"][:, 0].cpu())
    captions = captions or [""] * len(rows)
    texts = [
        f"{before}{nme_caption(error)}, {Path(faces.photo[row]).name}"
        for before, error, row in zip(captions, nme.tolist(), rows.tolist(), strict=True)
    ]
    return predicted_faces(input_images(task, faces, rows), target, points, signal, texts)


def plot_most_drawn(task: LandmarkTask, datamodule: FaceDataModule) -> Image.Image | None:
    """The training faces that LPBB drew most often, where wrong annotations show; else None."""
    if not datamodule.sampler.balanced:
        return None
    draws = datamodule.balancer.draws
    count = min(MOST_DRAWN_FACES, int((draws > 0).sum()))
    rows = draws.argsort(descending=True, stable=True)[:count]
    captions = [f"drawn {times}x, " for times in draws[rows].tolist()]
    return plot_faces(task, datamodule.train_faces, rows, captions)


def log_results(
    logger: WandbLogger, folder: RunFolder, figures: Mapping[str, float], pictures: bool = True
) -> None:
    """Logs what a finished run came to.

    The figures, and ``test/normalizer``, go to the run's summary alone: a chart of one point says
    no more. The discard curves have an axis of their own, ``discard_curve/percent``: NME in
    percent of the primary normalizer by ``signal`` (not for a model without one), static
    ``prior``, at ``random`` and by the ``oracle``. The pictures are ``test/figure4``,
    ``test/discard_curves`` and ``faces/most_drawn``, the training faces that LPBB drew most often.
    """
    (cell,) = gather([read_run(folder.path)])
    curves, unread = read_curves(cell)
    assert not unread, unread
    run, axis = logger.experiment, "discard_curve/percent"
    made: dict[str, Any] = {}
    run.summary.update({**figures, "test/normalizer": cell.normalizer})
    if curves is not None:  # else the dataset has no test faces
        run.define_metric(axis)
        for name in curves.discard:
            run.define_metric(f"discard_curve/{name}", step_metric=axis)
        for place, percent in enumerate(CURVE_PERCENTS):
            points = {f"discard_curve/{name}": c[place] for name, c in curves.discard.items()}
            run.log({axis: percent, **points})
        made["test/figure4"] = _figure4(curves)
        made["test/discard_curves"] = plot_discard_curves([curves])
    if folder.most_drawn.is_file():
        made["faces/most_drawn"] = str(folder.most_drawn)
    if pictures and made:
        run.log({name: wandb.Image(picture) for name, picture in made.items()})


def _figure4(curves: CellCurves) -> Figure:
    figure = Figure(figsize=(5.0, 3.8), layout="constrained")
    axes = figure.subplots()
    plot_figure4(axes, curves)
    lines = "error red" if curves.sorted_errors.signal is None else "error red, signal green"
    axes.set_title(f"{curves.cell.dataset}, {curves.cell.model}: {lines}")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
