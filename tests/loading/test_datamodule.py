from typing import Any

import pytest
import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import faces_from
from landmark_lightning.samplers.batch_sampler import BatchSampler, MakeSampler
from landmark_lightning.samplers.loss_balancer import LossBalancer


def test_a_batch_by_index(dots: FaceFile) -> None:
    split = dots.read("train")
    faces = faces_from(dots, "train", streamed=False)
    batch = faces[torch.tensor([3, 3, 7])]
    assert batch["image"].shape == (3, 1, 64, 64)
    assert batch["image"].dtype == torch.uint8
    assert batch["landmarks"].shape == (3, 5, 2)
    assert batch["normalizer"].shape == (3, 2)
    assert batch["subsets"].dtype == torch.bool
    assert batch["index"].tolist() == [3, 3, 7]
    assert torch.equal(batch["image"][0, 0], torch.from_numpy(split.images[3]))


def test_splits(dots: FaceFile) -> None:
    module = FaceDataModule(dots, batch_size=8, validation=0.2, eval_batch_size=5)
    assert len(module.train_faces) + len(module.val_faces) == 60
    assert len(module.val_faces) == 12
    assert not set(module.train_faces.photo) & set(module.val_faces.photo)
    loader = module.val_dataloader()
    assert [len(batch["index"]) for batch in loader] == [5, 5, 2]
    assert sum(len(batch["index"]) for batch in module.train_dataloader()) == 48


def test_the_seed_changes_the_draws_but_not_the_validation_faces(dots: FaceFile) -> None:
    first, second = (FaceDataModule(dots, seed=seed) for seed in (0, 1))
    assert first.val_faces.photo == second.val_faces.photo
    drawn = [torch.cat([b["index"] for b in m.train_dataloader()]) for m in (first, second)]
    assert not torch.equal(*drawn)


def test_the_loader_obeys_an_update_at_once(dots: FaceFile) -> None:
    module = FaceDataModule(dots, batch_size=8, balancer=LossBalancer)
    batches = iter(module.train_dataloader())
    next(batches)
    losses = torch.zeros(len(module.train_faces))
    losses[5] = 1.0
    module.balancer.update(torch.arange(len(losses)), losses)
    assert set(next(batches)["index"].tolist()) == {5}


def test_a_balancer_makes_the_sampler(dots: FaceFile) -> None:
    even = FaceDataModule(dots)
    assert type(even.sampler) is BatchSampler
    with pytest.raises(ValueError, match="draws evenly"):
        _ = even.balancer
    weighted = FaceDataModule(dots, 7, LossBalancer.knobs(power=0.5), seed=3)
    assert weighted.balancer is weighted.sampler
    assert (weighted.balancer.power, weighted.balancer.seed) == (0.5, 3)
    assert (weighted.balancer.size, weighted.balancer.batch_size) == (54, 7)


def test_the_state_travels(dots: FaceFile) -> None:
    module = FaceDataModule(dots, balancer=LossBalancer)
    module.balancer.update(torch.tensor([3]), torch.tensor([9.0]))
    other = FaceDataModule(dots, balancer=LossBalancer)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other.balancer.losses, module.balancer.losses)


def test_a_run_goes_on_with_the_same_validation_faces_only(dots: FaceFile) -> None:
    state = FaceDataModule(dots, validation=0.2).state_dict()
    FaceDataModule(dots, validation=0.2).load_state_dict(state)
    before = {name: value for name, value in state.items() if name != "validation"}
    FaceDataModule(dots, validation=0.2).load_state_dict(before)  # of a checkpoint of before
    with pytest.raises(ValueError, match=r"validation faces \(subset rare\) are not those that"):
        FaceDataModule(dots, validation="rare").load_state_dict(state)


def _batches(
    file: FaceFile, residency: str, balancer: MakeSampler | None
) -> list[dict[str, torch.Tensor]]:
    """Two epochs, each batch followed by losses that depend on it."""
    module = FaceDataModule(file, batch_size=7, balancer=balancer, residency=residency, prefetch=0)
    module.place(torch.device("cpu"))
    batches = []
    for _ in range(2):
        for batch in module.train_dataloader():
            batches.append(batch)
            if balancer is not None:
                module.balancer.update(batch["index"], batch["landmarks"].mean(dim=(1, 2)) % 3)
        batches += list(module.val_dataloader())
    return batches


@pytest.mark.parametrize("balancer", [None, LossBalancer])
def test_every_residency_gives_the_same_batches(
    dots: FaceFile, balancer: MakeSampler | None
) -> None:
    expected = _batches(dots, "host", balancer)
    for residency in ("auto", "device", "stream"):
        found = _batches(dots, residency, balancer)
        assert len(found) == len(expected)
        for batch, other in zip(found, expected, strict=True):
            assert batch.keys() == other.keys()
            assert all(torch.equal(batch[name], other[name]) for name in batch)


def test_the_plan_says_where_the_images_are(
    dots: FaceFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def describe(residency: str, balancer: MakeSampler | None = None, prefetch: int = 2) -> str:
        module = FaceDataModule(dots, 10, balancer, residency=residency, prefetch=prefetch)
        module.place(torch.device("cpu"))
        return module.describe()

    assert describe("auto") == "0.2 MB of images in memory (host)"
    assert describe("device") == "0.2 MB of images in memory (device)"
    assert describe("stream").endswith("stay in the file (stream), 2 batches read ahead")
    assert "LPBB draws by losses 3 batches old" in describe("stream", LossBalancer, 3)
    assert "old" not in describe("stream", LossBalancer, 0)
    monkeypatch.setattr("landmark_lightning.loading.datamodule.free_memory", lambda: 1000)
    assert "(stream)" in describe("auto")
    assert "(host)" in describe("host")


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"residency": "disk"}, r"residency='disk' must be one of auto, device, host"),
        ({"prefetch": -1}, r"prefetch=-1"),
        ({"eval_batch_size": 0}, r"eval_batch_size=0"),
    ],
)
def test_a_wrong_setting_is_named(dots: FaceFile, knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceDataModule(dots, **knobs)
