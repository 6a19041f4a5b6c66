"""What a condition does to landmarks and signal, in figures."""

import math
from typing import Any

import torch
from torch import Tensor

from landmark_lightning.metrics.discarding import closed_within, discard_error
from landmark_lightning.metrics.nme import VISIBLE, normalized_error
from landmark_lightning.metrics.signal import auroc
from landmark_lightning.runs.predictions import Records

DISCARDED = 30
"""Share of each face's landmarks that is discarded, in percent."""

SCORES = ("signal", "signal_over_prior", "coverage", "error", "prior")
"""What covered landmarks are told from others by."""


def condition_figures(
    records: Records,
    points: Tensor,
    signal: Tensor | None,
    faces: Tensor | None = None,
    hidden: Tensor | None = None,
    coverage: Tensor | None = None,
) -> dict[str, Any]:
    """The figures of faces under a condition, beside those of the same faces without it.

    Errors are NME in percent of the primary normalizer, the mean over faces of each face's mean.
    Covered landmarks are labelled ones that the condition covers; uncovered are those that it
    does not and that the labels call visible. Landmarks that are not labelled count in nothing.
    What can't be computed is None.

    Args:
        records: Predictions on N faces as they are.
        points: (N, L, 2) what is predicted under the condition, input pixels.
        signal: (N, L) its signal; None for a model without one.
        faces: (N,) bool, which faces the condition could be put on; None: all.
        hidden: (N, L) bool, which landmarks are covered; None where nothing covers any.
        coverage: (N, L) a score of being covered, where the network has one.

    Returns:
        ``faces`` how many there are, ``covered`` the share of their landmarks; ``nme``,
        ``nme_covered`` and ``nme_uncovered``, and under ``clean`` the same landmarks' as they
        are; ``discard``, ``discard_prior`` and ``discard_oracle`` with 30% discarded; ``closed``
        within faces; ``auroc`` of covered against uncovered landmarks by each of ``SCORES``;
        ``rise`` of mean ``error`` and mean ``signal``, both in percent of the normalizer, as
        multiples of those of the same faces as they are.
    """
    rows = torch.arange(len(points)) if faces is None else faces.nonzero()[:, 0]
    primary, target = records.normalizer[rows, 0].double(), records.target[rows].double()
    error = normalized_error(points[rows].double(), target, primary)
    clean = normalized_error(records.prediction[rows].double(), target, primary)
    known, prior = ~target.isnan().any(dim=2), records.prior.double()
    groups = {"nme": known}
    if hidden is not None:
        seen = records.visible[rows] == VISIBLE
        groups |= {"nme_covered": known & hidden[rows], "nme_uncovered": ~hidden[rows] & seen}
    of_signal: dict[str, Tensor] = {}
    rise = {"error": error.nanmean(dim=1).nanmean() / clean.nanmean(dim=1).nanmean()}
    if signal is not None and records.signal is not None:
        now, before = signal[rows].double(), records.signal[rows].double()
        of_signal = {"signal": now, "signal_over_prior": now / prior}
        rise["signal"] = _level(now, error, primary) / _level(before, error, primary)
    scores = {**of_signal, "error": error, "prior": prior.expand_as(error)}
    if coverage is not None:
        scores["coverage"] = coverage[rows].double()
    told = {"discard_prior": scores["prior"], "discard_oracle": error}
    told |= {"discard": of_signal["signal"]} if of_signal else {}
    discarded = {name: discard_error(error, by, (DISCARDED,)) for name, by in told.items()}
    return {
        "faces": len(rows),
        "covered": _number(groups["nme_covered"].sum() / known.sum())
        if hidden is not None
        else None,
        **_errors(error, groups),
        "clean": _errors(clean, groups),
        **{
            name: {
                str(DISCARDED): _number(discarded[name].nanmean()) if name in discarded else None
            }
            for name in ("discard", "discard_prior", "discard_oracle")
        },
        "closed": {
            "within": _number(closed_within(error, of_signal["signal"], prior, DISCARDED))
            if of_signal
            else None
        },
        "auroc": _aurocs(scores, groups),
        "rise": {
            name: _number(rise[name]) if name in rise else None for name in ("error", "signal")
        },
    }


def _errors(error: Tensor, groups: dict[str, Tensor]) -> dict[str, float | None]:
    """NME over each group of landmarks, of the faces that have one."""
    return {
        name: _number(error.masked_fill(~groups[name], torch.nan).nanmean(dim=1).nanmean())
        if name in groups
        else None
        for name in ("nme", "nme_covered", "nme_uncovered")
    }


def _level(signal: Tensor, error: Tensor, primary: Tensor) -> Tensor:
    """Mean signal over the landmarks whose error is known, per normalizer."""
    return (signal / primary[:, None]).masked_fill(error.isnan(), torch.nan).nanmean(1).nanmean()


def _aurocs(scores: dict[str, Tensor], groups: dict[str, Tensor]) -> dict[str, float | None]:
    if "nme_covered" not in groups:
        return dict.fromkeys(SCORES)
    covered, counted = groups["nme_covered"], groups["nme_covered"] | groups["nme_uncovered"]
    counted = counted & ~scores["error"].isnan()
    return {
        name: _number(auroc(covered[counted], scores[name][counted])) if name in scores else None
        for name in SCORES
    }


def _number(value: Tensor) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
