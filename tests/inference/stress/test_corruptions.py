import pytest
import torch

from landmark_lightning.inference.stress.corruptions import BLUR, DARK, NOISE, corrupt


@pytest.mark.parametrize("kind", ["blur", "noise", "dark"])
def test_the_next_severity_changes_more(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    images = 2 * torch.rand((3, 1, 64, 64), generator=generator) - 1
    noise = torch.randn(images.shape, generator=generator)
    changes = [(corrupt(kind, k, images, noise) - images).abs().mean() for k in range(1, 6)]
    assert changes == sorted(changes)
    assert changes[0] > 0.01
    assert corrupt(kind, 5, images, noise).abs().max() <= 1


def test_the_benchmark_s_levels_are_on_grays_of_0_to_1() -> None:
    gray = torch.zeros(1, 1, 64, 64)
    noise = torch.randn(gray.shape, generator=torch.Generator().manual_seed(0))
    assert corrupt("dark", 2, gray, noise).unique().tolist() == pytest.approx([-2 * DARK[1]])
    assert float(corrupt("noise", 1, gray, noise).std()) == pytest.approx(2 * NOISE[0], rel=0.05)


@pytest.mark.parametrize("side", [48, 64, 128])
def test_a_blur_reaches_over_as_much_of_a_larger_picture(side: int) -> None:
    gray = -torch.ones(1, 1, side, side)
    gray[..., side // 2, side // 2] = 1
    spread = (corrupt("blur", 5, gray, gray)[0, 0] + 1).sum(dim=0)
    place = torch.arange(side) - side // 2
    deviation = ((spread * place**2).sum() / spread.sum()).sqrt()
    assert float(deviation) == pytest.approx(BLUR[4] * side / 64, rel=0.1)
