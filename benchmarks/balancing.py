"""LPBB at a million faces and more: a batch's losses written and the next batch drawn."""

from collections.abc import Iterator

import torch

from benchmarks.timing import Row, interleaved
from landmark_lightning.samplers.loss_balancer import LossBalancer

FACES = 1_000_000
BATCHES = 100


def measure(device: torch.device) -> Iterator[Row]:
    """Batches of 10; the balancer lives on the CPU, wherever the network is."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(FACES, generator=generator, dtype=torch.float64)
    fresh = torch.rand(10, generator=generator)
    balancer = LossBalancer(FACES, 10)
    balancer.update(torch.arange(FACES), weights)
    batches = iter(balancer)

    def ours() -> None:
        for _ in range(BATCHES):
            balancer.update(next(batches), fresh)

    def theirs() -> None:
        for _ in range(BATCHES):
            weights[torch.multinomial(weights, 10, replacement=True)] = fresh.double()

    yield Row(
        "balancer update + draw, 1 M faces, batch 10",
        "torch.multinomial",
        *interleaved(ours, theirs, torch.device("cpu"), rounds=7),
        goal=10,
        times=BATCHES,
    )
