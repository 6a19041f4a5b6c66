"""What was measured on faces apart from the training: how far off a landmark may be.

The signal learns a mean error in the network's input. ``Calibration`` turns it into what people
ask for: the Euclidean error to expect, and a **bound** that the true error keeps with a stated
probability (split-conformal prediction: Lei et al. 2018, *Distribution-free predictive inference
for regression*). All lengths here are pixels of the network's input.

crepes and MAPIE bring split-conformal regression as well, but neither weighs persons equally, and
each brings scikit-learn for what is one weighted quantile.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.boxes import BoxMap

Numbers = NDArray[np.float64]

POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Powers of the signal that a bound may follow."""

LEAST_SIGNAL = 0.1
"""Pixels of the input below which a signal counts as this much."""

USUAL = 0.9
"""Share of the validation landmarks that are kept where nobody says what to discard."""

GRADES = 101


@dataclass(frozen=True)
class Answers:
    """What a network said of N faces with L landmarks, and how far off it was.

    Attributes:
        error: (N, L) Euclidean error; NaN where a landmark is not labelled.
        signal: (N, L) validation signal; None for a network without one.
        group: N names of persons or videos; faces of an empty one stand for themselves.
    """

    error: Numbers
    signal: Numbers | None
    group: Sequence[str]


@dataclass(frozen=True)
class Calibration:
    """From the signal to a predicted error, a bound, and the validity of a face.

    Attributes:
        coverage: Share of landmarks whose true error is within the bound.
        factor: Euclidean error per signal, on the validation faces.
        prior: (L,) mean error of each landmark on the training faces; the predicted error of a
            network without a signal.
        power: The bound follows the signal to this power; 0: it is a constant for each landmark.
        rates: (L,) error per signal**power that ``coverage`` of the training faces keep.
        quantile: Factor on top of ``rates`` that makes the bound right on the validation faces,
            by kind of the box that they are cut around: ``true``, and ``detector`` where they
            have one. Infinite where they are too few.
        constants: (L,) the rival: one bound for each landmark, the same for every face, measured
            likewise; it holds ``coverage`` too.
        usual: Predicted error that ``USUAL`` of the validation landmarks keep.
        grades: (101,) percentiles of the validation faces' mean predicted error, for ``validity``.
        faces: Number of validation faces.
        groups: Number of persons or videos among them.
        detector: The map from a face detector's box to the training crop's; None: not measured.
        found_by: The name of that detector; empty: not known.
        again: The map from the tight box of predicted landmarks to it, for a second pass.
    """

    coverage: float
    factor: float
    prior: tuple[float, ...]
    power: float
    rates: tuple[float, ...]
    quantile: Mapping[str, float]
    constants: tuple[float, ...]
    usual: float
    grades: tuple[float, ...]
    faces: int
    groups: int
    detector: BoxMap | None = None
    found_by: str = ""
    again: BoxMap | None = None

    def predicted_error(self, signal: Numbers | None, faces: int = 1) -> Numbers:
        """(N, L) Euclidean error to expect, of signals (N, L), or of faces without one."""
        if signal is None:
            return np.repeat(np.array([self.prior]), faces, axis=0)
        return self.factor * np.maximum(signal, LEAST_SIGNAL)

    def bound(self, signal: Numbers | None, kind: str = "true", faces: int = 1) -> Numbers:
        """(N, L) bound on the error, of signals (N, L), or of faces without one.

        Args:
            signal: The signals; None: a network without.
            kind: ``true`` or ``detector``, the kind of box; one not measured counts as ``true``.
            faces: N where there is no signal.
        """
        quantile = self.quantile.get(kind, self.quantile["true"])
        bound = quantile * np.asarray(self.rates) * followed(signal, self.power)
        return np.repeat(bound, faces, axis=0) if signal is None else bound

    def validity(self, predicted: Numbers) -> Numbers:
        """(N,) share of validation faces whose mean predicted error is at least that of a face.

        Near 0 the signals say that this is no face, or one unlike all that were trained on; of
        true faces a share of p has a validity of at most p. For predicted errors (N, L).
        """
        below = np.linspace(0, 1, len(self.grades))
        return 1 - np.interp(predicted.mean(axis=1), self.grades, below)

    def to_dict(self) -> dict[str, Any]:
        """The calibration as plain lists, numbers and None, for JSON and checkpoints."""
        told = asdict(self) | {"quantile": dict(self.quantile)}
        for name in ("prior", "rates", "constants", "grades"):
            told[name] = [round(value, 5) for value in told[name]]
        for name in ("detector", "again"):
            each: BoxMap | None = getattr(self, name)
            told[name] = None if each is None else each.to_dict()
        # JSON has no infinity.
        told["quantile"] = {k: v if math.isfinite(v) else None for k, v in self.quantile.items()}
        told["constants"] = [v if math.isfinite(v) else None for v in told["constants"]]
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """A calibration that ``to_dict`` told."""
        content = dict(told)
        content["constants"] = [math.inf if v is None else v for v in told["constants"]]
        for name in ("prior", "rates", "constants", "grades"):
            content[name] = tuple(map(float, content[name]))
        for name in ("detector", "again"):
            content[name] = None if told[name] is None else BoxMap.from_dict(told[name])
        found = told["quantile"]
        content["quantile"] = {k: math.inf if v is None else v for k, v in found.items()}
        return cls(**content)


def trusted(
    calibration: Calibration | None,
    signal: Numbers | None,
    step: Numbers,
    landmarks: int,
    kind: str = "true",
) -> tuple[Numbers, Numbers, NDArray[np.bool_], Numbers]:
    """How far to trust landmarks, in pixels of their photos.

    Args:
        calibration: What was measured; None: nothing, so the signal stands as it is, there is
            neither bound nor validity, and all landmarks are kept.
        signal: (F, L) validation signals, input pixels; None: a network without.
        step: (F, 1) photo pixels in a pixel of the input.
        landmarks: Number of landmarks L.
        kind: As of ``Calibration.bound``.

    Returns:
        (F, L) predicted errors, (F, L) bounds, (F, L) whether each is kept, (F,) validity; NaN
        where nothing was measured.
    """
    faces = len(step)
    if calibration is None:
        shape = (faces, landmarks)
        error = np.full(shape, np.nan) if signal is None else signal * step
        return error, np.full(shape, np.nan), np.ones(shape, np.bool_), np.full(faces, np.nan)
    predicted = calibration.predicted_error(signal, faces)
    bound = calibration.bound(signal, kind, faces)
    kept, validity = predicted <= calibration.usual, calibration.validity(predicted)
    return predicted * step, bound * step, kept, validity


def followed(signal: Numbers | None, power: float) -> Numbers:
    """What a bound follows: the signal (N, L) to a power; (1, 1) a one without signal."""
    return np.ones((1, 1)) if signal is None else np.maximum(signal, LEAST_SIGNAL) ** power


def conformal_quantile(scores: Numbers, group: Sequence[str], coverage: float) -> float:
    """The score that a new face's landmarks keep with a probability of ``coverage``.

    Split-conformal with persons or videos weighted equally, however many faces each has: the
    smallest score that holds ``coverage`` of all weight, that of one new landmark included. It is
    exact where landmarks of new faces are exchangeable with these.

    Args:
        scores: (N, L); NaN ones are left out.
        group: N names of persons or videos; faces of an empty one stand for themselves.
        coverage: Share above 0 and below 1.

    Returns:
        The score; infinite where there are too few.
    """
    names = [name or f"\0{n}" for n, name in enumerate(group)]
    _, member = np.unique(names, return_inverse=True)
    known = np.isfinite(scores)
    landmarks = np.bincount(member, known.sum(axis=1))  # of each group
    weights = np.broadcast_to(1 / np.maximum(landmarks, 1)[member][:, None], scores.shape)[known]
    order = np.argsort(scores[known])
    held = np.cumsum(weights[order])
    if not len(held):
        return math.inf
    needed = coverage * (held[-1] + held[-1] / len(held))
    place = int(np.searchsorted(held, needed * (1 - 1e-12)))
    return float(scores[known][order][place]) if place < len(held) else math.inf


def bound_rates(answers: Answers, coverage: float) -> tuple[float, Numbers]:
    """The power of the signal that a bound follows, and (L,) rates: the narrowest on some faces.

    For each of ``POWERS`` a landmark's rate is the quantile of its error / signal**power; the
    power with the smallest mean bound is taken, 0 where there is no signal.
    """
    best: tuple[float, float, Numbers] | None = None
    for power in POWERS if answers.signal is not None else POWERS[:1]:
        shape = followed(answers.signal, power)
        with np.errstate(invalid="ignore"):
            rates = np.nanquantile(_filled(answers.error) / shape, coverage, axis=0)
        width = float((rates * shape).mean())
        if best is None or width < best[0]:
            best = (width, power, rates)
    assert best is not None
    return best[1], best[2]


def _filled(error: Numbers) -> Numbers:
    """Errors of which a landmark that no face has has those of the others' mean."""
    lost = np.isnan(error).all(axis=0)
    return np.where(lost, np.nanmean(error, axis=1, keepdims=True), error) if lost.any() else error


def measured(
    training: Answers,
    validation: Mapping[str, Answers],
    coverage: float = 0.9,
    detector: BoxMap | None = None,
    again: BoxMap | None = None,
    found_by: str = "",
) -> Calibration:
    """Measures a calibration.

    The bound's shape comes from the training faces, its size from the validation faces alone: so
    no face decides over its own bound.

    Args:
        training: Answers on training faces, of which only ratios count.
        validation: Answers on validation faces, by kind of box: ``true`` and maybe ``detector``.
        coverage: Share of landmarks whose true error the bound shall hold.
        detector: The map from a detector's box.
        again: The map from predicted landmarks.
        found_by: The name of the detector.
    """
    power, rates = bound_rates(training, coverage)
    error, signal = validation["true"].error, validation["true"].signal
    prior = np.nanmean(_filled(training.error), axis=0)
    factor, predicted = 1.0, np.repeat(prior[None], len(error), axis=0)
    if signal is not None:
        floored = np.maximum(signal, LEAST_SIGNAL)
        known = np.isfinite(error)
        factor = float(error[known].sum() / floored[known].sum()) if known.any() else 1.0
        predicted = factor * floored
    quantile = {}
    for kind, answers in validation.items():
        scores = answers.error / (rates * followed(answers.signal, power))
        quantile[kind] = conformal_quantile(scores, answers.group, coverage)
    group = validation["true"].group
    plain = bound_rates(replace(training, signal=None), coverage)[1]
    constants = plain * conformal_quantile(error / plain, group, coverage)
    return Calibration(
        coverage=coverage,
        factor=factor,
        prior=tuple(prior.tolist()),
        power=power,
        rates=tuple(rates.tolist()),
        quantile=quantile,
        constants=tuple(constants.tolist()),
        usual=float(np.quantile(predicted, USUAL)),
        grades=tuple(np.quantile(predicted.mean(axis=1), np.linspace(0, 1, GRADES)).tolist()),
        faces=len(error),
        groups=len({name or str(n) for n, name in enumerate(group)}),
        detector=detector,
        found_by=found_by if detector is not None else "",
        again=again,
    )
