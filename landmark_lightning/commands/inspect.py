"""landmark-inspect: checks a FaceFile, prints what is in it and plots it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from PIL import Image

from landmark_lightning.config.command_schemas import Inspect
from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile import FaceFile, FaceSplit
from landmark_lightning.datasets.preparation.dataset import summary
from landmark_lightning.datasets.preparation.origins import changed_origin
from landmark_lightning.datasets.preparation.prepared import (
    as_prepared,
    facefile_path,
    open_prepared,
)
from landmark_lightning.datasets.preparation.protocol import Protocol
from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing, replacing_set, write_json, write_text
from landmark_lightning.inspection.advice import Advice, advise
from landmark_lightning.inspection.measures import (
    MEASURES,
    QUANTILES,
    Inspection,
    describe,
    inspect_faces,
    to_json,
)
from landmark_lightning.inspection.plots import plot_distributions, plot_scheme
from landmark_lightning.plots.faces import contact_sheet, stacked
from landmark_lightning.terminal import aligned, shown

IN_A_ROW = 6
EXPERIMENT = "experiment.yaml"

Splits = Mapping[str, FaceSplit]


def run(config: Inspect) -> None:
    """Inspects ``dataset`` in ``data_dir``."""
    path = facefile_path(config.dataset, config.data_dir)
    output = config.output or path.with_name(f"{path.stem}-inspect")
    settings = config.dataset.protocol
    protocol = None if settings is None else Protocol.from_settings(settings)
    faces = open_prepared(as_prepared(config.dataset, config.data_dir), config.data_dir)
    faces.verify()
    print(f"{path}: {faces.name}, scheme {faces.scheme.name}, content as it was written")
    print(summary(faces))
    if changed := changed_origin(faces, config.dataset.root, config.allow_targets):
        print(f"  Warning: {changed}")
    for note in faces.notes:
        print(f"  {note}")
    splits = {name: faces.look(name) for name in SPLITS}
    found = inspect_faces(faces, splits, protocol)
    print(_tables(found))
    for warning in found.warnings:
        print(f"  Warning: {shown(warning)}")
    advice = _advice(config, faces, splits)
    _write(output, faces, splits, found, config.faces, advice)
    if advice is not None:
        print(f"{advice.expected}\n  landmark-train experiment={output / EXPERIMENT}")


def _advice(config: Inspect, faces: FaceFile, splits: Splits) -> Advice | None:
    """What to expect of a training; None, which is said, where there can be none."""
    choice = HydraConfig.get().runtime.choices["dataset"]
    try:
        return advise(faces, splits, choice, config.data_dir, config.init_from)
    except UserError as error:
        if config.init_from is not None:
            raise
        print(f"  No experiment is written: {error}")
        return None


def _tables(found: Inspection) -> str:
    """The protocol, the measures, landmarks outside and the outliers, in aligned columns."""
    lines = []
    if found.counts:
        rows = [["", "faces", "protocol", ""]]
        for count in found.counts:
            differs = "" if count.found == count.expected else "differs"
            rows.append([count.what, f"{count.found:,}", f"{count.expected:,}", differs])
        lines += aligned(rows, left=1)
    rows, first = [["", "", *QUANTILES]], next(iter(found.measures))
    for name, unit in MEASURES.items():
        for split, measures in found.measures.items():
            if name in measures:
                found_of = describe(measures[name]).values()
                figures = ["-" if value is None else f"{value:.1f}" for value in found_of]
                title = f"{name.replace('_', ' ')} ({unit})" if split == first else ""
                rows.append([title, split, *figures])
    lines += aligned(rows, left=2)
    for split, outside in found.outside.items():
        of_photo, of_crop = (
            f"{counts.sum()} outside the {where} in {(counts > 0).sum()} faces"
            for where, counts in outside.items()
        )
        lines.append(f"  landmarks of {split}: {of_photo}, {of_crop}")
    lines.append("  Farthest from the mean shape:")
    rows = [
        [f"  {shown(o.photo)}", f"{o.split} {o.index}", f"{o.shape_distance:.1f}%"]
        for o in found.outliers
    ]
    return "\n".join(lines + aligned(rows, left=2))


def _write(
    output: Path,
    faces: FaceFile,
    splits: Splits,
    found: Inspection,
    count: int,
    advice: Advice | None,
) -> None:
    """Writes inspect.json, experiment and pictures, which appear together, naming each."""
    pictures: dict[str, Image.Image] = {
        f"{name}.png": _spread(faces, split, np.arange(len(split)), count)
        for name, split in splits.items()
        if len(split)
    }
    if any(split.subsets.any() for split in splits.values()):
        pictures["subsets.png"] = _by_subset(faces, splits)
    far = [(splits[outlier.split], outlier.index) for outlier in found.outliers]
    pictures["outliers.png"] = contact_sheet(
        torch.from_numpy(np.stack([split.images[face] for split, face in far])),
        torch.from_numpy(np.stack([split.landmarks[face] for split, face in far])),
        [f"{o.shape_distance:.1f}% {o.split} {shown(Path(o.photo).name)}" for o in found.outliers],
        columns=5,
    )
    figures = {
        "distributions.png": plot_distributions(found, faces.name),
        "landmarks.png": plot_scheme(faces.scheme, found.mean),
    }
    names = [*pictures, *figures, "inspect.json", *([] if advice is None else [EXPERIMENT])]
    every = {*names, *(f"{split}.png" for split in SPLITS), "subsets.png", EXPERIMENT}
    with replacing_set(output, every) as staged:
        for name, picture in pictures.items():
            with replacing(staged / name) as temporary:
                picture.save(temporary, format="PNG")
        for name, figure in figures.items():
            with replacing(staged / name) as temporary:
                figure.savefig(temporary, format="png", dpi=120)
        write_json(staged / "inspect.json", to_json(faces, splits, found))
        if advice is not None:
            write_text(staged / EXPERIMENT, advice.experiment)
    for name in names:
        print(f"Wrote {output / name}")


def _spread(faces: FaceFile, split: FaceSplit, rows: NDArray[np.int64], count: int) -> Image.Image:
    """Faces spread evenly over ``rows`` of a split, with their landmarks and subsets."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)]
    captions = []
    for face in chosen:
        subsets = np.array(faces.subsets)[split.subsets[face]]
        captions.append(f"{shown(Path(split.photo[face]).name)} {' '.join(subsets)}".strip())
    return contact_sheet(
        torch.from_numpy(split.images[chosen]),
        torch.from_numpy(split.landmarks[chosen]),
        captions,
        columns=IN_A_ROW,
    )


def _by_subset(faces: FaceFile, splits: Splits) -> Image.Image:
    """A row of faces a subset: of test, or of train where test has none."""
    rows: dict[str, Image.Image] = {}
    for k, name in enumerate(faces.subsets):
        of = {split: np.flatnonzero(splits[split].subsets[:, k]) for split in SPLITS}
        shown = "test" if len(of["test"]) else "train"
        if len(of[shown]):
            counts = " and ".join(f"{len(found)} {split}" for split, found in of.items())
            title = f"{name}: {counts} faces; these of {shown}"
            rows[title] = _spread(faces, splits[shown], of[shown], IN_A_ROW)
    return stacked(rows)
