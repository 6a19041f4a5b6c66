"""landmark-evaluate: tests a trained run, on its own dataset or on another of the same scheme."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from landmark_lightning.config.read import check_path
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.origins import changed_origin
from landmark_lightning.datasets.preparation.prepared import (
    as_prepared,
    facefile_path,
    open_prepared,
)
from landmark_lightning.errors import UserError
from landmark_lightning.inference.evaluate import figures_line, write_results, written
from landmark_lightning.inference.predict import static_prior
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.folder import RunFolder, checkpoint_of, run_of


def run(config: Mapping[str, Any]) -> None:
    """Evaluates ``run`` and writes metrics.json and predictions.h5 to ``output``."""
    checkpoint = checkpoint_of(config["run"])
    task = load_task(checkpoint, tuple(config["allow_targets"]))
    if not task.run:
        raise UserError(
            f"run={config['run']} does not say what made it, as landmark-train's checkpoints do"
        )
    data_dir = check_path(config["data_dir"] or task.run["data_dir"], "data_dir")
    dataset = task.run["dataset"]
    if config["dataset"] is not None:
        dataset = as_prepared(config["dataset"], data_dir, HydraConfig.get().overrides.task)
    faces = open_prepared(dataset, data_dir)
    if not faces.faces["test"]:
        raise UserError(
            f"{faces.path} has no faces in split 'test', so there is nothing to test on; name a "
            "dataset that has"
        )
    print(f"Evaluating {checkpoint} on {faces.path} ({faces.faces['test']} faces)")
    _warn_of_others(faces, config["dataset"], task, config["allow_targets"])
    if bool(task.static_prior.isnan().any()):  # of a run that was cut: only best.ckpt keeps it
        own = open_prepared(task.run["dataset"], _own_folder(task.run, data_dir))
        if own.path != faces.path:
            _warn_of_others(own, None, task, config["allow_targets"])
        trained = FaceDataModule(own, **task.run["data"])
        task.static_prior = static_prior(task, trained.train_faces, trained.eval_batch_size)
    beside = run_of(config["run"]).evaluations / str(dataset["name"])
    output = check_path(config["output"] or beside, "output")
    content = write_results(
        task, faces, output, str(dataset["name"]), task.run["model"], task.run["seed"]
    )
    print(figures_line(content))
    print(f"Wrote {output}: {', '.join(written(RunFolder(output)))}")


def _warn_of_others(
    faces: FaceFile,
    asked: Mapping[str, Any] | None,
    task: LandmarkTask,
    allow_targets: Iterable[str],
) -> None:
    """Warns where a FaceFile is not of today's files, or the run's own not as it was trained on.

    Args:
        faces: The FaceFile.
        asked: The ``dataset`` group that was asked for; None: the run's own.
        task: The trained task.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.
    """
    if changed := changed_origin(faces, asked or {"root": None}, allow_targets):
        print(f"  Warning: {changed}")
    own, trained = task.run["dataset"]["name"], task.run["dataset"].get("content")
    if (asked or {"name": own})["name"] == own and trained not in (None, faces.content):
        print(
            f"  Warning: {faces.path} holds other faces (content {faces.content:.6}) than those "
            f"that the run was trained on ({trained:.6})"
        )


def _own_folder(run: Mapping[str, Any], data_dir: Path) -> Path:
    """Where the FaceFile that a run was trained on lies: in ``data_dir``, or where it was."""
    return data_dir if facefile_path(run["dataset"], data_dir).is_file() else Path(run["data_dir"])
