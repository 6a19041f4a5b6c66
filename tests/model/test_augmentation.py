import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.kornia_container import kornia_container
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.schemes import Scheme
from tests.conftest import DOTS

STILL: dict[str, Any] = {
    "shift": 0.0, "rotation": 0.0, "noise": 0.0, "blur_probability": 0.0, "occlusion": 0.0,
    "contrast": 0.0,
}  # fmt: skip
ONE = Scheme("one", 1, (0,), {"box": "box"})


def _augmentation(scheme: Scheme = DOTS, side: int = 64, **knobs: Any) -> Augmentation:  # noqa: ANN401
    return Augmentation(scheme, 128, 2.0, side, **(STILL | knobs)).train()


def _dots(points: Tensor, sigma: float = 2.0) -> Tensor:
    """(B, 1, 128, 128) uint8 pictures of a soft dot at points (B, 2)."""
    place = torch.arange(128.0)
    x = torch.exp(-((place[None] - points[:, :1]) ** 2) / (2 * sigma**2))
    y = torch.exp(-((place[None] - points[:, 1:]) ** 2) / (2 * sigma**2))
    return (255 * y[:, None, :, None] * x[:, None, None, :]).round().to(torch.uint8)


def _centers(image: Tensor) -> Tensor:
    """(B, 2) centres of mass of the brightness above -1."""
    weight = (image[:, 0] + 1).clamp(min=0)
    place = torch.arange(image.shape[-1], dtype=weight.dtype)
    total = weight.sum(dim=(1, 2))
    x = (weight.sum(dim=1) * place).sum(dim=1) / total
    y = (weight.sum(dim=2) * place).sum(dim=1) / total
    return torch.stack([x, y], dim=1)


@pytest.mark.parametrize("side", [64, 96])
def test_a_dot_moves_with_its_landmark(side: int) -> None:
    """Over 1,000 draws of shift, rotation and mirror: at most 0.1 input pixel."""
    torch.manual_seed(0)
    points = 63.5 + (torch.rand(1000, 2) - 0.5) * 24
    # Whole-pixel rounding of the dot's grays moves its centre a little: a wide dot hides that.
    augmentation = _augmentation(ONE, side, shift=0.2, rotation=1.0, mirror=0.5)
    image, landmarks = augmentation(_dots(points, sigma=2.5), points[:, None])
    inside = ((landmarks[:, 0] > 10) & (landmarks[:, 0] < side - 11)).all(dim=1)
    assert int(inside.sum()) > 900
    apart = (_centers(image) - landmarks[:, 0]).norm(dim=1)[inside]
    assert float(apart.max()) <= 0.1


def test_through_the_whole_augmentation_the_dot_stays_on_its_landmark() -> None:
    """Noise, blur, occlusion and contrast change grays, never places."""
    torch.manual_seed(1)
    points = 63.5 + (torch.rand(200, 2) - 0.5) * 24
    augmentation = _augmentation(
        ONE, shift=0.2, rotation=1.0, noise=0.02, blur_probability=1.0, contrast=30.0
    )
    image, landmarks = augmentation(_dots(points), points[:, None])
    for face, (x, y) in zip(image[:, 0], landmarks[:, 0].round().long().tolist(), strict=True):
        if 6 <= x < 58 and 6 <= y < 58:
            patch = face[y - 5 : y + 6, x - 5 : x + 6]
            place = int(patch.argmax())
            assert abs(place % 11 - 5) <= 1
            assert abs(place // 11 - 5) <= 1


def test_evaluation_cuts_the_middle_exactly() -> None:
    images = torch.randint(0, 256, (2, 1, 128, 128), dtype=torch.uint8)
    landmarks = torch.tensor([[[63.5, 63.5]], [[40.0, 90.0]]])
    augmentation = _augmentation(ONE, shift=0.2, rotation=1.0, noise=0.2, mirror=0.5).eval()
    image, points = augmentation(images, landmarks)
    assert torch.allclose((image + 1) / 2 * 255, images[:, :, 32:96, 32:96].float(), atol=0.05)
    assert torch.allclose(points, landmarks - 32, atol=1e-4)


def test_a_mirror_renames_the_landmarks() -> None:
    landmarks = torch.tensor(
        [[[50.0, 50.0], [80.0, 52.0], [64.0, 64.0], [55.0, 80.0], [75.0, 81.0]]]
    )
    image, points = _augmentation(mirror=1.0)(_dots(landmarks[:, 0]), landmarks)
    expected = (landmarks - 32)[:, [1, 0, 2, 4, 3]] * torch.tensor([-1.0, 1.0])
    expected += torch.tensor([63.0, 0.0])
    assert torch.allclose(points, expected, atol=1e-4)
    # The dot stood at landmark 0, which is now called 1.
    assert torch.allclose(_centers(image)[0], points[0, 1], atol=0.1)


def test_shifts_and_turns_stay_in_range() -> None:
    torch.manual_seed(0)
    augmentation = _augmentation(ONE, shift=0.2, rotation=1.0)
    center, linear, _ = augmentation._map(augmentation._draw(5000, torch.device("cpu")))
    assert 0.99 * 12.8 < float((center - 63.5).abs().max()) <= 12.8 + 1e-3
    angle = torch.atan2(linear[:, 1, 0], linear[:, 0, 0])
    assert 0.99 < float(angle.abs().max()) <= 1.0 + 1e-5
    assert abs(float(angle.mean())) < 0.05


def _grays(value: int) -> tuple[Tensor, Tensor]:
    return torch.full((400, 1, 128, 128), value, dtype=torch.uint8), torch.zeros(400, 1, 2)


def test_noise_has_an_amplitude_for_each_face() -> None:
    torch.manual_seed(0)
    image, _ = _augmentation(ONE, noise=0.2)(*_grays(128))
    amplitude = ((image + 1) / 2 - 128 / 255).abs().amax(dim=(1, 2, 3))
    assert 0.19 < float(amplitude.max()) <= 0.2 + 1e-5
    assert float(amplitude.min()) < 0.01
    assert abs(float(amplitude.mean()) - 0.1) < 0.01


def test_blur_comes_half_of_the_time() -> None:
    torch.manual_seed(0)
    images, landmarks = _grays(0)
    images[:, :, 64, 64] = 255
    image, _ = _augmentation(ONE, blur_probability=0.5, blur=(1.0, 1.3))(images, landmarks)
    peak = ((image + 1) / 2).amax(dim=(1, 2, 3))
    blurred = peak < 0.5
    assert 150 < int(blurred.sum()) < 250
    low, high = 1 / (2 * math.pi * 1.3**2), 1 / (2 * math.pi * 1.0**2)
    assert low - 0.01 < float(peak[blurred].min()) <= float(peak[blurred].max()) < high + 0.01


def test_an_occluder_is_one_rectangle_of_at_most_half_the_area() -> None:
    torch.manual_seed(0)
    image, _ = _augmentation(ONE, occlusion=0.5)(*_grays(100))
    covered = ((image + 1) / 2 * 255 - 100).abs() > 0.5
    share = covered.float().mean(dim=(1, 2, 3))
    assert 0.45 < float(share.max()) < 0.54  # whole pixels along the edge
    assert abs(float(share.mean()) - 0.25) < 0.03
    for face in covered[share > 0, 0]:
        rows, columns = face.any(dim=1), face.any(dim=0)
        assert int(face.sum()) == int(rows.sum()) * int(columns.sum())
    grays = ((image + 1) / 2 * 255)[covered]
    assert float(grays.min()) >= 0
    assert float(grays.max()) <= 255


def test_contrast_turns_about_the_middle_gray() -> None:
    torch.manual_seed(0)
    for value in (64, 128, 192):
        image, _ = _augmentation(ONE, contrast=30.0)(*_grays(value))
        gray = (image[:, 0, 0, 0] + 1) / 2 * 255 - 127.5
        start = value - 127.5
        factor = 259 * (30 + 255) / (255 * (259 - 30))
        assert float((gray / start).max()) == pytest.approx(factor, rel=0.02)
        assert float((gray / start).min()) > 259 * 225 / (255 * 289) - 0.01


def test_the_same_seed_draws_the_same() -> None:
    images = torch.randint(0, 256, (4, 1, 128, 128), dtype=torch.uint8)
    landmarks = torch.rand(4, 5, 2) * 128
    augmentation = Augmentation(DOTS, 128, 2.0, 64).train()
    results = []
    for _ in range(2):
        torch.manual_seed(7)
        results.append(augmentation(images, landmarks))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert float(results[0][0].abs().max()) <= 1


def test_a_mirror_needs_pairs() -> None:
    still = Scheme("hand3", 3, (0, 1, 2), {"box": "box"})
    with pytest.raises(ValueError, match=r"mirror=0\.5 .* scheme hand3 names no"):
        _augmentation(still, mirror=0.5)
    _augmentation(still, mirror=0.0)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"shift": -0.1}, r"shift=-0\.1"),
        ({"rotation": "much"}, r"rotation='much'"),
        ({"mirror": 2}, r"mirror=2"),
        ({"noise": math.nan}, r"noise=nan"),
        ({"blur": [1.3, 1.0]}, r"blur=\[1\.3, 1\.0\]"),
        ({"blur": [1.0]}, "must be two numbers"),
        ({"extra": [{"_target_": "os.system"}]}, r"os\.system"),
    ],
)
def test_a_wrong_knob_is_named(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _augmentation(**knobs)


class Count(TorchDispatchMode):
    """Counts torch's operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        self.operations += 1
        return func(*args, **(kwargs or {}))


def test_a_sixth_of_the_operations_of_one_kornia_container() -> None:
    images, landmarks = torch.zeros(10, 1, 128, 128, dtype=torch.uint8), torch.zeros(10, 5, 2)
    augmentation = Augmentation(DOTS, 128, 2.0, 64, mirror=0.5).train()
    container = kornia_container(64)
    with Count() as ours:
        augmentation(images, landmarks)
    with Count() as theirs:
        container(images.to(torch.float32) / 255, landmarks)
    assert 6 * ours.operations <= theirs.operations


def test_autocast_leaves_grays_and_landmarks_alone() -> None:
    images = torch.randint(0, 256, (4, 1, 128, 128), dtype=torch.uint8)
    landmarks = torch.rand(4, 5, 2) * 128
    augmentation = Augmentation(DOTS, 128, 2.0, 64, mirror=0.5).train()
    torch.manual_seed(0)
    image, points = augmentation(images, landmarks)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = augmentation(images, landmarks)
    assert torch.equal(again[0], image)
    assert torch.equal(again[1], points)
