"""landmark-inspect: checks a FaceFile, prints its summary and draws a contact sheet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landmark_lightning.commands.prepare import facefile_path, summary
from landmark_lightning.data.face import SPLITS
from landmark_lightning.data.facefile import FaceFile, FaceSplit
from landmark_lightning.evaluation.drawing import contact_sheet


def run(config: Mapping[str, Any]) -> None:
    """Inspects ``dataset`` in ``data_dir``."""
    path = facefile_path(config["dataset"], Path(config["data_dir"]))
    count = config["faces"]
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"faces={count!r} must be a whole number of at least 1")
    faces = FaceFile.open(path)
    faces.verify()
    print(f"{path}: {faces.name}, scheme {faces.scheme.name}, content as it was written")
    print(summary(faces))
    output = Path(config["output"] or path.with_name(f"{path.stem}-inspect"))
    output.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        sheet = output / f"{split}.png"
        _sheet(faces, faces.read(split), count, sheet)
        print(f"Wrote {sheet}")


def _sheet(faces: FaceFile, split: FaceSplit, count: int, path: Path) -> None:
    """Draws faces spread evenly over a split, with their landmarks and subsets."""
    chosen = np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(int)
    captions = []
    for face in chosen:
        subsets = [
            n for n, member in zip(faces.subsets, split.subsets[face], strict=True) if member
        ]
        captions.append(f"{Path(split.photo[face]).name} {' '.join(subsets)}".strip())
    images, landmarks = torch.from_numpy(split.images), torch.from_numpy(split.landmarks)
    contact_sheet(images[chosen], landmarks[chosen], captions).save(path)
