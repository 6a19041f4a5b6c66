from collections.abc import Callable
from typing import Any

import kornia
import pytest
import torch
from kornia import augmentation
from torch import Tensor, nn

from landmark_lightning.model.extras import extras

SIDE = 64


def _changed(module: nn.Module | dict[str, Any], points: Tensor) -> tuple[Tensor, Tensor]:
    """Images (B, 1, 64, 64) of a soft dot at points (B, 2) and the points, by a module."""
    module_of_both = extras([module], (), SIDE)
    assert module_of_both is not None
    place = torch.arange(float(SIDE))
    x = torch.exp(-((place[None] - points[:, :1]) ** 2) / 12.5)
    y = torch.exp(-((place[None] - points[:, 1:]) ** 2) / 12.5)
    image, landmarks = module_of_both(y[:, None, :, None] * x[:, None, None, :], points[:, None])
    return image, landmarks[:, 0]


def _centers(image: Tensor) -> Tensor:
    """(B, 2) centres of mass of the brightness."""
    place, total = torch.arange(float(SIDE)), image.sum(dim=(1, 2, 3))
    x = (image[:, 0].sum(dim=1) * place).sum(dim=1) / total
    y = (image[:, 0].sum(dim=2) * place).sum(dim=1) / total
    return torch.stack([x, y], dim=1)


ROTATION = {"_target_": "kornia.augmentation.RandomRotation", "degrees": 30.0, "p": 1.0}
MOVES = augmentation.RandomAffine(0.0, translate=(0.2, 0.2), p=1.0)


@pytest.mark.parametrize(
    "module",
    [
        {"_target_": "kornia.augmentation.RandomAffine", "degrees": 40.0, "p": 1.0},
        ROTATION,
        MOVES,
        augmentation.ImageSequential(MOVES),
        augmentation.ImageSequential(augmentation.ImageSequential(MOVES)),
        augmentation.AugmentationSequential(MOVES, data_keys=["input"]),
    ],
)
def test_kornia_moves_image_and_landmarks_together(module: nn.Module | dict[str, Any]) -> None:
    torch.manual_seed(0)
    points = 31.5 + (torch.rand(50, 2) - 0.5) * 16
    image, moved = _changed(module, points)
    assert not torch.allclose(moved, points, atol=1.0)
    assert float((_centers(image) - moved).norm(dim=1).median()) < 0.1


@pytest.mark.parametrize(
    "module",
    [
        augmentation.RandomElasticTransform(),
        augmentation.RandomThinPlateSpline(),
        augmentation.RandomHorizontalFlip(),
        {"_target_": "kornia.augmentation.RandomMixUpV2"},
        augmentation.RandomFisheye(
            torch.tensor([-0.3, 0.3]), torch.tensor([-0.3, 0.3]), torch.tensor([0.9, 1.0])
        ),
        augmentation.ImageSequential(augmentation.RandomElasticTransform()),
        nn.Sequential(augmentation.RandomElasticTransform()),
    ],
)
def test_what_parts_image_and_landmarks_is_refused(module: nn.Module | dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"augmentation\.extra: Random"):
        extras([module], (), SIDE)


class Holder(nn.Module):
    """A module of one's own that applies others to the image."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.inner = nn.ModuleList(modules)

    def forward(self, image: Tensor) -> Tensor:
        for module in self.inner:
            image = module(image)
        return image


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(MOVES),
        nn.Sequential(nn.Sequential(MOVES)),
        nn.Sequential(augmentation.ImageSequential(MOVES)),
        augmentation.ImageSequential(nn.Sequential(MOVES)),
        Holder(augmentation.RandomGamma(), augmentation.RandomCrop((SIDE, SIDE))),
        kornia.geometry.transform.Rotate(torch.tensor([30.0])),
        nn.Sequential(kornia.geometry.transform.Hflip()),
        {"_target_": "torch.nn.Sequential", "_args_": [ROTATION]},
    ],
)
def test_a_module_that_moves_the_image_alone_is_refused(
    module: nn.Module | dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="would move the image and leave the landmarks"):
        extras([module], (), SIDE)


def test_a_plain_module_that_changes_grays_alone_is_taken() -> None:
    gamma = augmentation.RandomGamma((2.0, 2.0), p=1.0)
    points = torch.full((2, 2), 30.0)
    image, moved = _changed(Holder(nn.Sequential(gamma)), points)
    assert torch.equal(moved, points)
    assert float((image - _changed(nn.Identity(), points)[0]).abs().max()) > 0.1


def test_one_that_changes_the_side_is_refused() -> None:
    with pytest.raises(ValueError, match=r"makes \(1, 32, 32\) of an image of \(1, 64, 64\)"):
        extras([augmentation.RandomResizedCrop((32, 32))], (), SIDE)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: {**ROTATION, "_partial_": True}, "makes no Module"),
        (lambda: augmentation.RandomHue((-0.5, 0.5), p=0.1), "RandomHue can't change gray images"),
        (lambda: augmentation.VideoSequential(MOVES), "VideoSequential can't change gray"),
        (lambda: nn.Bilinear(2, 2, 2), "Bilinear can't change gray images and their landmarks"),
    ],
)
def test_what_is_not_made_for_gray_images_is_one_sentence(
    make: Callable[[], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"(augmentation\.extra|_target_).*{message}") as raised:
        extras([make()], (), SIDE)
    assert "\n" not in str(raised.value)


def test_trying_them_draws_nothing_from_the_training_s_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    extras([MOVES], (), SIDE)
    assert torch.equal(torch.rand(3), expected)
