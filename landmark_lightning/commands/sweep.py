"""A sweep of landmark-train: many runs with any of Hydra's launchers, goes on after a cut."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from landmark_lightning.commands.checks import check_settings
from landmark_lightning.commands.requeueing import queued_again
from landmark_lightning.config.compose import settings_of
from landmark_lightning.config.limits import VARIANT
from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Train
from landmark_lightning.documents import from_json, read_text
from landmark_lightning.ending import Ended, ended_by_signals
from landmark_lightning.errors import UserError, sentence
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.state import Attempt, read_state, write_plan
from landmark_lightning.runs.variants import variant_of
from landmark_lightning.terminal import aligned, steady_output


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    Attributes:
        overrides: What the sweep adds to the command line for it.
        settings: All that it is trained with.
        folder: Its folder.
        whole: It is finished already with the same settings.
    """

    overrides: list[str]
    settings: Train
    folder: RunFolder
    whole: bool


class CellJob:
    """What a launcher calls for each run, maybe in a process of its own.

    Whatever goes wrong in a run is recorded in its folder and does not reach the launcher, so that
    the other runs go on.

    Args:
        titles: What each launched run is called, such as ``Cell 2 of 8``.
    """

    def __init__(self, titles: list[str]) -> None:
        self.titles = titles
        self.sweep_process = os.getpid()
        self.replaced: dict[int, float | None] = {}

    def __call__(self, config: DictConfig) -> str | None:
        """Trains and tests a run.

        Returns:
            Why it failed, or None.

        Raises:
            Ended: A signal asks the process to end, unless the sweep goes on without it.
        """
        with steady_output(), ended_by_signals(), queued_again():
            return self._run(config)

    def _run(self, config: DictConfig) -> str | None:
        hydra = HydraConfig.get()
        settings: Train = settings_of("train", config, hydra)
        folder = RunFolder.of(settings)
        number = hydra.job.num
        print(f"{self.titles[number]}: {folder.path}", flush=True)
        # A process that the sweep's own has started, as joblib does, ends with it.
        child = os.getppid() == self.sweep_process
        attempt = Attempt(folder.path, parent=self.sweep_process if child else None)
        if self._began_anew(number, folder):
            settings = replace(settings, rerun=False)
        try:
            with suppress(Exception), attempt:
                from landmark_lightning.datasets.preparation.prepared import for_training
                from landmark_lightning.training.fit import attend

                # Refused before it began: what lies there keeps its state.
                known = plain(for_training(settings))
                if not settings.rerun and (clash := folder.clash(known)) is not None:
                    raise UserError(clash)
                attempt.begin()
                attend(settings)
        except Ended as end:
            if not child:
                raise
            print(f"landmark-train ({folder.path}): {end}", file=sys.stderr, flush=True)
            return None
        if attempt.error is not None:
            print(f"landmark-train ({folder.path}): {attempt.error}", file=sys.stderr, flush=True)
        return attempt.error

    def _began_anew(self, number: int, folder: RunFolder) -> bool:
        """Whether a cell in a job that was queued again has replaced the old run: it goes on."""
        with suppress(FileNotFoundError):
            written = folder.config.stat().st_mtime
            return self.replaced.setdefault(number, written) != written
        self.replaced.setdefault(number, None)
        return False


KEPT = ("running", "failed")
"""States of a cell that ended with an error; another one is of before: the cell never began."""


class Sweep(BasicSweeper):
    """Runs every combination of the choices given, but for those that are finished.

    Args:
        params: Choices of settings as the command line would list them, which it may override.
    """

    hydra_context: HydraContext
    config: DictConfig

    def __init__(self, params: dict[str, str] | None = None) -> None:
        # Not by BasicSweeper's constructor: that fails where this module is loaded before Hydra
        # loads its plugins, BasicSweeper once more among them.
        self.params = params or {}
        self.checked: set[str] = set()

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keeps what Hydra gives; the launcher is made when the runs are known."""
        self.hydra_context = hydra_context
        self.config = config

    def sweep(self, arguments: list[str]) -> None:
        """Starts the runs and shows at the end what became of each.

        Raises:
            Ended: A signal asks the process to end.
            UserError: Two runs would share a folder, or some are not finished at the end.
        """
        with ended_by_signals():
            self._sweep(arguments)

    def _sweep(self, arguments: list[str]) -> None:
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        (combinations,) = self.split_arguments(overrides, None)
        cells = [self._cell(*placed) for placed in self._placed(combinations)]
        folders: dict[Path, int] = {}
        for number, cell in enumerate(cells, 1):
            if (other := folders.setdefault(cell.folder.path, number)) != number:
                raise UserError(
                    f"cells {other} and {number} of the sweep would both be written to "
                    f"{cell.folder.path}; leave out model.name, runs_dir and variant, or put "
                    "all that is swept into one of them"
                )
        for runs in {cell.folder.runs for cell in cells}:
            write_plan(runs, (cell.folder.name for cell in cells if cell.folder.runs == runs))
        left = {f"Cell {n} of {len(cells)}": c for n, c in enumerate(cells, 1) if not c.whole}
        plural = "" if len(cells) == 1 else "s"
        print(f"Sweep of {len(cells)} cell{plural}, finished already: {len(cells) - len(left)}")
        errors = self._launch([*left.values()], [*left]) if left else {}
        if undone := _print_table(cells, errors):
            raise UserError(
                f"{undone} of {len(cells)} cells are not done; start the same command again to "
                "try them once more"
            )

    def _placed(self, combinations: Sequence[Sequence[str]]) -> list[tuple[list[str], Train]]:
        """Runs by overrides and settings, what is varied put into ``variant``.

        What the folders tell apart already, as model and seed, or what is given a place in
        model.name or runs_dir, is left out.
        """
        settings = [self._settings(overrides) for overrides in combinations]
        folders = [RunFolder.of(each).path for each in settings]
        unplaced = _unplaced(combinations, folders)
        placed = []
        for overrides, given in zip(combinations, settings, strict=True):
            pairs = (override.partition("=") for override in overrides)
            varied = {key: value for k, (key, _, value) in enumerate(pairs) if k in unplaced}
            if not varied:
                placed.append((list(overrides), given))
                continue
            words = "+".join(word for word in (given.variant, variant_of(varied)) if word)
            rest = [override for override in overrides if not override.startswith("variant=")]
            named = replace(given, variant=VARIANT.check(words, "variant"))
            placed.append(([*rest, f"variant='{words}'"], named))
        return placed

    def _settings(self, overrides: Sequence[str]) -> Train:
        """A run's settings: a wrong one is said before the first run starts."""
        loader = self.hydra_context.config_loader
        composed = loader.load_sweep_config(self.config, list(overrides))
        settings: Train = settings_of("train", composed, composed.hydra)
        return settings

    def _cell(self, overrides: list[str], settings: Train) -> Cell:
        """A run, and whether it is finished."""
        check_settings("train", settings)
        from landmark_lightning.datasets.preparation.prepared import for_training

        settings = for_training(settings)
        self._check_origin(settings)
        folder = RunFolder.of(settings)
        finished = folder.metrics.is_file() and not settings.rerun
        whole = finished and folder.clash(plain(settings)) is None
        return Cell(overrides, settings, folder, whole)

    def _check_origin(self, settings: Train) -> None:
        """Says once a dataset, before the first run starts, that it must be prepared again."""
        from landmark_lightning.datasets.preparation.origins import check_origin

        key = json.dumps([plain(settings.dataset), str(settings.data_dir)])
        if key not in self.checked:
            check_origin(settings)
            self.checked.add(key)

    def _launch(self, started: list[Cell], titles: list[str]) -> dict[Path, str]:
        """Starts runs, each with its title; gives the errors that they ended with, by folder."""
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.hydra_context,
            task_function=CellJob(titles),
            config=self.config,
        )
        try:
            returned = launcher.launch([cell.overrides for cell in started], initial_job_idx=0)
        except RuntimeError as error:  # the launcher's own: a run's process was killed
            print(f"landmark-train: {sentence(error)}", file=sys.stderr)
            return {}
        ended = (
            (c.folder.path, job.return_value) for c, job in zip(started, returned, strict=True)
        )
        return {path: error for path, error in ended if error is not None}


def _unplaced(combinations: Sequence[Sequence[str]], folders: Sequence[Path]) -> set[int]:
    """Which overrides, by place, may be all that differs between two runs of one folder."""
    found = set()
    for place in range(len(combinations[0])):
        others: dict[tuple[str, ...], dict[Path, str]] = {}
        for overrides, folder in zip(combinations, folders, strict=True):
            rest = (*overrides[:place], *overrides[place + 1 :])
            of_rest = others.setdefault(rest, {})
            if of_rest.setdefault(folder, overrides[place]) != overrides[place]:
                found.add(place)
    return found


def _print_table(cells: list[Cell], errors: dict[Path, str]) -> int:
    """Prints state, seconds and NME of every run, then the errors; counts those not done."""
    rows = [("cell", "state", "seconds", "NME (%)")]
    wrong: dict[str, str] = {}
    for cell in cells:
        found = read_state(cell.folder.path)
        error = errors.get(cell.folder.path, found.error)
        state = found.state if error is None or found.state in KEPT else "refused"
        rows.append(
            (cell.folder.name, state, *(_figures(cell.folder) if state == "done" else "--"))
        )
        if state != "done":
            wrong[cell.folder.name] = error or state
    print(*aligned(rows, left=2), sep="\n")
    for name, error in wrong.items():
        print(f"{name}: {error}", file=sys.stderr)
    return len(wrong)


def _figures(folder: RunFolder) -> tuple[str, str]:
    """Seconds of training and test NME of a finished run; dashes where its file is damaged."""
    try:
        content = from_json(read_text(folder.metrics))
        nme = content["subsets"]["full"]["nme"]
        shown = "-" if nme is None else f"{nme:.2f} {content['normalizer']}"
        return f"{content['train_seconds']:.0f}", shown
    except (OSError, ValueError, LookupError, TypeError):
        return "-", "-"
