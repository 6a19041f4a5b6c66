from collections.abc import Callable

import pytest
import torch

from landmark_lightning.evaluation.records import Records, RunInfo
from landmark_lightning.schemes import SCHEMES

MakeRecords = Callable[..., Records]


@pytest.fixture
def make_records() -> MakeRecords:
    """Made-up records whose signal knows something of the error."""

    def make(
        faces: int = 40,
        scheme: str = "aflw19",
        subset_names: tuple[str, ...] = ("frontal", "none"),
        model: str = "bb",
        seed: int = 0,
        dataset: str = "aflw",
    ) -> Records:
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
        return Records(
            prediction=target + size[..., None] * noise,
            target=target,
            signal=None if model == "non" else size + torch.rand(shape, generator=generator),
            normalizer=20 + 10 * torch.rand((faces, len(kind.normalizers)), generator=generator),
            subsets=subsets,
            photo=tuple(f"fotos/größe {face}.jpg" for face in range(faces)),
            to_photo=torch.eye(2, 3).repeat(faces, 1, 1),
            prior=prior,
            visible=torch.rand(shape, generator=generator) < 0.8,
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

    return make
