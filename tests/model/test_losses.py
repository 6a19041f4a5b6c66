import math
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from landmark_lightning.geometry import euclidean, manhattan
from landmark_lightning.model.losses import (
    DISTANCES,
    Objective,
    drawing_losses,
    l1,
    l2,
    loss_name,
    wing,
)
from landmark_lightning.model.schedule import Schedule


def _gradient(objective: Objective, prediction: Tensor, target: Tensor) -> Tensor:
    prediction = prediction.clone().requires_grad_()
    objective(prediction, target).sum().backward()  # type: ignore[no-untyped-call]
    assert prediction.grad is not None
    return prediction.grad


def _eq3(prediction: Tensor, target: Tensor, distance: str) -> Tensor:
    """Eq. 3, word by word: N_i, N_i+1, N_i+2 for each landmark."""
    result = torch.empty_like(prediction)
    for b in range(prediction.shape[0]):
        for j in range(prediction.shape[1]):
            gx, gy = target[b, j].tolist()
            ex, ey, v = prediction[b, j].tolist()
            result[b, j, 0] = gx - ex
            result[b, j, 1] = gy - ey
            if distance == "manhattan":
                result[b, j, 2] = abs(gx - ex) + abs(gy - ey) - v
            else:
                result[b, j, 2] = math.sqrt((gx - ex) ** 2 + (gy - ey) ** 2) - v
    return result


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6), st.sampled_from([*DISTANCES]))
def test_the_gradient_is_eq_3(seed: int, faces: int, landmarks: int, distance: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    prediction = torch.randn((faces, landmarks, 3), generator=generator, dtype=torch.float64) * 20
    target = torch.randn((faces, landmarks, 2), generator=generator, dtype=torch.float64) * 20
    gradient = _gradient(Objective("l2", distance), prediction, target)
    assert torch.allclose(-gradient, _eq3(prediction, target, distance), rtol=0, atol=1e-12)


@pytest.mark.parametrize("coordinate", ["l2", "l1", "wing"])
@pytest.mark.parametrize("distance", [*DISTANCES])
def test_no_gradient_reaches_the_coordinates_through_the_distance(
    coordinate: str, distance: str
) -> None:
    generator = torch.Generator().manual_seed(1)
    prediction = torch.randn((3, 5, 3), generator=generator, dtype=torch.float64) * 10
    target = torch.randn((3, 5, 2), generator=generator, dtype=torch.float64) * 10
    with_signal = _gradient(Objective(coordinate, distance), prediction, target)
    without = _gradient(Objective(coordinate, None), prediction[..., :2], target)
    assert torch.equal(with_signal[..., :2], without)


def test_the_validation_loss_does_not_change_with_the_phase() -> None:
    prediction, target = torch.randn(3, 5, 3), torch.randn(3, 5, 2)
    losses = [Objective(c, "manhattan").parts(prediction, target)[1] for c in ("l2", "l1", "wing")]
    assert torch.equal(losses[0], losses[1])
    assert torch.equal(losses[0], losses[2])


def test_losses_of_known_residuals() -> None:
    r = torch.tensor([0.0, -2.0, 10.0, 14.0], dtype=torch.float64)
    assert l2(r).tolist() == [0.0, 2.0, 50.0, 98.0]
    assert l1(r).tolist() == [0.0, 2.0, 10.0, 14.0]
    corner = 10 * math.log(6)
    assert wing(r).tolist() == pytest.approx([0.0, 10 * math.log(2), corner, corner + 4])


def test_wing_is_continuous_where_the_logarithm_ends() -> None:
    below, above = wing(torch.tensor([10 - 1e-9, 10 + 1e-9], dtype=torch.float64)).tolist()
    assert below == pytest.approx(above, abs=1e-7)


def test_a_face_is_summed_over_its_landmarks() -> None:
    prediction = torch.tensor([[[1.0, 2.0, 0.0], [3.0, 0.0, 5.0]]])
    target = torch.zeros(1, 2, 2)
    coordinates, validation = Objective("l1", "manhattan").parts(prediction, target)
    assert coordinates.tolist() == [6.0]
    assert validation.tolist() == [(3.0**2 + (3.0 - 5.0) ** 2) / 2]


def test_distances() -> None:
    prediction, target = torch.tensor([[[3.0, -4.0]]]), torch.zeros(1, 1, 2)
    assert manhattan(prediction, target).item() == 7
    assert euclidean(prediction, target).item() == 5


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.sampled_from(["l2", "l1", "wing"]), st.sampled_from([*DISTANCES]))
def test_what_is_not_labelled_has_no_gradient_and_changes_none(
    seed: int, coordinate: str, distance: str
) -> None:
    generator = torch.Generator().manual_seed(seed)
    prediction = torch.randn((3, 5, 3), generator=generator, dtype=torch.float64) * 20
    target = torch.randn((3, 5, 2), generator=generator, dtype=torch.float64) * 20
    missing = torch.rand((3, 5), generator=generator) < 0.4
    objective = Objective(coordinate, distance)
    gaps = target.masked_fill(missing[..., None], torch.nan)
    whole, gradient = (_gradient(objective, prediction, t) for t in (target, gaps))
    assert torch.equal(gradient, whole.masked_fill(missing[..., None], 0))
    kept = [objective(prediction[None, i, ~m], target[None, i, ~m]) for i, m in enumerate(missing)]
    assert torch.allclose(objective(prediction, gaps), torch.cat(kept))


def test_a_distance_of_one_s_own_is_not_asked_about_what_is_not_labelled() -> None:
    def strict(prediction: Tensor, target: Tensor) -> Tensor:
        assert not target.isnan().any()
        return 1 + (prediction - target).abs().amax(dim=-1)

    target = torch.tensor([[[0.0, 0.0], [torch.nan, torch.nan]]])
    prediction = torch.ones(1, 2, 3)
    assert Objective("l2", strict).parts(prediction, target)[1].tolist() == [0.5]


@given(st.integers(0, 2**31), st.integers(1, 6))
def test_a_face_with_gaps_is_drawn_as_one_with_all_of_the_same_errors(
    seed: int, labelled: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    error = torch.randn((1, 1, 3), generator=generator, dtype=torch.float64) * 5
    prediction, target = error.expand(2, 6, 3), torch.zeros(2, 6, 2, dtype=torch.float64)
    target[1, labelled:] = torch.nan
    parts = Objective("l1", "manhattan").parts(prediction, target)
    for losses in (parts[0] + parts[1], parts[0]):
        whole, gaps = drawing_losses(losses, target).tolist()
        assert gaps == pytest.approx(whole)


def chessboard(prediction: Tensor, target: Tensor, scale: float = 1.0) -> Tensor:
    return scale * (prediction - target).abs().amax(dim=-1)


def test_any_callable_may_be_the_distance() -> None:
    prediction, target = torch.tensor([[[3.0, -4.0, 1.0]]]), torch.zeros(1, 1, 2)
    objective = Objective("l2", partial(chessboard, scale=2.0))
    assert objective.parts(prediction, target)[1].tolist() == [(8.0 - 1.0) ** 2 / 2]
    name = f"{__name__}.chessboard"
    target_config = {"_target_": name, "_partial_": True}
    with pytest.raises(ValueError, match="not of a trusted package"):
        Objective("l2", target_config)
    allowed = Objective("l2", target_config, ["tests."])
    assert allowed.parts(prediction, target)[1].tolist() == [(4.0 - 1.0) ** 2 / 2]
    assert loss_name(target_config) == name


@pytest.mark.parametrize(
    ("coordinate", "distance", "message"),
    [("l3", None, "loss='l3'"), ("l2", "chess", "validation='chess'"), ("l2", 3, "validation=3")],
)
def test_a_wrong_name_is_named(coordinate: str, distance: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        Objective(coordinate, distance)


def halved(residual: Tensor) -> Tensor:
    """A loss of one's own."""
    return residual.abs() / 2


def test_a_coordinate_loss_of_ones_own_by_its_target() -> None:
    name = f"{__name__}.halved"
    target_config = {"_target_": name, "_partial_": True}
    prediction, target = torch.ones(2, 3, 2), torch.zeros(2, 3, 2)
    objective = Objective(target_config, None, ["tests."])
    assert objective(prediction, target).tolist() == [3.0, 3.0]
    assert loss_name(target_config) == name
    schedule = Schedule([{"loss": target_config, "lr": 0.1, "epochs": 1}], 4)
    assert schedule.taken(4)["phases_reached"][0]["loss"] == name
    with pytest.raises(ValueError, match="is not of a trusted package"):
        Objective(target_config, None)
