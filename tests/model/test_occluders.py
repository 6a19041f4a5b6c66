"""Occluders: what they cover, where they lie, and that without them nothing changes."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.kornia_container import kornia_container
from landmark_lightning.config.schema import FILLS, PLACES, SHAPES
from landmark_lightning.distributed import Part
from landmark_lightning.errors import UserError
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.model.occluders import Occluders, eyes_of
from landmark_lightning.schemes import SCHEMES, Scheme
from tests.conftest import DOTS
from tests.made_tasks import STILL
from tests.model.test_augmentation import Count

SIDE = 64
EYES = torch.tensor([[20.0, 24.0], [44.0, 24.0], [32.0, 36.0], [24.0, 46.0], [40.0, 46.0]])
"""Landmarks of a face of the scheme DOTS in an input of 64 pixels."""


def occluders(**knobs: Any) -> Occluders:  # noqa: ANN401
    return Occluders(DOTS, SIDE, **({"probability": 1.0} | knobs))


def faces(count: int, gray: float = 0.5) -> tuple[Tensor, Tensor]:
    """Even gray pictures and the landmarks of ``EYES`` in each."""
    return torch.full((count, 1, SIDE, SIDE), gray), EYES.expand(count, 5, 2).clone()


def darkened(**knobs: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """(400, S, S) bool where white faces are covered wholly, and (400, 5) what is covered."""
    torch.manual_seed(0)
    made = occluders(fills=["gray"], **knobs)
    made.grays.zero_()
    image, points = faces(400, gray=1.0)
    image, covered = made(image, points)
    return image[:, 0] < 0.02, covered


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    shapes=st.lists(st.sampled_from(SHAPES), min_size=1),
    places=st.lists(st.sampled_from(PLACES), min_size=1),
    most=st.integers(1, 4),
)
def test_covered_is_exactly_what_lies_under_a_shape(
    seed: int, shapes: list[str], places: list[str], most: int
) -> None:
    """Landmarks on pixel centres: the picture there is the shape's gray, or what it was."""
    made = occluders(fills=["gray"], shapes=shapes, places=places, most=most)
    made.grays.zero_()
    torch.manual_seed(seed)
    image = torch.ones(20, 1, SIDE, SIDE)
    points = torch.randint(0, SIDE, (20, 5, 2)).float()
    image, covered = made(image, points)
    at = points.long()
    gray = image[torch.arange(20)[:, None], 0, at[..., 1], at[..., 0]]
    sharp = (gray < 0.02) | (gray > 0.98)  # not on an edge
    assert torch.equal((gray < 0.5)[sharp], covered[sharp])
    assert torch.equal(gray[~covered] >= 0.5, torch.ones_like(gray[~covered], dtype=torch.bool))


def test_the_probability_is_that_of_a_face() -> None:
    under, _ = darkened(probability=0.3, size=[0.3, 0.5], places=["landmark"])
    assert 80 < int(under.flatten(1).any(dim=1).sum()) < 160
    under, covered = darkened(probability=0.0)
    assert not bool(under.any())
    assert not bool(covered.any())


def test_in_the_last_phase_fewer_faces_are_covered() -> None:
    made = occluders(probability=1.0, last_phase=0.25)
    shares = []
    for last in (False, True, False):
        made.enter(last_phase=last)
        torch.manual_seed(0)
        image, points = faces(400, gray=1.0)
        changed = made(image, points)[0] != 1
        shares.append(float(changed.flatten(1).any(dim=1).float().mean()))
    assert shares[0] == shares[2] > 0.9
    assert shares[1] == pytest.approx(0.25, abs=0.07)
    same = occluders(probability=0.5)
    same.enter(last_phase=True)
    assert float(same.share) == 0.5


@pytest.mark.parametrize(("shape", "full"), [("rectangle", 1.0), ("ellipse", math.pi / 4)])
def test_a_shape_has_its_form(shape: str, full: float) -> None:
    """As large as its sides say; at least 15 pixels each, less what the edges take."""
    torch.manual_seed(0)
    made = occluders(fills=["gray"], shapes=[shape], places=["landmark"], most=1, size=[0.4, 0.4])
    made.grays.zero_()
    image = made(*faces(200, gray=1.0))[0]
    area = (1 - image).sum(dim=(1, 2, 3)) / (0.4 * SIDE) ** 2
    inside = area > 0.9 * area.median()  # some leave the picture
    assert int(inside.sum()) > 120
    assert float(area[inside].mean()) == pytest.approx(full, rel=0.05)


def test_a_stripe_crosses_the_whole_picture() -> None:
    under, _ = darkened(shapes=["stripe"], places=["landmark"], most=1, size=[0.3, 0.4])
    edge = torch.cat([under[:, 0], under[:, -1], under[:, :, 0], under[:, :, -1]], dim=1)
    assert bool((edge.sum(dim=1) > 4).all())


def test_both_eyes_are_covered_at_once_and_nothing_else() -> None:
    _, covered = darkened(places=["eyes"], shapes=["ellipse"], most=1)
    share = covered.float().mean(dim=0)
    assert float(share[:2].min()) > 0.7
    assert float(share[3:].max()) < 0.1
    both = covered[:, 0] & covered[:, 1]
    assert float(both.float().mean()) > 0.6


def test_a_part_is_covered_as_a_whole() -> None:
    _, covered = darkened(places=["part"], parts=[[3, 4]], shapes=["rectangle"], most=1)
    share = covered.float().mean(dim=0)
    assert float(share[3:].min()) > 0.55
    assert float(share[:2].max()) < 0.1


def test_without_parts_a_landmark_takes_their_place() -> None:
    for place in ("part", "landmark"):
        _, covered = darkened(places=[place], most=1, size=[0.2, 0.3])
        assert bool((covered.float().mean(dim=0) > 0.15).all())
        assert float(covered.any(dim=1).float().mean()) > 0.9


@pytest.mark.parametrize("place", PLACES)
def test_what_a_face_lacks_is_covered_nowhere_and_harms_nothing(place: str) -> None:
    torch.manual_seed(0)
    image, points = faces(50)
    points[:, :4] = torch.nan
    image, covered = occluders(places=[place], parts=[[0, 4], [2, 3]])(image, points)
    assert bool(image.isfinite().all())
    assert not bool(covered[:, :4].any())


@pytest.mark.parametrize("fill", FILLS)
def test_a_fill_stays_in_the_range_of_grays(fill: str) -> None:
    torch.manual_seed(0)
    image = torch.rand(60, 1, SIDE, SIDE)
    before = image.clone()
    image, _ = occluders(fills=[fill], size=[0.5, 0.9])(image, faces(60)[1])
    assert 0 <= float(image.min()) <= float(image.max()) <= 1
    assert float((image != before).float().mean()) > 0.2


def test_a_piece_of_another_face_is_one() -> None:
    torch.manual_seed(0)
    image = torch.linspace(0.1, 0.9, 8).view(8, 1, 1, 1).expand(8, 1, SIDE, SIDE).clone()
    whole = occluders(fills=["face"], places=["anywhere"], shapes=["stripe"], size=[1.0, 1.0])
    changed = whole(image.clone(), faces(8)[1])[0]
    for face in range(8):
        near = image[[face, face - 1], 0, 0, 0]
        away = (changed[face, 0, :, :, None] - near).abs().amin(dim=-1)
        assert float((away < 1e-5).float().mean()) > 0.85  # but for the edges
    assert float((changed - image).abs().amax(dim=(1, 2, 3)).min()) > 0.1


def test_a_rank_covers_its_faces_as_a_single_process_does() -> None:
    image, points = torch.rand(7, 1, SIDE, SIDE), faces(7)[1]
    made = occluders(fills=["gray", "shaded", "noise", "smooth"])
    torch.manual_seed(0)
    whole, covered = made(image.clone(), points)
    for rank in range(2):
        torch.manual_seed(0)
        mine, under = made(image[rank::2].clone(), points[rank::2], Part(7, rank, 2))
        assert torch.allclose(mine, whole[rank::2], atol=1e-6)
        assert torch.equal(under, covered[rank::2])
    nothing, _ = made(image[:0], points[:0], Part(1, 1, 2))
    assert nothing.shape == (0, 1, SIDE, SIDE)


def test_the_eyes_are_the_schemes_own_or_the_normalizer_of_most_landmarks() -> None:
    assert eyes_of(SCHEMES["ibug68"]) == (tuple(range(36, 42)), tuple(range(42, 48)))
    assert eyes_of(SCHEMES["aflw19"]) == ((6, 7, 8), (9, 10, 11))
    assert eyes_of(DOTS) == ((0,), (1,))
    plain = Scheme("plain19", 19, tuple(range(19)), {"box": "box"})
    assert eyes_of(plain) is None
    without = Occluders(plain, SIDE, probability=1.0, places=["eyes"])
    _, covered = without(torch.rand(200, 1, SIDE, SIDE), torch.rand(200, 19, 2) * SIDE)
    assert float(covered.any(dim=1).float().mean()) > 0.9  # a landmark took their place


def augmentation(**knobs: Any) -> Augmentation:  # noqa: ANN401
    return Augmentation(DOTS, 128, 2.0, SIDE, **knobs).train()


def stored(count: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (count, 1, 128, 128), dtype=torch.uint8)
    return images, 32 + torch.rand(count, 5, 2) * 64


def test_without_occluders_the_paper_is_as_it_was_to_the_last_bit() -> None:
    images, landmarks = stored(20)
    results = []
    for off in (None, {"probability": 0.0, "most": 5, "fills": ["noise"]}):
        for hidden in (None, torch.zeros(20, 5, dtype=torch.bool)):
            torch.manual_seed(3)
            made = augmentation(occluders=off).with_covered(images, landmarks, hidden)
            results.append((*made[:2], torch.rand(1)))
    for result in results[1:]:
        assert all(map(torch.equal, result, results[0]))


def test_what_the_papers_rectangle_covers_is_known() -> None:
    images, landmarks = stored(300)
    images.fill_(100)
    torch.manual_seed(0)
    still = STILL | {"occlusion": 0.5}
    hidden = torch.zeros(300, 5, dtype=torch.bool)
    image, points, covered = augmentation(**still).with_covered(images, landmarks.floor(), hidden)
    assert covered is not None
    at = points.round().long()
    gray = image[torch.arange(300)[:, None], 0, at[..., 1], at[..., 0]]
    assert torch.equal((gray - (200 / 255 - 1)).abs() > 1e-4, covered)


def test_what_was_covered_before_moves_with_a_mirrored_face() -> None:
    images, landmarks = stored(4)
    hidden = torch.zeros(4, 5, dtype=torch.bool)
    hidden[:, 3] = True
    _, _, covered = augmentation(**STILL, mirror=1.0).with_covered(images, landmarks, hidden)
    assert covered is not None
    assert covered.nonzero()[:, 1].tolist() == [4] * 4


def test_half_of_the_operations_of_one_kornia_container() -> None:
    images, landmarks = torch.zeros(10, 1, 128, 128, dtype=torch.uint8), torch.zeros(10, 5, 2)
    made = augmentation(occluders={"probability": 0.5})
    container = kornia_container(SIDE)
    with Count() as ours:
        made(images, landmarks)
    with Count() as theirs:
        container(images.to(torch.float32) / 255, landmarks)
    assert 2 * ours.operations <= theirs.operations


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"probability": 2}, r"occluders\.probability=2 must be a number between 0 and 1"),
        ({"most": 0}, r"occluders\.most=0 must be a whole number from 1 to 8"),
        ({"shapes": []}, r"occluders\.shapes=\[\] must be a list of some of rectangle, ellipse"),
        ({"fills": ["red"]}, r"occluders\.fills=\['red'\] must be a list of some of gray"),
        ({"size": [0.5, 0.2]}, r"occluders\.size=.* two numbers, 0 < low <= high <= 1"),
    ],
)
def test_a_wrong_knob_is_named(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        augmentation(occluders={"probability": 0.5} | knobs)
