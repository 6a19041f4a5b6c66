"""Doubts about a dataset's faces: pictures and groups that repeat, landmarks that never move."""

import hashlib
from collections.abc import Mapping

import numpy as np

from landmark_lightning.data.face import SPLITS
from landmark_lightning.data.facefile import FaceSplit, shared_groups

FIXED = 0.5
"""A landmark that lies on one spot of the photo in more than this share of the faces is fixed."""


def fixed_landmarks(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Landmarks that lie on one spot of the photo, to a tenth of a pixel, in most faces."""
    places = np.concatenate(
        [
            split.landmarks @ split.to_photo[:, :, :2].swapaxes(1, 2)
            + split.to_photo[:, None, :, 2]
            for split in splits.values()
        ]
    )
    said = []
    for landmark, of_faces in enumerate(places.swapaxes(0, 1)):
        spots = of_faces[~np.isnan(of_faces).any(axis=1)]
        if len(spots) < 2:
            continue
        spot, count = np.unique(spots.round(1), axis=0, return_counts=True)
        share = count.max() / len(spots)
        if share > FIXED:
            x, y = spot[count.argmax()]
            said.append(
                f"landmark {landmark} lies at ({x:g}, {y:g}) of the photo in {100 * share:.0f}% "
                "of the faces"
            )
    return said


def same_pictures(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Faces whose crops are equal to the last bit, within each split and across both."""
    holders: dict[bytes, dict[str, list[int]]] = {}
    for name, split in splits.items():
        for i, image in enumerate(split.images):
            digest = hashlib.blake2b(image.tobytes()).digest()
            holders.setdefault(digest, {s: [] for s in SPLITS})[name].append(i)
    said = []
    for name, split in splits.items():
        twice = [of[name] for of in holders.values() if len(of[name]) > 1]
        if twice:
            first, second = (split.photo[i] for i in twice[0][:2])
            said.append(
                f"{sum(map(len, twice)) - len(twice)} faces of {name} repeat the picture of "
                f"another, such as {second} that of {first}"
            )
    both = [of for of in holders.values() if of["train"] and of["test"]]
    if both:
        shown = (splits[name].photo[both[0][name][0]] for name in ("test", "train"))
        count = sum(len(of["test"]) for of in both)
        said.append(
            f"{count} test faces repeat the picture of a training face, such as "
            f"{' that of '.join(shown)}; the test figures will be too good"
        )
    return said


def same_groups(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Says, in a sentence or none, that groups (persons, videos) stand in both splits."""
    both = shared_groups(splits["train"], splits["test"])
    if not both:
        return []
    return [
        f"{len(both)} groups stand in train and test, such as {both[0]!r}; the test figures will "
        "be too good"
    ]
