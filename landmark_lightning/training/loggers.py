"""Loggers: CSV always, Weights & Biases and TensorBoard beside it."""

import csv
import logging
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import wandb
from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter

from landmark_lightning.config.difference import leaves, under
from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Train
from landmark_lightning.errors import UserError, sentence
from landmark_lightning.files import replacing
from landmark_lightning.hdf5 import FULL, no_room
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.runs.folder import RunFolder

ENVIRONMENT = {
    # How long its server may take to answer when a run starts; its own limit is 90 s.
    "WANDB_INIT_TIMEOUT": "5",
    # Where its server is gone it would wait for it at a run's end for good.
    "WANDB_FINISH_TIMEOUT": "120",
    # Its reports about itself hold the process's end up for 20 s where no server answers.
    "WANDB_ERROR_REPORTING": "false",
}
"""What W&B is told by variables, of which a user's own stand; seconds, but for the last."""


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


def tensorboard_logger(folder: RunFolder, resumed: Path | None) -> TensorBoardLogger:
    """A logger that writes the curves to ``tensorboard`` in the run's folder.

    It touches nothing yet. Of a run that goes on, TensorBoard drops what was logged after that
    checkpoint.

    Raises:
        UserError: TensorBoard is not installed.
    """
    step = None if resumed is None else read_checkpoint(resumed)["global_step"]
    place = folder.tensorboard.resolve()
    try:
        return TensorBoardLogger(
            place.parent, name="", version=place.name, default_hp_metric=False, purge_step=step
        )
    except ModuleNotFoundError as error:
        raise UserError(
            "logger.also=[tensorboard] needs more: pip install 'landmark-lightning[tensorboard]'"
        ) from error


class RunLogger(WandbLogger):
    """One W&B run for one cell: group is the dataset, job type the model.

    It touches nothing before ``start``; W&B will write under ``wandb`` in the run's folder. A run
    that goes on has the id in ``folder.wandb_id``; one that begins, or that ``rerun`` begins anew,
    has a new one.

    Args:
        folder: The run's folder.
        config: Its settings.
        normalizer: The primary normalizer; see ``is_curve``.
    """

    def __init__(self, folder: RunFolder, config: Train, normalizer: str) -> None:
        dataset, model, seed = config.dataset.name, config.model.name, config.seed
        tags = [model, dataset, f"seed{seed}", *config.logger.tags]
        known = folder.wandb_id.is_file() and not config.rerun
        super().__init__(
            id=folder.wandb_id.read_text().strip() if known else secrets.token_hex(4),
            name="-".join(name for name in (dataset, model, config.variant, f"s{seed}") if name),
            project=config.logger.project,
            # Absolute, since W&B's own process may have been started in another folder.
            save_dir=folder.path.resolve(),
            offline=config.logger.offline,
            group=dataset,
            job_type=model,
            tags=[str(tag)[:64] for tag in tags if str(tag)],
            config=plain(config),
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, and W&B warns of it
        self.normalizer = normalizer
        self.lost = False

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """A block of calls to W&B, which ends where W&B's own process has died."""
        try:
            yield
        except ConnectionError as error:
            if not self.lost:
                print(f"  Warning: W&B's process has died ({error}); the run goes on without it")
            self.lost = True

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs the figures that are curves one looks at; ``metrics.csv`` has the others."""
        curves = {name: v for name, v in metrics.items() if is_curve(name, self.normalizer)}
        with self.surviving():
            super().log_metrics(curves, step)

    def start(self) -> None:
        """Starts the run, offline where W&B does not take it.

        Raises:
            UserError: There is no key, or the variables of W&B are wrong.
        """
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        # On a full disk Python would print a trace for every line of W&B's own log.
        logging.raiseExceptions = False
        try:
            _ = self.experiment
        except wandb.errors.UsageError as error:
            raise UserError(
                f"W&B: {error}; log in with wandb login, or pass logger.offline=true"
            ) from error
        except ValueError as error:
            message = " ".join(str(error).partition("For further")[0].split())
            raise UserError(
                f"W&B: {message}; set its variable, WANDB_..., right or pass logger.wandb=false"
            ) from error
        except (wandb.Error, TimeoutError) as error:
            wandb.teardown()  # else the id stays in use
            self._wandb_init["mode"] = "offline"
            _ = self.experiment
            reason = str(error).partition("\n")[0].replace("<no message>", "it says no reason")
            print(
                f"  Warning: W&B does not take the run ({reason}), which goes on offline; send it "
                f"with wandb sync {self.save_dir}/wandb/offline-run-*, after wandb login "
                "--relogin where the key was refused"
            )


def is_curve(name: str, normalizer: str) -> bool:
    """Whether W&B shows a figure of a training as a curve.

    Of those of validation: ``val/nme``; what of all faces is on the primary normalizer or in
    pixels, of the discarded shares 30% alone; and each subset's NME on the primary normalizer.
    """
    split, *path = name.split("/")
    if split != "val" or len(path) < 3:
        return True
    figure, *subset, unit = path
    if figure == "nme":
        return subset != ["full"] and unit == normalizer  # that of full is val/nme
    return subset == ["full"] and not figure.endswith(("_10", "_20"))


@contextmanager
def one_wandb_run(logger: RunLogger | None) -> Iterator[None]:
    """Finishes the W&B run of the block however it ends, as failed where it raises.

    Raises:
        UserError: W&B refuses to start the run even offline, or see ``RunLogger.start``.
    """
    if logger is None:
        yield
        return
    code = 1
    try:
        logger.start()
        yield
        code = 0
    except wandb.Error as error:
        raise UserError(f"W&B: {error}; pass logger.wandb=false to train without it") from error
    finally:
        _finish(code)


def _finish(code: int) -> None:
    """Finishes W&B's run, of which the folder holds all, so that an error loses nothing."""
    try:
        wandb.finish(exit_code=code)
    except Exception as error:  # without its process there are many
        print(f"  Warning: W&B has not ended its run ({sentence(error)}); send it with wandb sync")
        with suppress(Exception):  # so that the next run is another one, and the end no trace
            wandb.teardown()
        wandb.run = None


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
