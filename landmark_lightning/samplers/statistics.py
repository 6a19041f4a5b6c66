"""What LPBB did in a run: who was drawn how often, and by which losses (balancing.json)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from landmark_lightning.samplers.loss_balancer import LossBalancer

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
"""Quantiles that are told of the losses and of the draws."""

MOST_DRAWN = 20
"""Faces that are named."""

TOP_SHARES = {"top_1_percent": 1, "top_10_percent": 10}
"""The most drawn faces by their name, in percent of all faces."""


def summarize_draws(
    balancer: LossBalancer, subsets: Tensor, subset_names: Sequence[str], photo: Sequence[str]
) -> dict[str, Any]:
    """The content of balancing.json at the end of a training.

    A subset without a training face is left out.

    Args:
        balancer: The sampler of N training faces, after its last draw.
        subsets: (N, K) bool membership of the training faces.
        subset_names: Names of the K subsets.
        photo: N names of the photos that the faces come from.

    Returns:
        Plain numbers, text and None: ``faces``, ``draws``, ``effective_sample_size`` of the final
        probabilities (Kish), ``top_1_percent`` and ``top_10_percent`` (share of all draws that
        went to the most drawn hundredth and tenth of the faces), ``subsets`` (``faces`` and
        ``draws`` as shares of all, by name), ``losses`` and ``draws_per_face`` (by quantile),
        ``most_drawn`` (``photo``, ``draws`` and final ``loss``). Shares are None before the first
        draw.
    """
    draws, losses = balancer.draws.double(), balancer.losses
    subsets = subsets.cpu()  # a training on a GPU leaves them there
    total = float(draws.sum())
    order = draws.argsort(descending=True, stable=True)
    return {
        "faces": balancer.size,
        "draws": int(total),
        "effective_sample_size": balancer.effective_sample_size,
        **(top_shares(draws) if total else dict.fromkeys(TOP_SHARES)),
        "subsets": {
            name: {
                "faces": float(member.double().mean()),
                "draws": float(draws[member].sum()) / total if total else None,
            }
            for name, member in zip(subset_names, subsets.unbind(dim=1), strict=True)
            if bool(member.any())
        },
        "losses": _quantiles(losses),
        "draws_per_face": _quantiles(draws),
        "most_drawn": [
            {"photo": photo[i], "draws": int(draws[i]), "loss": float(losses[i])}
            for i in order[:MOST_DRAWN].tolist()
        ],
    }


def top_shares(draws: Tensor) -> dict[str, float]:
    """The shares of all draws that went to the most drawn hundredth and tenth of the faces.

    Args:
        draws: (N,) how often each face was drawn, at least one of them once.

    Returns:
        ``top_1_percent`` and ``top_10_percent``, fractions.
    """
    draws = draws.double()
    counts = {name: round(percent * len(draws) / 100) for name, percent in TOP_SHARES.items()}
    return {
        name: float(draws.topk(max(1, count)).values.sum() / draws.sum())
        for name, count in counts.items()
    }


def _quantiles(values: Tensor) -> dict[str, float]:
    # NumPy's, since torch.quantile refuses more than 16 million values.
    found = np.quantile(values.numpy(), QUANTILES)
    return {f"{q:g}": float(value) for q, value in zip(QUANTILES, found, strict=True)}
