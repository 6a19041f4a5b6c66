"""landmark-export: a trained run as an ONNX model."""

from pathlib import Path

import numpy as np
from torch import Tensor

from landmark_lightning.config.command_schemas import Export
from landmark_lightning.datasets.preparation.prepared import (
    dataset_of,
    facefile_path,
    open_prepared,
)
from landmark_lightning.errors import UserError
from landmark_lightning.inference.export import export
from landmark_lightning.inference.predict import input_images
from landmark_lightning.loading.faces import faces_from
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.folder import checkpoint_of, run_of

CHECKED_FACES = 64


def run(config: Export) -> None:
    """Exports ``run`` to ``output`` and checks the model on test faces."""
    checkpoint = checkpoint_of(config.run)
    task = load_task(checkpoint, config.allow_targets)
    output = config.output or run_of(config.run).onnx
    print(f"Exporting {checkpoint} to {output}")
    images = _test_images(task, checkpoint, config.data_dir) if config.check else None
    worst = export(task, output, images, config.batch)
    if images is not None:
        print(f"  ONNX Runtime and torch agree on {len(images)} faces to {worst:.1g} pixels")
    print(f"Wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def _test_images(task: LandmarkTask, checkpoint: Path, data_dir: Path | None) -> Tensor:
    """What the network sees of faces of the run's own dataset: (N, S, S) uint8.

    They are of the test split, and where that is empty of the training faces.
    """
    if not task.run:
        raise UserError(
            f"{checkpoint} does not say which dataset made it, so there is nothing to check the "
            "model on; pass check=false"
        )
    dataset, folder = dataset_of(task.run), data_dir or Path(task.run["data_dir"])
    path = facefile_path(dataset, folder)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}, on whose faces the model is to be checked, does not exist; pass the "
            "data_dir that has it, or check=false"
        )
    faces = open_prepared(dataset, folder)
    task.augmentation.use_crop(faces.crop.side, faces.crop.margin)
    split = "test" if faces.faces["test"] else "train"
    rows = np.arange(min(CHECKED_FACES, faces.faces[split]))
    return input_images(task, faces_from(faces, split, rows))
