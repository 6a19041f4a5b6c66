"""The figures of a run: what metrics.json says of every subset, and the curves of discarding."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from landmark_lightning.metrics.coverage import coverage_auroc, coverage_by_landmark, own_covers
from landmark_lightning.metrics.discarding import (
    DISCARD_PERCENTS,
    closed_face,
    closed_pooled,
    closed_within,
    discard_error,
    random_discard_error,
)
from landmark_lightning.metrics.nme import (
    COVERED,
    THRESHOLDS,
    VISIBLE,
    area_under_curve,
    failure_rate,
    landmark_error,
    measurable,
    normalized_error,
    normalized_mean_error,
    visible_mean_error,
)
from landmark_lightning.metrics.offset import (
    error_less_mean,
    error_vectors,
    label_offset,
    mean_and_error,
)
from landmark_lightning.metrics.signal import SIGNAL_FIGURES, signal_distance, signal_figures
from landmark_lightning.metrics.validation import with_full
from landmark_lightning.runs.predictions import Records

CURVE_PERCENTS = tuple(range(0, 51))
"""Shares of landmarks at which ``discard_curve`` is measured."""


def discard_curve(
    records: Records, percents: Sequence[float] = CURVE_PERCENTS
) -> dict[str, Tensor]:
    """NME on the primary normalizer, in percent, against the share of landmarks discarded.

    Args:
        records: Predictions on N faces.
        percents: P shares of each face's landmarks, in percent.

    Returns:
        (P,) for each of ``signal`` (absent for a model without one), ``prior``, ``random`` and
        ``oracle``.
    """
    by_face = discard_by_face(records, percents)
    return {name: errors.nanmean(dim=0) for name, errors in by_face.items()}


def discard_by_face(records: Records, percents: Sequence[float]) -> dict[str, Tensor]:
    """As ``discard_curve``, (N, P) of each face."""
    error = records.error
    scores = {"signal": records.signal, "prior": records.prior.expand_as(error), "oracle": error}
    known = {name: score for name, score in scores.items() if score is not None}
    by_face = {name: discard_error(error, score, percents) for name, score in known.items()}
    return {**by_face, "random": random_discard_error(error, percents)}


def summarize(records: Records) -> dict[str, dict[str, Any]]:
    """The object ``subsets`` of metrics.json: the figures of ``full`` and of every subset.

    Errors are NME in percent on the primary normalizer where no other is named, failure rates
    percent, areas and shares fractions, ``signal_mae`` input pixels. ``faces`` are all faces of
    the subset, ``faces_by`` those that count in the figures of a normalizer: they have it, and a
    labelled landmark. ``nme_less_mean`` is ``nme`` less the mean error vector of all faces.
    Landmarks that are not labelled count in nothing. ``nme_visible_by`` is the
    NME over each face's visible landmarks, of the faces that have one. A figure that can't be
    computed is None: those of a subset without such faces, those of the signal for a model without
    one, and ``nme_visible_by`` where no landmark of any face is covered, since it would say the
    same as ``nme_by``.

    Args:
        records: Predictions on N faces.

    Returns:
        Plain dicts, numbers and None by subset, ready for ``json.dumps(..., allow_nan=False)``.
    """
    info = records.info
    prediction, target = records.prediction.double(), records.target.double()
    lengths = dict(zip(info.normalizers, records.normalizer.double().unbind(dim=1), strict=True))
    nme_by = {
        name: normalized_mean_error(prediction, target, length) for name, length in lengths.items()
    }
    visible_by = {
        name: visible_mean_error(prediction, target, length, records.visible)
        for name, length in lengths.items()
    }
    less_mean = error_less_mean(prediction, target, lengths[info.normalizers[0]])
    seen = (records.visible == VISIBLE).any(dim=1) & (records.visible == COVERED).any()
    measured = measurable(target, records.normalizer)
    discarded = discard_by_face(records, DISCARD_PERCENTS)
    discarded.setdefault("signal", discarded["random"])
    figures = {}
    for subset, member in zip(
        ("full", *info.subset_names), with_full(records.subsets).unbind(dim=1), strict=True
    ):
        nme = nme_by[info.normalizers[0]][member]
        counted = measured[member].sum(dim=0).tolist()
        figures[subset] = {
            "faces": len(nme),
            "faces_by": dict(zip(info.normalizers, counted, strict=True)),
            "nme": _number(nme.nanmean()),
            "nme_less_mean": _number(less_mean[member].nanmean()),
            "nme_by": {name: _number(values[member].nanmean()) for name, values in nme_by.items()},
            "nme_visible_by": {
                name: _number(values[member & seen].nanmean())
                for name, values in visible_by.items()
            },
            **{f"fr_{t:.2f}": _number(failure_rate(nme, t)) for t in THRESHOLDS},
            **{f"auc_{t:.2f}": _number(area_under_curve(nme, t)) for t in THRESHOLDS},
            "discard": _by_percent(discarded["signal"][member]),
            **{
                f"discard_{name}": _by_percent(discarded[name][member])
                for name in ("random", "prior", "oracle")
            },
            **_signal_figures(records, member),
        }
    return figures


def _signal_figures(records: Records, member: Tensor) -> dict[str, Any]:
    if records.signal is None:
        empty = dict.fromkeys(SIGNAL_FIGURES)
        return {"closed": dict.fromkeys(("within", "pooled", "face")), **empty}
    prediction, target, signal, normalizer = (
        tensor[member].double()
        for tensor in (records.prediction, records.target, records.signal, records.normalizer)
    )
    prior, primary = records.prior.double(), normalizer[:, 0]
    normalized = normalized_error(prediction, target, primary)
    gap = (signal - signal_distance(prediction, target, records.info.distance)).abs()
    closed = {
        "within": closed_within(normalized, signal, prior),
        "pooled": closed_pooled(normalized, signal, prior, primary),
        "face": closed_face(normalized, signal, primary),
    }
    error = landmark_error(prediction, target)
    figures = signal_figures(error, normalized, gap, signal, primary)
    return {
        "closed": {name: _number(value) for name, value in closed.items()},
        **{name: _number(value) for name, value in figures.items()},
    }


def bound_figures(records: Records, bounds: Mapping[str, Tensor]) -> dict[str, dict[str, Any]]:
    """How well bounds hold the true errors, for ``full`` and every subset.

    Args:
        records: Predictions on N faces.
        bounds: (N, L) bounds in input pixels, by name.

    Returns:
        By subset and name ``coverage``, the share of labelled landmarks whose error is within
        the bound, and ``width``, the mean bound in percent of the primary normalizer; None where
        there is nothing to measure.
    """
    error = landmark_error(records.prediction, records.target)
    known = error.isfinite()
    lengths = records.normalizer[:, :1]
    figures: dict[str, dict[str, Any]] = {}
    members = with_full(records.subsets).unbind(dim=1)
    for subset, member in zip(("full", *records.info.subset_names), members, strict=True):
        figures[subset] = {}
        for name, bound in bounds.items():
            mine = known & member[:, None]
            width = (100 * bound / lengths).masked_fill(~mine, math.nan)
            figures[subset][name] = {
                "coverage": _number((error <= bound)[mine].double().mean()),
                "width": _number(width.nanmean(dim=1).nanmean()),
            }
    return figures


def offset_figures(records: Records, rows: Sequence[int], mirrored: Tensor) -> dict[str, Any]:
    """The mirror check: by how much the labels lie to the right of the points.

    Args:
        records: Predictions on N faces.
        rows: (M) of these faces.
        mirrored: (M, L, 2) their predictions in a mirror, taken back to the faces as they are, in
            input pixels.

    Returns:
        ``faces`` M; in percent of the primary normalizer ``prediction`` [x, y], the mean error
        vector on the faces as they are, ``mirrored`` the same on mirrored ones, ``labels``, how
        far the labels lie to the right, and ``training``, how far the network answers to the
        right, as the labels lie that it was trained on; ``error``, the standard error of
        ``labels``; ``pixels``, ``labels`` in photo pixels. None where there is nothing to measure.
    """
    points, target, lengths, to_photo = (
        tensor[rows].double()
        for tensor in (records.prediction, records.target, records.normalizer, records.to_photo)
    )
    length, other = lengths[:, 0], mirrored.double()
    as_is = error_vectors(points, target, length).nanmean(dim=0)
    in_mirror = error_vectors(other, target, length).nanmean(dim=0) * as_is.new_tensor([-1, 1])
    labels = label_offset(points, other, target, length)
    mean, error = mean_and_error(labels)
    steps = to_photo[:, :, 0].norm(dim=1)
    return {
        "faces": len(points),
        "prediction": [_number(value) for value in as_is],
        "mirrored": [_number(value) for value in in_mirror],
        "labels": _number(mean),
        "training": _number((as_is + in_mirror)[0] / 2),
        "error": _number(error),
        "pixels": _number((labels / 100 * length * steps).nanmean()),
    }


LEAST_OFFSET, LEAST_ERRORS = 1.0, 3
"""From how many percent of the normalizer, and standard errors, on an offset is spoken of."""


def offset_sentence(offset: Mapping[str, Any], normalizer: str) -> str | None:
    """What ``offset_figures`` say, without a full stop; None where it is little or not known."""
    labels, training, pixels = (offset.get(name) for name in ("labels", "training", "pixels"))
    if labels is None or training is None or pixels is None:
        return None
    if max(abs(labels), abs(training)) < least_offset(offset.get("error")):
        return None
    told = (
        f"the labels lie {abs(labels):.1f}% of {normalizer}, {abs(pixels):.1f} px, to the "
        f"{to_side(labels)} of where mirrored pictures say"
    )
    if abs(training - labels) >= LEAST_OFFSET:
        answers = f"the network answers {abs(training):.1f}% to the {to_side(training)}"
        told += f", and {answers}"
    return f"{told}: counted from 1?" if labels >= LEAST_OFFSET and 0.5 <= pixels < 1.5 else told


def least_offset(error: float | None) -> float:
    """From how many percent on an offset of this standard error is spoken of."""
    return max(LEAST_OFFSET, LEAST_ERRORS * (error or 0))


def to_side(offset: float) -> str:
    """The side of an offset along x."""
    return "left" if offset < 0 else "right"


def coverage_figures(records: Records, rates: Tensor) -> dict[str, dict[str, Any]] | None:
    """How well covered landmarks are told, for ``full`` and every subset.

    Args:
        records: Predictions on N faces.
        rates: (L,) share of the training faces in which each landmark is covered.

    Returns:
        By subset ``auroc`` over all labelled landmarks, ``auroc_rate`` the same by ``rates``
        instead, ``auroc_signal`` by the validation signal, and ``auroc_landmark`` the mean over
        landmarks of the AUROC across faces; None where it can't be computed. None for a model that
        does not tell, and for a dataset that does not say which landmarks are covered.
    """
    own = own_covers(records.visible, records.info.scheme["name"])
    if records.covered is None or records.signal is None or not bool(own.any()):
        return None
    scores = {
        "auroc": records.covered,
        "auroc_rate": rates.expand_as(own),
        "auroc_signal": records.signal,
    }
    figures = {}
    members = with_full(records.subsets).unbind(dim=1)
    for subset, member in zip(("full", *records.info.subset_names), members, strict=True):
        mine = (own[member], records.visible[member] > 0)
        figures[subset] = {
            **{name: _number(coverage_auroc(s[member], *mine)) for name, s in scores.items()},
            "auroc_landmark": _number(coverage_by_landmark(records.covered[member], *mine)),
        }
    return figures


def _by_percent(errors: Tensor) -> dict[str, float | None]:
    means = errors.nanmean(dim=0)
    return {str(p): _number(mean) for p, mean in zip(DISCARD_PERCENTS, means, strict=True)}


def _number(value: Tensor) -> float | None:
    number = value.item()
    return number if math.isfinite(number) else None
