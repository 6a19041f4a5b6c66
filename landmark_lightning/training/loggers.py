"""Loggers: CSV always, Weights & Biases beside it."""

import csv
import secrets
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import CSVLogger, WandbLogger

from landmark_lightning.config.difference import leaves, under
from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Train
from landmark_lightning.errors import UserError
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.runs.folder import RunFolder

INIT_SECONDS = 30.0
"""How long W&B may take to answer when a run starts; its own limit is several times that."""


def csv_logger(folder: RunFolder) -> CSVLogger:
    """A logger that writes ``metrics.csv`` into the run's folder; it touches nothing yet."""
    # Absolute, as all paths that Lightning is given: it compares some with its own.
    return CSVLogger(folder.path.resolve(), name="", version="")


def start_curves(logger: CSVLogger, folder: RunFolder, resumed: Path | None) -> None:
    """Starts ``metrics.csv`` anew; of a run that goes on the rows up to that checkpoint stay."""
    rows: list[dict[str, Any]] = []
    if resumed is not None and folder.curves.is_file():
        step = read_checkpoint(resumed)["global_step"]
        with folder.curves.open(newline="") as lines:
            steps = ((row, row["step"] or "") for row in csv.DictReader(lines))
            # A row that a full disk cut short says no step.
            rows = [row for row, at in steps if at.isdecimal() and int(at) < step]
    folder.curves.unlink(missing_ok=True)
    with warnings.catch_warnings():  # the folder holds more than a log, and nothing is lost
        warnings.filterwarnings("ignore", message="Experiment logs directory")
        logger.experiment.metrics.extend(rows)


def wandb_logger(folder: RunFolder, config: Train) -> WandbLogger:
    """One W&B run for one cell: group is the dataset, job type the model.

    It touches nothing yet; W&B will write under ``wandb`` in the run's folder. A run that goes on
    has the id in ``folder.wandb_id``; one that begins, or that ``rerun`` begins anew, has a
    new one.
    """
    dataset, model, seed = config.dataset.name, config.model.name, config.seed
    tags = [model, dataset, f"seed{seed}", *config.logger.tags]
    known = folder.wandb_id.is_file() and not config.rerun
    return WandbLogger(
        id=folder.wandb_id.read_text().strip() if known else secrets.token_hex(4),
        name=f"{dataset}-{model}-s{seed}",
        project=config.logger.project,
        # Absolute, since W&B's own process may have been started in another folder.
        save_dir=folder.path.resolve(),
        offline=config.logger.offline,
        group=dataset,
        job_type=model,
        tags=[str(tag)[:64] for tag in tags if str(tag)],
        config=plain(config),
        settings=wandb.Settings(init_timeout=INIT_SECONDS, silent=True, console="off"),
    )


@contextmanager
def one_wandb_run() -> Iterator[None]:
    """Finishes the W&B run of the block however it ends, as failed where it raises.

    Raises:
        UserError: W&B refuses the run.
    """
    code = 1
    try:
        yield
        code = 0
    except wandb.Error as error:
        raise UserError(
            f"W&B: {error}; log in with wandb login, or pass logger.offline=true"
        ) from error
    finally:
        wandb.finish(exit_code=code)


def summary_figures(content: Mapping[str, Any]) -> dict[str, float]:
    """The figures of metrics.json as flat numbers, such as ``test/full/discard/30``."""
    costs = ("epochs", "epochs_trained", "train_seconds", "rescore_seconds")
    speed = {f"fps_{name}": rate for name, rate in content["fps"].items()}
    nested = {
        "test": {name: content[name] for name in costs} | speed | content["subsets"],
        "validation_nme": content["validation_nme"],
        "offset": content.get("offset"),
        "bound": under(content, ("bound", "subsets", "full", "bound")),
        "detector": under(content, ("detector", "subsets", "full")),
        "rejection/passed": under(content, ("rejection", "kept", "0.99", "passed", "all")),
    }
    figures = leaves(nested, joint="/")
    return {name: value for name, value in figures if isinstance(value, int | float)}
