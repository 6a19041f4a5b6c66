"""What each test face adds to the figures that are means over faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.metrics.discarding import DISCARD_PERCENTS
from landmark_lightning.metrics.nme import (
    COVERED,
    THRESHOLDS,
    VISIBLE,
    normalized_mean_error,
    visible_mean_error,
)
from landmark_lightning.runs.figures import discard_by_face
from landmark_lightning.runs.predictions import Records

Array = NDArray[np.float64]
Keys = tuple[str, ...]


@dataclass(frozen=True)
class ByFace:
    """What each test face adds to the figures of S runs that differ in their seed alone.

    Attributes:
        seeds: Those of the runs.
        photo: N names of the faces' photos.
        group: N names of the persons or videos that they show; () where they are not known.
        members: (N,) membership by subset, ``full`` among them.
        values: (S, N) by the keys that the figure has below a subset in metrics.json; NaN for a
            face that does not count in it.
    """

    seeds: tuple[int, ...]
    photo: tuple[str, ...]
    group: tuple[str, ...]
    members: Mapping[str, NDArray[np.bool_]]
    values: Mapping[Keys, Array]

    def of(self, keys: Sequence[str]) -> Array | None:
        """(S, N) whose mean over faces is the figure that metrics.json has under ``keys``.

        Args:
            keys: Such as ``("subsets", "full", "nme")``.

        Returns:
            NaN for faces of other subsets; None for what is no mean over faces.
        """
        if len(keys) < 3 or keys[0] != "subsets" or keys[1] not in self.members:
            return None
        values = self.values.get(tuple(keys[2:]))
        return None if values is None else np.where(self.members[keys[1]], values, np.nan)


def values_by_face(records: Records) -> dict[Keys, Array]:
    """(N,) what each face adds to its figures, by their keys below a subset in metrics.json."""
    prediction, target = records.prediction.double(), records.target.double()
    lengths = dict(zip(records.info.normalizers, records.normalizer.double().T, strict=True))
    covers = (records.visible == COVERED).any()
    unseen = ~((records.visible == VISIBLE).any(dim=1) & covers)
    found = {}
    for name, length in lengths.items():
        found["nme_by", name] = normalized_mean_error(prediction, target, length)
        visible = visible_mean_error(prediction, target, length, records.visible)
        found["nme_visible_by", name] = visible.masked_fill(unseen, np.nan)
    nme = found["nme_by", records.info.normalizers[0]]
    figures: dict[Keys, Array] = {("nme",): nme.numpy()}
    for threshold in THRESHOLDS:
        limit = 100 * threshold
        failed = (nme > limit).double().masked_fill(nme.isnan(), np.nan)
        figures[(f"fr_{threshold:.2f}",)] = (100 * failed).numpy()
        figures[(f"auc_{threshold:.2f}",)] = (1 - nme / limit).clamp(min=0).numpy()
    discarded = discard_by_face(records, DISCARD_PERCENTS)
    discarded.setdefault("signal", discarded["random"])
    for by, errors in discarded.items():
        key = "discard" if by == "signal" else f"discard_{by}"
        for percent, of_faces in zip(DISCARD_PERCENTS, errors.T, strict=True):
            figures[key, str(percent)] = of_faces.numpy()
    return figures | {keys: values.numpy() for keys, values in found.items()}
