"""Problems of a dataset's faces: landmarks that never move, pictures that repeat."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.facefile import FaceSplit
from landmark_lightning.datasets.preparation.leaks import picture_digests
from landmark_lightning.schemes import Scheme

FIXED = 0.5
"""A landmark that lies on one spot of the photo in more than this share of the faces is fixed."""


def fixed_landmarks(splits: Mapping[str, FaceSplit], scheme: Scheme) -> list[str]:
    """Landmarks that lie on one spot of the photo, to a tenth of a pixel, in most faces."""
    messages = []
    for landmark in range(scheme.landmarks):
        of_faces = np.concatenate([_in_photo(split, landmark) for split in splits.values()])
        spots = of_faces[~np.isnan(of_faces).any(axis=1)]
        if len(spots) < 2:
            continue
        spot, count = np.unique(spots.round(1), axis=0, return_counts=True)
        share = count.max() / len(spots)
        if share > FIXED:
            x, y = spot[count.argmax()]
            messages.append(
                f"landmark {scheme.called(landmark)} lies at ({x:g}, {y:g}) of the photo in "
                f"{100 * share:.0f}% of the faces"
            )
    return messages


def _in_photo(split: FaceSplit, landmark: int) -> NDArray[np.float32]:
    """(N, 2) a landmark of each face in pixels of its photo."""
    points: NDArray[np.float32] = split.landmarks[:, landmark]
    turned = (split.to_photo[:, :, :2] @ points[:, :, None])[..., 0]
    placed: NDArray[np.float32] = turned + split.to_photo[:, :, 2]
    return placed


def same_pictures(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Faces within a split whose crops are equal to the last bit."""
    messages = []
    for name, split in splits.items():
        digests = picture_digests(split)
        order = digests.argsort(kind="stable")
        repeats = np.flatnonzero(digests[order[1:]] == digests[order[:-1]])
        if len(repeats):
            earliest = repeats[order[repeats].argmin()]
            first, second = (split.photo[i] for i in order[earliest : earliest + 2])
            messages.append(
                f"{len(repeats)} faces of {name} repeat the picture of another, such as {second} "
                f"that of {first}"
            )
    return messages
