"""What the report plots of a cell: curves from its runs' predictions, averaged over seeds."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landmark_lightning.errors import UserError
from landmark_lightning.metrics.discarding import kept_means, labelled_mean
from landmark_lightning.metrics.nme import landmark_error
from landmark_lightning.metrics.signal import signal_distance, spearman
from landmark_lightning.metrics.validation import with_full
from landmark_lightning.runs.by_face import ByFace, values_by_face
from landmark_lightning.runs.figures import discard_curve
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.predictions import Records, read_records
from landmark_lightning.runs.results import Cell

COVERAGES = tuple(range(5, 101))
"""Shares of what is kept, in percent, at which ``coverage_curves`` are measured."""

CED_SHARES = tuple(range(0, 101))
"""Shares of the faces, in percent, at which ``error_quantiles`` are measured."""

BINS = 20
"""Bins of the calibration curve, of equally many landmarks each."""

Array = NDArray[np.float64]
Curves = Mapping[str, Array]


@dataclass(frozen=True)
class SortedErrors:
    """One panel of Figure 4.

    Attributes:
        error: (n,) Euclidean errors of all landmarks, ascending, min-max normalized.
        signal: (n,) signal beside them, min-max normalized; None for a model without one.
        spearman: Rank correlation of the two; NaN where it can't be computed.
        seed: The run's.
    """

    error: Array
    signal: Array | None
    spearman: float
    seed: int


@dataclass(frozen=True)
class CellCurves:
    """What is plotted of a cell. Errors are NME in percent of its normalizer.

    Attributes:
        cell: The runs.
        seeds: How many of them could be read.
        discard: As ``discard_curve``.
        pooled: As ``coverage_curves`` of all landmarks of the set.
        faces: As ``coverage_curves`` of whole faces.
        quantiles: As ``error_quantiles``.
        by_landmark: (L,) mean error of each landmark.
        names: L names of the landmarks; empty where the scheme has none.
        calibration: As ``calibration_curve``; empty for a model without a signal.
        sorted_errors: Of the run of the lowest seed.
        by_face: What each test face adds to the figures.
    """

    cell: Cell
    seeds: int
    discard: Curves
    pooled: Curves
    faces: Curves
    quantiles: Array
    by_landmark: Array
    names: tuple[str, ...]
    calibration: Curves
    sorted_errors: SortedErrors
    by_face: ByFace


def read_curves(cell: Cell) -> tuple[CellCurves | None, list[str]]:
    """Reads the predictions of a cell's runs.

    Returns:
        The curves, None where no file could be read or none has faces, and a sentence for each
        file that could not.
    """
    read, unread = [], []
    seeds, of_faces = [], []
    tested: Records | None = None
    first: SortedErrors | None = None
    scheme: dict[str, Any] | None = None
    names: tuple[str, ...] = ()
    for run in cell.runs:
        path = RunFolder(run.path).predictions
        try:
            records = read_records(path)
            if records.info.normalizers[0] != cell.normalizer:
                raise UserError(f"{path} is not on {cell.normalizer} as the run's figures are")
            if records.info.data != run.word("data"):
                raise UserError(f"{path} is not on the faces that the run's figures are on")
            if scheme is not None and records.info.scheme != scheme:
                raise UserError(f"{path} has another scheme than the runs beside it")
        except (OSError, ValueError) as error:
            unread.append(f"figures: {error}")
            continue
        if not records.photo:  # of a dataset without test faces
            continue
        first = first or sort_errors(records)
        tested = tested or records
        seeds.append(run.seed)
        of_faces.append(values_by_face(records))
        scheme, names = records.info.scheme, records.info.names
        known, scores = records.error, _scores(records)
        pooled = {name: score.flatten() for name, score in scores.items()}
        by_face = {name: labelled_mean(score, known) for name, score in scores.items()}
        read.append(
            {
                "discard": {k: v.numpy() for k, v in discard_curve(records).items()},
                "pooled": coverage_curves(known.flatten(), pooled),
                "faces": coverage_curves(known.nanmean(dim=1), by_face),
                "calibration": calibration_curve(records),
                "errors": {
                    "quantiles": error_quantiles(records),
                    "by_landmark": known.nanmean(dim=0).numpy(),
                },
            }
        )
    if first is None or tested is None:
        return None, unread
    subsets = zip(
        ("full", *tested.info.subset_names), with_full(tested.subsets).T.numpy(), strict=True
    )
    each_face = ByFace(
        seeds=tuple(seeds),
        photo=tested.photo,
        group=tested.group or _group_tested_later(cell, tested.photo),
        members=dict(subsets),
        values={keys: np.stack([each[keys] for each in of_faces]) for keys in of_faces[0]},
    )
    mean: dict[str, Any] = {kind: _mean([curves[kind] for curves in read]) for kind in read[0]}
    errors = mean.pop("errors")
    curves = CellCurves(
        cell, len(read), names=names, sorted_errors=first, by_face=each_face, **mean, **errors
    )
    return curves, unread


def _group_tested_later(cell: Cell, photo: tuple[str, ...]) -> tuple[str, ...]:
    """Whom the faces show, of runs that do not say it, from a later evaluation of one of them."""
    for run in cell.runs:
        evaluated = RunFolder(RunFolder(run.path).evaluations / cell.dataset)
        with suppress(OSError, ValueError):
            records = read_records(evaluated.predictions)
            if records.group and records.photo == photo:
                return records.group
    return ()


def _mean(curves: list[Curves]) -> Curves:
    shared = [name for name in curves[0] if all(name in of_run for of_run in curves)]
    return {name: np.mean([of_run[name] for of_run in curves], axis=0) for name in shared}


def _scores(records: Records) -> dict[str, Tensor]:
    """(N, L) signal and static prior over the face's normalizer."""
    primary = records.normalizer[:, :1].double()
    scores = {} if records.signal is None else {"signal": records.signal.double() / primary}
    return {**scores, "prior": records.prior.double() / primary}


def coverage_curves(error: Tensor, scores: Mapping[str, Tensor]) -> dict[str, Array]:
    """Risk-coverage curves: the mean error of the share that each score trusts most.

    Args:
        error: (n,) in percent of the normalizer; entries of NaN are left out.
        scores: (n,) each, high where a high error is expected.

    Returns:
        For each score, for ``random`` (its expectation, the mean) and for ``oracle``: mean errors
        at ``COVERAGES``.
    """
    known = ~error.isnan()
    error, scores = error[known], {name: score[known] for name, score in scores.items()}
    kept = (torch.tensor(COVERAGES) * len(error) / 100).ceil().long().clamp(min=1) - 1
    curves = {
        name: kept_means(error, score)[kept].numpy()
        for name, score in (*scores.items(), ("oracle", error))
    }
    return {**curves, "random": np.full(len(COVERAGES), float(error.mean()))}


def error_quantiles(records: Records) -> Array:
    """The cumulative error distribution (CED) by face: NME in percent at ``CED_SHARES``."""
    nme = records.error.nanmean(dim=1)
    return np.quantile(nme[~nme.isnan()].numpy(), np.array(CED_SHARES) / 100)


def calibration_curve(records: Records) -> dict[str, Array]:
    """The signal against the distance that it predicts, in bins of equally many landmarks.

    Returns:
        (``BINS``,) mean ``signal`` and mean ``distance`` of each bin, in input pixels, by
        ascending signal. Empty for a model without a signal, for a distance that is not known
        here, and for fewer landmarks than bins.
    """
    distance = signal_distance(records.prediction, records.target, records.info.distance)
    known = ~distance.isnan()
    if records.signal is None or int(known.sum()) < BINS:
        return {}
    signal = records.signal[known]
    order = signal.argsort(stable=True)
    bins = {"signal": signal[order], "distance": distance[known][order]}
    return {
        name: np.array([float(part.mean()) for part in values.double().tensor_split(BINS)])
        for name, values in bins.items()
    }


def sort_errors(records: Records) -> SortedErrors:
    """Figure 4: all landmarks' errors ascending with the signal beside them."""
    every = landmark_error(records.prediction, records.target)
    error = every[~every.isnan()]
    order = error.argsort(stable=True)
    signal = None if records.signal is None else records.signal[~every.isnan()]
    return SortedErrors(
        error=_min_max(error[order]),
        signal=None if signal is None else _min_max(signal[order]),
        spearman=float("nan") if signal is None else float(spearman(signal, error)),
        seed=records.info.seed,
    )


def _min_max(values: Tensor) -> Array:
    values = values.double()
    spread = values.max() - values.min()
    return ((values - values.min()) / torch.where(spread > 0, spread, 1.0)).numpy()
