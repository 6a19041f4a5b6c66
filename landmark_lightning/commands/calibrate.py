"""landmark-calibrate: measures the bound of a trained run again."""

from pathlib import Path

from landmark_lightning.config.command_schemas import Calibrate
from landmark_lightning.datasets.preparation.prepared import (
    as_prepared,
    dataset_of,
    open_prepared,
)
from landmark_lightning.errors import UserError
from landmark_lightning.inference.calibrating import calibrate, describe
from landmark_lightning.inference.predict import check_same_faces
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.runs.folder import checkpoint_of
from landmark_lightning.training.checkpoints import DurableCheckpointIO


def run(config: Calibrate) -> None:
    """Calibrates ``run`` on its validation faces and keeps what was measured in its checkpoint."""
    path = checkpoint_of(config.run)
    if path.suffix == ".onnx":
        raise UserError(f"run={path} can't be calibrated; calibrate its run and export that again")
    task = load_task(path, config.allow_targets)
    if not task.run:
        raise UserError(
            f"run={config.run} does not say what made it, as landmark-train's checkpoints do"
        )
    data_dir = config.data_dir or Path(task.run["data_dir"])
    dataset = dataset_of(task.run)
    if config.dataset is not None:
        dataset = as_prepared(config.dataset, data_dir)
    faces = open_prepared(dataset, data_dir)
    check_same_faces(task, faces)
    if not faces.faces["train"]:
        raise UserError(f"{faces.path} has no faces in split 'train' to take validation faces of")
    task.augmentation.use_crop(faces.crop.side, faces.crop.margin)
    print(f"Calibrating {path} on {faces.path}")
    made = calibrate(
        task, FaceDataModule(faces, **task.run["data"]), config.coverage, config.detector
    )
    print(f"  {describe(made)}")
    checkpoint = read_checkpoint(path)
    checkpoint["state_dict"]["static_prior"] = task.static_prior
    checkpoint["calibration"] = task.calibration
    DurableCheckpointIO().save_checkpoint(checkpoint, path)
    print(f"Wrote {path}; a model that was exported before knows nothing of it: export it again")
