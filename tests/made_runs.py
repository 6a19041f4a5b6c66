"""Made-up runs, as landmark-train leaves them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from landmark_lightning.runs.figures import summarize
from landmark_lightning.runs.predictions import Records, RunInfo, write_records
from landmark_lightning.schemes import SCHEMES

MakeRecords = Callable[..., Records]


def made_records(
    faces: int = 40,
    scheme: str = "aflw19",
    subset_names: tuple[str, ...] = ("frontal", "none"),
    model: str = "bb",
    seed: int = 0,
    dataset: str = "aflw",
    missing: float = 0.0,
) -> Records:
    """Made-up records whose signal knows something of the error; some landmarks are missing."""
    generator = torch.Generator().manual_seed(seed)
    kind = SCHEMES[scheme]
    shape = (faces, kind.landmarks)
    target = 64 * torch.rand((*shape, 2), generator=generator)
    prior = 0.5 + torch.rand(kind.landmarks, generator=generator)
    size = prior * (0.3 + 1.5 * torch.rand((faces, 1), generator=generator))
    noise = torch.randn((*shape, 2), generator=generator)
    subsets = torch.rand((faces, len(subset_names)), generator=generator) < 0.4
    for k, name in enumerate(subset_names):
        if name == "none":
            subsets[:, k] = False
    share = torch.rand(shape, generator=generator)
    visible = torch.full(shape, 2, dtype=torch.uint8)
    visible[share > 0.8] = 1
    visible[share < missing] = 0
    return Records(
        prediction=target + size[..., None] * noise,
        target=target.masked_fill(visible[..., None] == 0, torch.nan),
        signal=None if model == "non" else size + torch.rand(shape, generator=generator),
        normalizer=20 + 10 * torch.rand((faces, len(kind.normalizers)), generator=generator),
        subsets=subsets,
        photo=tuple(f"fotos/größe {face}.jpg" for face in range(faces)),
        to_photo=torch.eye(2, 3).repeat(faces, 1, 1),
        prior=prior,
        visible=visible,
        info=RunInfo(
            dataset=dataset,
            model=model,
            seed=seed,
            scheme=kind.to_dict(),
            normalizers=tuple(kind.normalizers),
            subset_names=subset_names,
            distance=None if model == "non" else "manhattan",
            input_side=64,
        ),
    )


CONFIG: dict[str, Any] = {
    "batch_size": 10,
    "network": {"width": 8, "side": 64},
    "data": {"residency": "auto", "prefetch": 2},
    "phases": {"name": "practical", "list": [{"loss": "l2", "epochs": 3}]},
}
"""Settings of a made-up run."""


def write_run(
    runs: Path,
    records: Records,
    config: Mapping[str, Any] | None = None,
    **content: Any,  # noqa: ANN401
) -> Path:
    """Writes predictions.h5, metrics.json and config.yaml to the run's folder; gives the folder.

    Args:
        runs: The ``runs_dir``.
        records: The predictions.
        config: Settings that are not those of ``CONFIG``.
        content: What metrics.json says besides or instead.
    """
    info = records.info
    folder = runs / info.dataset / info.model / f"seed{info.seed}"
    folder.mkdir(parents=True)
    settings = CONFIG | {"seed": info.seed, "runs_dir": str(runs)} | dict(config or {})
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    write_records(folder / "predictions.h5", records)
    whole = {
        "dataset": info.dataset,
        "model": info.model,
        "seed": info.seed,
        "scheme": info.scheme["name"],
        "normalizer": info.normalizers[0],
        "epochs": 3,
        "train_seconds": 61.4,
        "rescore_seconds": 5.6,
        "validation_nme": 7.25,
        "fps": {"batch_1": 300.0, "batch_64": 900.0, "device": "a GPU", "precision": "float32"},
        "subsets": summarize(records),
    }
    (folder / "metrics.json").write_text(json.dumps(whole | content))
    return folder
