"""The finished runs below a folder: their metrics.json, gathered by dataset, model and settings.

A run is a folder with a ``metrics.json`` and a ``predictions.h5``, as landmark-train and
landmark-evaluate write them. It may lie anywhere below the given folder: ``metrics.json`` says of
which dataset, model and seed it is, and ``config.yaml`` how it was made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landmark_lightning.config.difference import under
from landmark_lightning.documents import from_json, read_text
from landmark_lightning.errors import UserError
from landmark_lightning.files import finish_set
from landmark_lightning.runs.folder import EVALUATIONS, RunFolder, shared_settings
from landmark_lightning.runs.search import Below, folders_below
from landmark_lightning.runs.variants import data_name, variants, varied_in
from landmark_lightning.seals import unsealed

MODELS = ("non", "nobb", "bbo", "bb", "bbs", "validated")
"""The order of the models in tables and figures, the paper's and ours; others follow by name."""

REMEDY = "remove it, and start landmark-train or landmark-evaluate again, which writes it anew"
"""For a damaged metrics.json."""

LARGEST = 1e100
"""No figure is so large, either way."""

LONGEST = 200
"""Letters of a name of a dataset, model or normalizer."""

SHOWN_SETTINGS = 12
"""How many settings a note names of those that set a cell apart."""


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        path: Its folder.
        dataset: Name of the dataset.
        model: Name of the model.
        seed: Seed of the run.
        normalizer: What its errors are divided by.
        content: All of its metrics.json.
        settings: Those of its config.yaml that seeds share; None: not known.
        varied: What a sweep varied of them, as its user calls it.
    """

    path: Path
    dataset: str
    model: str
    seed: int
    normalizer: str
    content: dict[str, Any] = field(repr=False)
    settings: Mapping[str, Any] | None = field(default=None, repr=False)
    varied: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def figure(self, *keys: str) -> float | None:
        """The number under ``keys``; None where it is null, missing or no figure."""
        value = under(self.content, keys)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        # Beyond that no sum of them would be finite.
        return float(value) if abs(value) < LARGEST else None

    def word(self, *keys: str) -> str | None:
        """The text under ``keys``; None where there is none."""
        value = under(self.content, keys)
        return value if isinstance(value, str) else None

    def names(self, *keys: str) -> list[str]:
        """Names of the entries in the object under ``keys``; none where there is no object."""
        value = under(self.content, keys)
        return list(value) if isinstance(value, dict) else []


@dataclass(frozen=True)
class Cell:
    """The runs of one model on one dataset that differ in nothing but their seed, by seed.

    Attributes:
        dataset: Name of the dataset.
        normalizer: What their errors are divided by.
        model: Name of the model.
        runs: The runs.
        variant: What sets them apart from other runs of the model; empty where nothing does.
        differing: The same at full length.
    """

    dataset: str
    normalizer: str
    model: str
    runs: tuple[Run, ...]
    variant: str = ""
    differing: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model, and what sets the cell apart from others of it."""
        return f"{self.model} ({self.variant})" if self.variant else self.model

    def figures(self, *keys: str) -> list[float | None]:
        """The number under ``keys`` of every run."""
        return [run.figure(*keys) for run in self.runs]


def read_run(path: Path) -> Run:
    """Reads metrics.json in a run's folder, and its settings where they can be read.

    Raises:
        UserError: metrics.json can't be read or lacks what every run has; one sentence.
    """
    folder = RunFolder(path)
    file = folder.metrics
    try:
        content = unsealed(from_json(read_text(file, within=path)))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{file} can't be read ({reason}); {REMEDY}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file} holds no figures of a run: it is no object")
    for key, kind in (("dataset", str), ("model", str), ("seed", int), ("normalizer", str)):
        value = content.get(key)
        if not isinstance(value, kind) or len(str(value)) > LONGEST:
            raise UserError(f"{file} holds no figures of a run: {key} is missing or wrong")
    if not isinstance(under(content, ("subsets", "full")), dict):
        raise UserError(f"{file} holds no figures of a run: subsets.full is missing")
    identity = {key: content[key] for key in ("dataset", "model", "seed", "normalizer")}
    settings, varied = None, {}
    try:
        config = folder.read_config()
        settings, varied = shared_settings(config), varied_in(config.get("variant"))
    except (FileNotFoundError, ValueError):
        pass
    return Run(path, **identity, content=content, settings=settings, varied=varied)


def find_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """Reads every run below a folder, but no later evaluations of a run.

    Returns:
        The runs, and a sentence for each file or folder that was left out (a broken one, one that
        was read already under another name, another run of the same dataset, model, seed,
        normalizer, faces and settings), and for runs whose settings nobody knows.
    """
    below = folders_below(folder)
    left_out = list(below.unread)
    read = []
    for path in sorted(below.folders):
        if EVALUATIONS in path.relative_to(folder).parts:
            continue
        try:
            finish_set(path)
            if RunFolder(path).metrics.exists():
                read.append(read_run(path))
        except (OSError, ValueError) as error:
            left_out.append(str(error))
    left_out += _linked_twice(below, read)
    known: dict[tuple[object, ...], list[Run]] = {}
    # A run goes before a later evaluation of it, which does not know its seconds and settings.
    for run in sorted(
        read, key=lambda run: (run.settings is None, run.figure("train_seconds") is None)
    ):
        identity = (run.dataset, run.model, run.seed, run.normalizer, run.word("data"))
        others = known.setdefault(identity, [])
        alike = [other for other in others if run.settings in (None, other.settings)]
        if alike:
            left_out.append(f"{run.path} is of the same run as {alike[0].path}")
        else:
            others.append(run)
    runs = [run for of_identity in known.values() for run in of_identity]
    if unknown := [run for run in runs if run.settings is None]:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        left_out.append(
            f"{RunFolder(unknown[0].path).config}{more} can't be read: how the run was made is "
            "not known, so it shares a row with its like alone"
        )
    return runs, left_out


def _linked_twice(below: Below, runs: Iterable[Run]) -> list[str]:
    """A sentence for each folder whose runs are read under another name."""
    holding = {parent for run in runs for parent in (run.path, *run.path.parents)}
    return [
        f"{folder} is the folder {first} under another name: its runs count once"
        for folder, first in sorted(below.again.items())
        if first in holding
    ]


def gather(runs: Iterable[Run]) -> list[Cell]:
    """Groups runs into cells: by dataset and normalizer, then in the order of ``MODELS``.

    Runs of a model whose settings or faces differ are cells of their own, named by that.
    """
    models: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        models.setdefault((run.dataset, run.normalizer, run.model), []).append(run)
    cells = []
    for key in sorted(models, key=lambda key: (*key[:2], *model_rank(key[2]))):
        of_model = sorted(models[key], key=lambda run: run.seed)
        settings, content = zip(*((r.settings, r.word("data")) for r in of_model), strict=True)
        for variant in variants(settings, content, [run.varied for run in of_model]):
            members = tuple(of_model[place] for place in variant.members)
            cells.append(Cell(*key, members, variant.name, variant.differing))
    return cells


def differences(cells: Iterable[Cell]) -> list[str]:
    """What cells of one dataset differ in besides their model, a sentence each.

    It says which are on which faces, where not all are on the same, and what a variant's name
    leaves out.
    """
    on: dict[str, list[str]] = {}
    in_full = []
    for cell in cells:
        for content in dict.fromkeys(run.word("data") for run in cell.runs):
            on.setdefault(data_name(content), []).append(cell.name)
        if ", ".join(words := cell.differing) != cell.variant:
            left = len(words) - SHOWN_SETTINGS
            shown = ", ".join(words[:SHOWN_SETTINGS]) + (f" and {left} more" if left > 0 else "")
            in_full.append(f"{cell.name}: {shown}.")
    faces = "; ".join(f"{', '.join(names)} on {data}" for data, names in on.items())
    return ([f"Not all are on the same faces: {faces}."] if len(on) > 1 else []) + in_full


def names_in_order(cells: Iterable[Cell]) -> list[str]:
    """The names of cells of any datasets, each once, in the order of ``MODELS``."""
    return list(dict.fromkeys(c.name for c in sorted(cells, key=lambda c: model_rank(c.model))))


def model_rank(model: str) -> tuple[int, str]:
    """Sorts models in the order of ``MODELS``, others after them by name."""
    return MODELS.index(model) if model in MODELS else len(MODELS), model
