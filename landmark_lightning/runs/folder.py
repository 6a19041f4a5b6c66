"""A run's folder: ``<runs_dir>/<dataset>/<model>/seed<k>/`` and what lies where in it.

Behind the model's name, and a ``+``, may stand the run's variant: what sets it apart from others
of the model, as ``nobb+network.width=8`` (``variants.py``).
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landmark_lightning.config.difference import LEFT_TO_THE_FILE, first_difference, leaves
from landmark_lightning.config.older import modern
from landmark_lightning.config.schema import Train
from landmark_lightning.documents import from_yaml, read_text
from landmark_lightning.errors import UserError
from landmark_lightning.runs.variants import varied_in
from landmark_lightning.seals import check_seal

IGNORED = (
    "rerun", "data_dir", "runs_dir", "variant", "optimized_metric", "logger", "allow_targets",
    "workers", "threads",
    "dataset.root", "dataset.strict", "dataset.max_rejected", "dataset.protocol",
    "dataset.schedule", "phases.schedules", "data.residency",
    "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy",
    "trainer.log_every_n_steps", "trainer.deterministic",
)  # fmt: skip
"""Settings that may differ when a run is started again: they do not change what it learns."""

MARKS = {
    "content": "other faces",
    "sets": "faces of other subsets or groups, or with another validation set",
}
"""Digests of the FaceFile among the dataset's settings, and what it means if one differs."""

CHECKPOINTS, EVALUATIONS = "checkpoints", "evaluations"
"""Names of folders in a run's folder."""

PLANS = "plan-*.json"
"""Files in a ``runs_dir`` that say which runs a sweep makes; ``*`` is a digest of that."""


STUDIES = "study-*.json"
"""Files in a ``runs_dir`` that say what became of a study's trials; ``*`` is its name."""


PROFILE = "profile"
"""What a Trainer's profiler writes, ``fit-profile.txt``; its own names for the stages lead."""


class Place:
    """A path in a run's folder, by the names that lead to it."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __get__(self, folder: "RunFolder", _: object) -> Path:
        return folder.path.joinpath(*self.names)


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, and the paths in it."""

    path: Path

    @classmethod
    def of(cls, config: Train) -> "RunFolder":
        """The folder that the settings of landmark-train name."""
        model = f"{config.model.name}+{config.variant}" if config.variant else config.model.name
        return cls(config.runs_dir / config.dataset.name / model / f"seed{config.seed}")

    @property
    def runs(self) -> Path:
        """The ``runs_dir``."""
        return self.path.parents[2]

    @property
    def name(self) -> str:
        """Dataset, model and seed, as its path below ``runs_dir`` has them."""
        return self.path.relative_to(self.runs).as_posix()

    @property
    def begun(self) -> bool:
        """Whether a run was ever begun here."""
        return any(p.is_file() for p in (self.metrics, self.state, self.config, self.last))

    config = Place("config.yaml")
    """The resolved configuration, YAML."""
    checkpoints = Place(CHECKPOINTS)
    """Folder of the checkpoints."""
    best = Place(CHECKPOINTS, "best.ckpt")
    """The checkpoint with the lowest validation NME."""
    last = Place(CHECKPOINTS, "last.ckpt")
    """The newest checkpoint, from which a run that was cut goes on."""
    curves = Place("metrics.csv")
    """Training and validation curves, CSV."""
    metrics = Place("metrics.json")
    """The test figures; a run that has them is finished."""
    predictions = Place("predictions.h5")
    """The test predictions, HDF5."""
    table = Place("predictions.csv")
    """The same as a table, CSV; where it was asked for."""
    faces = Place("faces.png")
    """Test faces with their predictions, PNG."""
    state = Place("state.json")
    """What became of the run, JSON (``state.py``)."""
    lock = Place(".lock")
    """What a process that trains the run keeps locked (``lock.py``)."""
    profile = Place(f"fit-{PROFILE}.txt")
    """What the training's steps cost; where trainer.profiler is set."""
    tensorboard = Place("tensorboard")
    """The curves for TensorBoard; where logger.also names it."""
    error = Place("error.txt")
    """The traceback of a run that failed."""
    surprises = Place("surprises.png")
    """Test faces whose error the signal underrates most, PNG; models with a signal only."""
    stress = Place("stress.png")
    """Test faces under each condition of a stress test, PNG; where one was made."""
    balancing = Place("balancing.json")
    """How often LPBB drew whom, JSON; models with balancing only."""
    most_drawn = Place("most_drawn.png")
    """The training faces that LPBB drew most often, PNG; models with balancing only."""
    wandb_id = Place("wandb", "id.txt")
    """The run's id in W&B, under which it goes on after a cut."""
    evaluations = Place(EVALUATIONS)
    """Folder of later evaluations, one a dataset."""
    onnx = Place("model.onnx")
    """Where landmark-export writes the model."""

    def read_config(self) -> dict[str, Any]:
        """The settings that the run was made with, from ``config``.

        Raises:
            FileNotFoundError: There is no such file.
            UserError: It is damaged.
        """
        try:
            text = read_text(self.config, within=self.path)
            check_seal(self.config)
            content = from_yaml(text)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{self.config} is damaged ({reason})") from error
        if not isinstance(content, dict):
            raise UserError(f"{self.config} is damaged (it holds no settings)")
        return modern(content)

    def clear(self) -> None:
        """Removes what a run writes, so that it starts anew.

        Its settings go last, so that they still describe what a killed process leaves behind.
        """
        for path in (
            self.metrics, self.last, self.best, self.curves, self.predictions, self.faces,
            self.error, self.surprises, self.balancing, self.most_drawn, self.wandb_id, self.onnx,
            self.profile,
        ):  # fmt: skip
            path.unlink(missing_ok=True)
        for folder in (self.evaluations, self.tensorboard):
            shutil.rmtree(folder, ignore_errors=True)
        self.config.unlink(missing_ok=True)

    def clash(self, config: Mapping[str, Any]) -> str | None:
        """Why a run of these settings can neither go on here nor count as finished; None: it can.

        The sentence names the first setting in which the run that lies here differs.
        """
        if not self.config.is_file():
            if not self.last.is_file() or self.metrics.is_file():
                return None
            return (
                f"{self.last} has no {self.config.name} that says how it was made; put that back "
                "or pass rerun=true to train anew"
            )
        try:
            before = self.read_config()
        except UserError as error:
            return f"{error}; pass rerun=true to train anew"
        remedy = "pass rerun=true to replace it or runs_dir=... to keep both"
        if found := first_difference(before, config, _ignored(before, config)):
            key, old, new = found
            return f"{self.path} holds a run with {key}={old}, now it is {new}; {remedy}"
        # A run that is not yet tested goes on with other subsets; the validation set is looked
        # after by the checkpoint.
        marks = [*MARKS] if self.metrics.is_file() else ["content"]
        for mark in marks:
            old, new = (dict(leaves(c)).get(f"dataset.{mark}") for c in (before, config))
            if None not in (old, new) and old != new:
                return (
                    f"{self.path} holds a run on {MARKS[mark]} ({mark} {old:.6}) than "
                    f"{config['data_dir']}/{config['dataset']['name']}.h5 has now ({new:.6}); "
                    + remedy
                )
        return None


def checkpoint_of(run: Path, setting: str = "run") -> Path:
    """The checkpoint that ``run=`` means: the file itself, or the best one of a run's folder.

    Args:
        run: The file or the folder.
        setting: What messages call it.

    Raises:
        FileNotFoundError: There is none.
    """
    checkpoint = run if run.is_file() else RunFolder(run).best
    if not checkpoint.is_file():
        raise FileNotFoundError(
            f"{setting}={run} is neither a checkpoint nor a run's folder with one"
        )
    return checkpoint


def run_of(run: Path) -> RunFolder:
    """The folder of the run that ``run=`` means; of a checkpoint elsewhere, where that lies."""
    if run.is_dir():
        return RunFolder(run)
    return RunFolder(run.parent.parent if run.parent.name == CHECKPOINTS else run.parent)


def shared_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, by dotted name, that must agree for runs to be seeds of one experiment.

    They are all but the seed, the names of dataset and model, and ``IGNORED``, of which those
    count that a sweep varied. Streaming counts where it reads ahead and LPBB draws by older losses
    for it. Of which faces a run is, its metrics.json says.
    """
    flat = dict(leaves(config))
    varied = varied_in(config.get("variant"))
    ahead = flat.get("data.residency") == "stream" and flat.get("data.prefetch") != 0
    older = ahead and flat.get("model.balancing.refresh") != "none"
    passed = ("seed", "dataset.name", "model.name", "dataset.content", *IGNORED)
    return {
        key: value
        for key, value in flat.items()
        if (key == "data.residency" and older)
        or key in varied
        or not any(key == name or key.startswith(f"{name}.") for name in passed)
    }


def _ignored(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """``IGNORED`` and what one side leaves to the FaceFile.

    Streaming that reads ahead is not ignored where LPBB draws by older losses for it.
    """
    ignored = [*IGNORED, *(f"dataset.{mark}" for mark in MARKS)]
    for name in LEFT_TO_THE_FILE:
        if any(settings.get("dataset", {}).get(name) is None for settings in (before, now)):
            ignored.append(f"dataset.{name}")
    placed = [settings.get("data", {}).get("residency") for settings in (before, now)]
    ahead = now.get("data", {}).get("prefetch") != 0
    drawn = now.get("model", {}).get("balancing", {}).get("refresh") != "none"
    if "stream" in placed and placed[0] != placed[1] and ahead and drawn:
        ignored.remove("data.residency")
    return tuple(ignored)
