from pathlib import Path

import numpy as np
import pytest
import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading import faces as room
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import (
    FaceBatches,
    ResidentFaces,
    StreamedFaces,
    faces_from,
    free_memory,
)
from landmark_lightning.samplers.batch_sampler import BatchSampler

ROWS = np.array([2, 3, 7, 30, 59])


@pytest.mark.parametrize("streamed", [True, False])
def test_images_are_the_file_s(
    dots: FaceFile, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landmark_lightning.datasets.stored_images.ROWS_AT_ONCE", 7)
    split = dots.read("train")
    faces = faces_from(dots, "train", ROWS, streamed)
    index = torch.tensor([4, 0, 0, 3])
    batch = faces[index]
    rows = ROWS[index]
    assert torch.equal(batch["image"][:, 0], torch.from_numpy(split.images[rows]))
    assert torch.equal(batch["landmarks"], torch.from_numpy(split.landmarks[rows]))
    assert faces.photo == [split.photo[i] for i in ROWS]
    assert len(faces_from(dots, "train", None, streamed)) == 60


def test_images_that_fill_the_memory_stay_in_the_file(
    dots: FaceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < free_memory() < 2**50
    size = 20 * 64**2
    for free, kind in ((2 * size, ResidentFaces), (2 * size - 1, StreamedFaces)):
        monkeypatch.setattr(room, "free_memory", lambda free=free: free)
        assert type(faces_from(dots, "test")) is kind


def test_nothing_is_drawn_ahead_without_prefetch(dots: FaceFile) -> None:
    drawn: list[int] = []

    class Watched(BatchSampler):
        def draw(self, share: torch.Tensor) -> torch.Tensor:
            drawn.append(len(share))
            return share

    faces = faces_from(dots, "train")
    for ahead in (0, 3):
        drawn.clear()
        batches = iter(FaceBatches(faces, Watched(60, 10), ahead))
        next(batches)
        assert len(drawn) == 1 + ahead
        assert len([1, *batches]) == 6


def test_processes_share_each_batch(dots: FaceFile) -> None:
    faces = faces_from(dots, "train")
    whole = list(FaceBatches(faces, BatchSampler(60, 25, seed=1)))
    parts = [
        list(FaceBatches(faces, BatchSampler(60, 25, seed=1), 0, rank, 3)) for rank in range(3)
    ]
    for number, batch in enumerate(whole):
        together = torch.empty_like(batch["image"])
        for rank, part in enumerate(parts):
            assert torch.equal(part[number]["drawn"], batch["index"])
            together[rank::3] = part[number]["image"]
        assert torch.equal(together, batch["image"])
    seen = torch.cat([b["index"] for rank in range(3) for b in faces.in_order(4, rank, 3)])
    assert sorted(seen.tolist()) == list(range(60))


def test_a_file_that_is_cut_while_it_is_read_is_named(dots: FaceFile, tmp_path: Path) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes(dots.path.read_bytes())
    faces = FaceDataModule(FaceFile.open(copy), residency="stream").train_faces
    copy.write_bytes(copy.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"copy\.h5 is no FaceFile or is damaged"):
        faces.pixels(torch.arange(3))
