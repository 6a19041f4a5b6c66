"""A study: a sweep of landmark-train whose values optuna chooses, trial by trial.

Trials, and what came of them, lie in a database. A study that was cut goes on with the trials that
had begun, as their runs do. ``study-<name>.json`` says the same to landmark-report.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override

from landmark_lightning.commands.sweep import KEPT, Cell, Sweep
from landmark_lightning.config.difference import leaves
from landmark_lightning.config.limits import NAME, TEXT, VARIANT, one_of, or_null, whole
from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Train
from landmark_lightning.errors import UserError
from landmark_lightning.runs import lock
from landmark_lightning.runs.folder import IGNORED
from landmark_lightning.runs.state import read_state
from landmark_lightning.runs.studies import VALIDATION_NME, Study, Trial, objective, rounded
from landmark_lightning.runs.variants import variant_of
from landmark_lightning.terminal import aligned

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

FAILED_IN_A_ROW = 3
"""So many trials one after another that fail end a study."""

LIMITS = {
    "study_name": NAME, "n_trials": whole(1), "n_jobs": or_null(whole(1)), "seed": whole(0),
    "direction": one_of("minimize", "maximize"), "sampler": one_of("tpe", "random"),
    "n_startup_trials": whole(0), "storage": or_null(TEXT),
}  # fmt: skip
"""What the settings under ``hydra.sweeper`` may be."""


@dataclass(frozen=True)
class Search:
    """What a study searches.

    Attributes:
        fixed: Values of settings that all trials share, as the command line has them.
        seeds: Values of ``seed``, one for each run of a trial; None: as in ``conf``.
        spaces: What each setting searched is chosen from.
        ends: Values of each that are read before the first run starts.
    """

    fixed: dict[str, str]
    seeds: "list[str | None]"
    spaces: "dict[str, BaseDistribution]"
    ends: dict[str, list[str]]


class StudySweep(Sweep):
    """Trains trials until so many are complete, and says which is best.

    Args:
        params: Choices of settings as the command line would list them, which it may override.
        settings: The others, of ``conf/hydra/sweeper/optuna.yaml``, which explains them.
    """

    def __init__(self, params: dict[str, str] | None = None, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(params)
        self.settings = settings
        self.study_name, self.n_trials = str(settings["study_name"]), settings["n_trials"]

    def sweep(self, arguments: list[str]) -> None:
        """Goes on with the trials that had begun, then asks for new ones.

        Raises:
            UserError: A wrong setting, a study of other settings, or trials that failed.
        """
        for key, limit in LIMITS.items():
            limit.check(self.settings[key], f"hydra.sweeper.{key}")
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        search = _search(parser.parse_overrides([*self._parse_config(), *arguments]))
        first, shared = self._composed(search)
        metric = first.optimized_metric or VALIDATION_NME
        if metric.startswith("subsets."):
            print(
                f"Warning: optimized_metric={metric} is a test figure; of a study that goes by it "
                "the best trial's test figures are too good"
            )
        with self._alone(first.runs_dir):
            self._run(self._opened(first, {"optimized_metric": metric} | shared), search, first)

    def _composed(self, search: Search) -> tuple[Train, dict[str, Any]]:
        """Reads the settings with each of the values to try: a wrong one is said at once.

        Returns:
            The settings with the first values of all, and those that all trials share.
        """
        firsts = {name: ends[0] for name, ends in search.ends.items()}
        first = self._cell(*self._trial(search, firsts, search.seeds[0])).settings
        shared = dict(leaves(plain(first)))
        passed = (*IGNORED, "seed", "data_dir")
        for name, ends in search.ends.items():
            for value in ends[1:]:
                other = self._cell(*self._trial(search, firsts | {name: value}, None)).settings
                now = dict(leaves(plain(other)))
                shared = {key: v for key, v in shared.items() if now.get(key) == v}
        return first, {
            key: value
            for key, value in shared.items()
            if not any(key == name or key.startswith(f"{name}.") for name in passed)
        }

    def _trial(
        self,
        search: Search,
        values: Mapping[str, str],
        seed: str | None,
        number: int | None = None,
    ) -> tuple[list[str], Train]:
        """Overrides and settings of a run, in the folder of a trial if that has a number."""
        own = search.fixed | dict(values) | ({} if seed is None else {"seed": seed})
        overrides = [f"{name}={value}" for name, value in own.items() if name != "variant"]
        given = self._settings([f"{name}={value}" for name, value in own.items()])
        if number is not None:
            named = f"{self.study_name}-{number}"
            short = variant_of({name: rounded(value) for name, value in values.items()})
            words = "+".join(word for word in (given.variant, named, short) if word)
            given = replace(given, variant=words if VARIANT.holds(words) else named)
        variant = "null" if given.variant is None else f"'{given.variant}'"
        return [*overrides, f"variant={variant}"], given

    @contextmanager
    def _alone(self, runs: Path) -> Iterator[None]:
        """Keeps other processes from the same study."""
        path = runs / f".study-{self.study_name}.lock"
        try:
            lock.acquire(path)
        except BlockingIOError as error:
            raise UserError(
                f"study {self.study_name} in {runs} is run by another process; wait for it or "
                "end it, or pass hydra.sweeper.study_name=... for another study"
            ) from error
        try:
            yield
        finally:
            lock.release(path)

    def _opened(self, first: Train, shared: Mapping[str, Any]) -> "optuna.Study":
        """The study, from its database where it has begun.

        Raises:
            UserError: A database that can't be used, or a study of other settings.
        """
        import optuna
        from sqlalchemy.exc import SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = self.settings["storage"] or f"sqlite:///{first.runs_dir / 'studies.db'}"
        wrong = (SQLAlchemyError, optuna.exceptions.OptunaError, ImportError, ValueError)
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=self.study_name,
                direction=self.settings["direction"],
                load_if_exists=True,
            )
        except wrong as error:
            reason = " ".join(str(error).split())
            raise UserError(f"hydra.sweeper.storage={storage}: {reason:.160}") from error
        now = {"hydra.sweeper.direction": self.settings["direction"], **shared}
        before = study.user_attrs.get("settings", {})
        for key in sorted(now.keys() & before.keys()):
            if now[key] != before[key]:
                raise UserError(
                    f"study {self.study_name} was begun with {key}={before[key]}, now it is "
                    f"{now[key]}; pass hydra.sweeper.study_name=... for another study"
                )
        study.set_user_attr("settings", before | now)
        return study

    def _run(self, study: "optuna.Study", search: Search, first: Train) -> None:
        metric = first.optimized_metric or VALIDATION_NME
        states = _states(study)
        begun = [number for number, state in states.items() if state == "running"]
        complete = list(states.values()).count("complete")
        print(f"Study {self.study_name} of {self.n_trials} trials, complete already: {complete}")
        failed = 0
        while complete < self.n_trials and failed < FAILED_IN_A_ROW:
            count = min(self._at_once(), self.n_trials - complete)
            numbers, begun = begun[:count], begun[count:]
            numbers += [self._ask(study, search) for _ in range(count - len(numbers))]
            self._launch_trials(study, search, numbers, metric)
            self._noted(study, first.runs_dir, metric).write()
            states = _states(study)
            complete = list(states.values()).count("complete")
            lost = sum(states[number] == "failed" for number in numbers)
            failed = failed + lost if lost == len(numbers) else 0
        noted = self._noted(study, first.runs_dir, metric)
        path = noted.write()
        _print_trials(noted)
        print(f"Wrote {path}")
        if complete < self.n_trials:
            raise UserError(
                f"the last {failed} trials failed, the study is not done; start the same command "
                "again to try others in their place"
            )

    def _at_once(self) -> int:
        """How many trials are asked for at the same time."""
        launcher = self.config.hydra.launcher
        at_once = launcher.get("n_jobs") or launcher.get("array_parallelism") or 1
        own: int | None = self.settings["n_jobs"]
        return own or max(1, at_once)

    def _ask(self, study: "optuna.Study", search: Search) -> int:
        """Begins a trial; gives its number."""
        import optuna

        # Each trial is drawn with a seed of its own, whether the study was cut before or not.
        drawn = self.settings["seed"], len(study.get_trials(deepcopy=False))
        seed = int(np.random.SeedSequence(drawn).generate_state(1)[0])
        if self.settings["sampler"] == "random":
            study.sampler = optuna.samplers.RandomSampler(seed=seed)
        else:
            startup = self.settings["n_startup_trials"]
            study.sampler = optuna.samplers.TPESampler(n_startup_trials=startup, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what optuna will change some day
            try:
                return study.ask(search.spaces).number
            except ValueError as error:
                raise UserError(
                    f"study {self.study_name} was begun with other values to choose from "
                    f"({error}); pass hydra.sweeper.study_name=... for another study"
                ) from error

    def _launch_trials(
        self, study: "optuna.Study", search: Search, numbers: Sequence[int], metric: str
    ) -> None:
        """Trains trials at the same time and tells the study what came of them.

        Raises:
            UserError: A run is not done, and not for what the trial is; it goes on with the study.
        """
        import optuna

        failed = optuna.trial.TrialState.FAIL
        cells: dict[int, list[Cell]] = {}
        for number in numbers:
            params = study.trials[number].params
            if params.keys() != search.spaces.keys():  # killed before all was chosen
                study.tell(number, state=failed)
                continue
            values = {name: str(params[name]) for name in search.spaces}
            runs = (self._trial(search, values, seed, number) for seed in search.seeds)
            cells[number] = [self._cell(*run) for run in runs]
            names = [cell.folder.name for cell in cells[number]]
            study.set_user_attr(f"cells {number}", names)
        left = {
            f"Trial {number}, seed {cell.settings.seed}": cell
            for number, of_number in cells.items()
            for cell in of_number
            if not cell.whole
        }
        errors = self._launch([*left.values()], [*left]) if left else {}
        for number, of_number in cells.items():
            states = [read_state(cell.folder.path) for cell in of_number]
            for found in states:
                error = errors.get(found.folder, found.error)
                if found.state not in ("done", "failed") or (error and found.state not in KEPT):
                    raise UserError(error or f"{found.folder} is {found.state}")
            if all(found.state == "done" for found in states):
                figures = [objective(cell.folder, metric) for cell in of_number]
                study.tell(number, sum(figures) / len(figures))
            else:
                study.tell(number, state=failed)

    def _noted(self, study: "optuna.Study", runs: Path, metric: str) -> Study:
        """The study as its file has it."""
        states = _states(study)
        trials = [
            Trial(
                number=trial.number,
                state=states[trial.number],
                value=trial.value,
                params=dict(trial.params),
                cells=study.user_attrs.get(f"cells {trial.number}", []),
            )
            for trial in study.trials
        ]
        direction = self.settings["direction"]
        return Study(runs, self.study_name, metric, direction, self.n_trials, trials)


def _states(study: "optuna.Study") -> dict[int, str]:
    """The state of each trial, by number."""
    words = {"COMPLETE": "complete", "FAIL": "failed"}
    return {
        trial.number: words.get(trial.state.name, "running")
        for trial in study.get_trials(deepcopy=False)
    }


def _search(overrides: Sequence[Override]) -> Search:
    """What the command line asks for.

    Raises:
        UserError: There is nothing to search, or optuna is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            "hydra/sweeper=optuna needs more: pip install 'landmark-lightning[optuna]'"
        ) from error
    fixed: dict[str, str] = {}
    seeds: list[str | None] = [None]
    spaces: dict[str, BaseDistribution] = {}
    ends: dict[str, list[str]] = {}
    for override in overrides:
        name = override.get_key_element()
        for known in (fixed, spaces, ends):  # the last word counts
            known.pop(name, None)
        if not override.is_sweep_override():
            fixed[name] = override.get_value_element_as_str()
        elif name == "seed" and override.is_discrete_sweep():
            seeds = [*override.sweep_string_iterator()]
        else:
            spaces[name], ends[name] = _space(override)
    if not spaces:
        raise UserError(
            "hydra/sweeper=optuna has nothing to search; give a setting several values "
            "(network.width=8,16) or an interval (phases.lr=tag(log,interval(1e-4,1e-2)))"
        )
    return Search(fixed, seeds, spaces, ends)


def _space(override: Override) -> "tuple[BaseDistribution, list[str]]":
    """What a setting is chosen from, and the values of it that are read beforehand."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    value = override.value()
    if not isinstance(value, IntervalSweep):
        values = [*dict.fromkeys(override.sweep_string_iterator())]
        return CategoricalDistribution(values), values
    low, high, log = value.start, value.end, "log" in value.tags
    kind = IntDistribution if isinstance(low, int) else FloatDistribution
    try:
        return kind(low, high, log=log), [str(low), str(high)]  # type: ignore[arg-type]
    except ValueError as error:
        raise UserError(f"{override.input_line}: {error}") from error


def _print_trials(study: Study) -> None:
    """Prints what became of every trial, and which is best."""
    names = list(dict.fromkeys(name for trial in study.trials for name in trial.params))
    rows = [("trial", *names, "state", study.metric)]
    for trial in study.trials:
        values = (rounded(trial.params.get(name, "-")) for name in names)
        value = "-" if trial.value is None else f"{trial.value:.4g}"
        rows.append((str(trial.number), *values, trial.state, value))
    print(*aligned(rows, left=0), sep="\n")
    if study.best is not None:
        print(f"Best: {study.describe_best()}")
