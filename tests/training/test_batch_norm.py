"""What the ranks share, on two processes of gloo."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import spawn

from landmark_lightning.distributed import Part, gathered, summed, world
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.schemes import SCHEMES
from landmark_lightning.training.batch_norm import GlobalBatchNorm, GlobalBatchNorms

Work = Callable[[Part], list[Tensor]]


def _rank(rank: int, folder: str, work: Work, faces: int) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    torch.save(work(Part(faces, rank, 2)), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def _on_two_ranks(folder: Path, work: Work, faces: int) -> list[list[Tensor]]:
    """What each of two processes answers."""
    spawn(_rank, (str(folder), work, faces), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


FACES = 5


def _batch(faces: int) -> Tensor:
    return torch.randn(faces, 3, 4, 4, generator=torch.Generator().manual_seed(faces))


def _normalize(layer: nn.Module, faces: Tensor) -> list[Tensor]:
    """Output, gradient of the input, of weight and bias, and the running statistics."""
    faces = faces.requires_grad_()
    output = layer(faces)
    # A gradient that differs from pixel to pixel passes through mean and variance.
    (((output - torch.linspace(-1, 1, 16).view(4, 4)) ** 3).sum()).backward()
    gradients = [p.grad for p in (faces, *layer.parameters()) if p.grad is not None]
    return [output.detach(), *gradients, *(b.clone().float() for b in layer.buffers())]


def _normalize_part(part: Part) -> list[Tensor]:
    layer = nn.Sequential(nn.BatchNorm2d(3))
    norms = GlobalBatchNorms()
    norms.apply(layer)
    assert isinstance(layer[0], GlobalBatchNorm)
    found = _normalize(layer, part.of(_batch(part.faces)))
    norms.revert(layer)
    assert type(layer[0]).__name__ == "BatchNorm2d"
    return [*found[:2], *map(summed, found[2:4]), *found[4:]]


@pytest.mark.slow
@pytest.mark.parametrize("faces", [5, 1])
def test_batch_normalization_sees_the_global_batch(tmp_path: Path, faces: int) -> None:
    """Also where a rank has no face at all (1 face, 2 ranks)."""
    expected = _normalize(nn.Sequential(nn.BatchNorm2d(3)), _batch(faces))
    for rank, found in enumerate(_on_two_ranks(tmp_path, _normalize_part, faces)):
        for number, (value, whole) in enumerate(zip(found, expected, strict=True)):
            share = whole[rank::2] if number < 2 else whole
            assert torch.allclose(value, share, rtol=1e-4, atol=1e-5), number


def _share(part: Part) -> list[Tensor]:
    assert world() == (part.rank, part.ranks)
    losses = torch.arange(part.faces, dtype=torch.float32) * 1.1
    return [gathered(part.of(losses), part.faces), summed(torch.tensor([1.0 + part.rank]))]


@pytest.mark.slow
def test_all_ranks_know_all_losses(tmp_path: Path) -> None:
    for losses, total in _on_two_ranks(tmp_path, _share, FACES):
        assert torch.equal(losses, (torch.arange(FACES, dtype=torch.float32) * 1.1).double())
        assert total.tolist() == [3.0]


def test_alone_nothing_changes() -> None:
    mine = torch.rand(3)
    assert world() == (0, 1)
    assert gathered(mine, 3) is mine
    assert summed(mine) is mine
    assert Part.of_batch({"index": torch.arange(3)}) is None


@pytest.mark.parametrize("faces", [7, 1])
def test_a_face_is_changed_as_in_a_single_process(faces: int) -> None:
    """And the generators go on as one: also on a rank without a face."""
    augmentation = Augmentation(SCHEMES["ibug68"], 64, 2.0, 32, mirror=0.5).train()
    images = torch.randint(0, 255, (faces, 1, 64, 64), dtype=torch.uint8)
    points = torch.rand(faces, 68, 2) * 64
    torch.manual_seed(5)
    whole = augmentation(images, points)
    after = torch.rand(3)
    for rank in range(3):
        part = Part(faces, rank, 3)
        torch.manual_seed(5)
        mine = augmentation(part.of(images), part.of(points), part)
        assert torch.equal(torch.rand(3), after)
        for got, expected in zip(mine, whole, strict=True):
            assert torch.allclose(got, expected[rank::3], atol=1e-6)
