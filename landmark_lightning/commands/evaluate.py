"""landmark-evaluate: tests a trained run, on its own dataset or on another of the same scheme."""

from collections.abc import Iterable
from pathlib import Path

from landmark_lightning.config.command_schemas import Evaluate
from landmark_lightning.config.schema import Dataset
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.origins import changed_origin
from landmark_lightning.datasets.preparation.prepared import (
    as_prepared,
    dataset_of,
    facefile_path,
    open_prepared,
)
from landmark_lightning.errors import UserError
from landmark_lightning.inference.evaluate import evaluate, figures_line, written
from landmark_lightning.inference.predict import static_prior
from landmark_lightning.inference.stress.conditions import check_conditions, conditions_of
from landmark_lightning.inference.stress.running import stress_lines
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.folder import RunFolder, checkpoint_of, run_of


def run(config: Evaluate) -> None:
    """Evaluates ``run`` and writes metrics.json and predictions.h5 to ``output``."""
    checkpoint = checkpoint_of(config.run)
    task = load_task(checkpoint, config.allow_targets)
    if not task.run:
        raise UserError(
            f"run={config.run} does not say what made it, as landmark-train's checkpoints do"
        )
    data_dir = config.data_dir or Path(task.run["data_dir"])
    own = dataset = dataset_of(task.run)
    if config.dataset is not None:
        dataset = as_prepared(config.dataset, data_dir)
    faces = open_prepared(dataset, data_dir)
    if not faces.faces["test"]:
        raise UserError(
            f"{faces.path} has no faces in split 'test', so there is nothing to test on; name a "
            "dataset that has"
        )
    conditions = conditions_of(config.cover, config.blur, config.noise, config.dark)
    check_conditions(conditions, faces.scheme)
    print(f"Evaluating {checkpoint} on {faces.path} ({faces.faces['test']} faces)")
    _warn_of_others(faces, config.dataset, task, config.allow_targets)
    if bool(task.static_prior.isnan().any()):  # of a run that was cut: only best.ckpt keeps it
        folder = data_dir if facefile_path(own, data_dir).is_file() else task.run["data_dir"]
        known = open_prepared(own, Path(folder))
        if known.path != faces.path:
            _warn_of_others(known, None, task, config.allow_targets)
        trained = FaceDataModule(known, **task.run["data"])
        task.static_prior = static_prior(task, trained.train_faces, trained.eval_batch_size)
    output = config.output or run_of(config.run).evaluations / dataset.name
    content = evaluate(
        task, faces, output, conditions=conditions, seed=config.seed,
        trained_on=_trained_on(task, data_dir), csv=config.csv,
    )  # fmt: skip
    print(figures_line(content))
    if conditions:
        print("\n".join(stress_lines(content["stress"], content["normalizer"])))
    print(f"Wrote {output}: {', '.join(written(RunFolder(output)))}")


def _trained_on(task: LandmarkTask, data_dir: Path) -> FaceFile | None:
    """The FaceFile that a task was trained on; None where it is not to be found any more."""
    own = dataset_of(task.run)
    for folder in (data_dir, Path(task.run["data_dir"])):
        path = facefile_path(own, folder)
        if path.is_file():
            faces = FaceFile.open(path)
            if own.content in (None, faces.content):
                return faces
    return None


def _warn_of_others(
    faces: FaceFile, requested: Dataset | None, task: LandmarkTask, allow_targets: Iterable[str]
) -> None:
    """Warns where a FaceFile is not of today's files, or the run's own not as it was trained on.

    Where no dataset is requested, it is the run's own.
    """
    root = None if requested is None else requested.root
    if changed := changed_origin(faces, root, allow_targets):
        print(f"  Warning: {changed}")
    own = dataset_of(task.run)
    if (requested or own).name == own.name and own.content not in (None, faces.content):
        print(
            f"  Warning: {faces.path} holds other faces (content {faces.content:.6}) than those "
            f"that the run was trained on ({own.content:.6})"
        )
