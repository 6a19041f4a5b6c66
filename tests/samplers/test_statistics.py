import json

import pytest
import torch

from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.samplers.statistics import summarize_draws, top_shares


def _balancer(losses: list[float]) -> LossBalancer:
    balancer = LossBalancer(len(losses), 10)
    balancer.update(torch.arange(len(losses)), torch.tensor(losses))
    return balancer


def test_what_was_drawn_is_told_by_subset_and_face() -> None:
    balancer = _balancer([9.0] * 10 + [1.0] * 90)
    for _ in range(30):
        list(balancer)
    hard = torch.arange(100) < 10
    subsets = torch.stack([hard, ~hard, torch.zeros(100, dtype=torch.bool)], dim=1)
    photo = [f"{i}.png" for i in range(100)]
    told = summarize_draws(balancer, subsets, ("hard", "easy", "test only"), photo)
    json.dumps(told, allow_nan=False)
    assert (told["faces"], told["draws"]) == (100, 3000)
    assert list(told["subsets"]) == ["hard", "easy"]
    assert told["subsets"]["hard"]["faces"] == pytest.approx(0.1)
    assert told["subsets"]["hard"]["draws"] == pytest.approx(0.5, abs=0.05)
    assert told["top_10_percent"] == pytest.approx(told["subsets"]["hard"]["draws"])
    assert told["top_1_percent"] == int(balancer.draws.max()) / 3000
    assert told["effective_sample_size"] == pytest.approx(1 / (10 * 0.05**2 + 90 * (1 / 180) ** 2))
    assert told["losses"]["0.5"] == 1.0
    assert told["losses"]["0.95"] == told["losses"]["1"] == 9.0
    assert told["draws_per_face"]["1"] == int(balancer.draws.max())
    assert len(told["most_drawn"]) == 20
    first = told["most_drawn"][0]
    face = photo.index(first["photo"])
    assert first == {"photo": f"{face}.png", "draws": int(balancer.draws.max()), "loss": 9.0}
    counts = [face["draws"] for face in told["most_drawn"]]
    assert counts == sorted(counts, reverse=True)


def test_before_the_first_draw_there_are_no_shares() -> None:
    told = summarize_draws(_balancer([1.0, 2.0]), torch.ones(2, 1) > 0, ("all",), ["a", "b"])
    assert told["draws"] == 0
    assert told["top_1_percent"] is told["subsets"]["all"]["draws"] is None
    assert [face["photo"] for face in told["most_drawn"]] == ["a", "b"]


def test_shares_of_the_most_drawn_faces() -> None:
    draws = torch.tensor([1] * 9 + [40, 58], dtype=torch.int32)
    assert top_shares(draws) == {"top_1_percent": 58 / 107, "top_10_percent": 58 / 107}
    even = torch.ones(200, dtype=torch.int32)
    assert top_shares(even) == {"top_1_percent": 0.01, "top_10_percent": 0.1}
