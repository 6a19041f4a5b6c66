"""Which landmarks are kept: a share of each face, or up to a predicted error or a bound."""

from dataclasses import dataclass, replace

import numpy as np

from landmark_lightning.errors import UserError
from landmark_lightning.inference.detector import Landmarks, Numbers


@dataclass(frozen=True)
class Keeping:
    """What is asked for; at most one of the three, as the command line writes them.

    Attributes:
        discard: Such as ``30%``: that share of each face's landmarks, those of the largest
            predicted error, is not kept; halves are rounded up.
        max_error: Such as ``4px``, or ``3%`` of the longer side of the face's box: the largest
            predicted error that is kept.
        max_bound: The same for the bound.

    Raises:
        UserError: More than one is given.
    """

    discard: str | None = None
    max_error: str | None = None
    max_bound: str | None = None

    def __post_init__(self) -> None:
        given = [f"{n}={v}" for n, v in vars(self).items() if v is not None]
        if len(given) > 1:
            raise UserError(f"{' and '.join(given)} exclude each other; give one of them")

    def __call__(self, faces: Landmarks) -> Landmarks:
        """The faces with ``kept`` as it is asked for; where nothing is, as they are.

        Raises:
            UserError: A bound is asked for, and none was measured.
        """
        if self.discard is not None:
            count = int(_number(self.discard) / 100 * faces.points.shape[1] + 0.5)
            rank = np.argsort(np.argsort(-faces.predicted_error, axis=1, kind="stable"), axis=1)
            return replace(faces, kept=rank >= count)
        if self.max_error is not None:
            return replace(faces, kept=faces.predicted_error <= _length(self.max_error, faces))
        if self.max_bound is not None:
            if len(faces) and not np.isfinite(faces.bound).any():
                raise UserError(
                    f"max_bound={self.max_bound}: no bound was measured for this network; "
                    "landmark-calibrate run=... does that, with at least a few dozen faces"
                )
            return replace(faces, kept=faces.bound <= _length(self.max_bound, faces))
        return faces


def _number(text: str) -> float:
    return float(text.rstrip("%px"))


def _length(text: str, faces: Landmarks) -> Numbers:
    """A length in photo pixels, for each face (F, 1)."""
    if text.endswith("px"):
        return np.full((len(faces), 1), _number(text))
    return _number(text) / 100 * (faces.box[:, 2:3] - faces.box[:, :1])
