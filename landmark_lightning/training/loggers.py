"""Loggers: CSV always, Weights & Biases beside it."""

import csv
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import wandb
from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger, WandbLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter

from landmark_lightning.config.difference import leaves, under
from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Train
from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing
from landmark_lightning.hdf5 import FULL, no_room
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.runs.folder import RunFolder

INIT_SECONDS = 30.0
"""How long W&B may take to answer when a run starts; its own limit is several times that."""


class CurvesWriter(ExperimentWriter):
    """Lightning's writer of ``metrics.csv``, but that the file is whole at every moment.

    Lightning's removes the one that it finds, and empties it to write it with one more column.
    """

    def write(self, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
        """Puts a table in the place of the file."""
        with (
            replacing(Path(self.metrics_file_path)) as temporary,
            temporary.open("w", newline="") as file,
        ):
            table = csv.DictWriter(file, names)
            table.writeheader()
            table.writerows(rows)
        self.metrics_keys = list(names)

    def save(self) -> None:
        """Appends the rows since the last time.

        Raises:
            OSError: The disk is full: one sentence.
        """
        try:
            super().save()
        except OSError as error:
            if error.errno in FULL:
                raise no_room(error.errno, Path(self.metrics_file_path)) from error
            raise

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        self.write(read_table(Path(self.metrics_file_path)), fieldnames)

    def _check_log_dir_exists(self) -> None:
        """Leaves what is there."""


class CurvesLogger(CSVLogger):
    """Lightning's logger with ``CurvesWriter``."""

    @property
    @rank_zero_experiment
    def experiment(self) -> CurvesWriter:
        """What writes the file."""
        if self._experiment is None:
            self._experiment = CurvesWriter(self.log_dir)
        assert isinstance(self._experiment, CurvesWriter)
        return self._experiment


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; one that was cut short, as by a kill, is left out."""
    text = path.read_text(encoding="utf-8")
    return [*csv.DictReader(StringIO(text[: text.rfind("\n") + 1]))]


def csv_logger(folder: RunFolder) -> CurvesLogger:
    """A logger that writes ``metrics.csv`` into the run's folder; it touches nothing yet."""
    # Absolute, as all paths that Lightning is given: it compares some with its own.
    return CurvesLogger(folder.path.resolve(), name="", version="")


def start_curves(logger: CurvesLogger, folder: RunFolder, resumed: Path | None) -> None:
    """Starts ``metrics.csv`` anew; of a run that goes on the rows up to that checkpoint stay."""
    rows: list[dict[str, str]] = []
    if resumed is not None and folder.curves.is_file():
        step = read_checkpoint(resumed)["global_step"]
        steps = ((row, row["step"] or "") for row in read_table(folder.curves))
        # A row that a full disk cut short says no step.
        rows = [row for row, at in steps if at.isdecimal() and int(at) < step]
    if rows:
        logger.experiment.write(rows, list(rows[0]))
    else:
        folder.curves.unlink(missing_ok=True)


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
