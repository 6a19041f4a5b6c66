"""Doubts about a dataset's faces: pictures and groups that repeat, landmarks that never move."""

import hashlib
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.data.facefile import FaceSplit
from landmark_lightning.data.photos import THUMBNAIL, thumbnail
from landmark_lightning.data.validation import straddling
from landmark_lightning.schemes import Scheme

SAME_PHOTO = 0.97
"""Photos whose thumbnails correlate by more are likely the same photo: of 30 million pairs of
different photos of faces the most alike have 0.93, photos saved again or resized 0.98 and more."""

SAME_FACE = 0.7
"""Faces of such photos are the same face where the crops correlate by more at 16 x 16."""

LIKELY, SHOWN = 8, 3
PORTION = 2048

FIXED = 0.5
"""A landmark that lies on one spot of the photo in more than this share of the faces is fixed."""


def fixed_landmarks(splits: Mapping[str, FaceSplit], scheme: Scheme) -> list[str]:
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
                f"landmark {scheme.called(landmark)} lies at ({x:g}, {y:g}) of the photo in "
                f"{100 * share:.0f}% of the faces"
            )
    return said


def same_pictures(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Faces within a split whose crops are equal to the last bit."""
    said = []
    for name, split in splits.items():
        holders: dict[bytes, list[int]] = {}
        for i, digest in enumerate(_digests(split)):
            holders.setdefault(digest, []).append(i)
        if twice := [of for of in holders.values() if len(of) > 1]:
            first, second = (split.photo[i] for i in twice[0][:2])
            said.append(
                f"{sum(map(len, twice)) - len(twice)} faces of {name} repeat the picture of "
                f"another, such as {second} that of {first}"
            )
    return said


def leaks(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Says, in a sentence or none, that test faces show what training faces show.

    A test face does where its crop is equal to the last bit, or where photo and crop look alike:
    the photo was saved again, in another size or format, or annotated by somebody else. A photo
    of the same scene is not enough, for crops must be alike, too.
    """
    train, test = splits["train"], splits["test"]
    known = dict(zip(_digests(train), range(len(train)), strict=True))
    pairs = {i: known[digest] for i, digest in enumerate(_digests(test)) if digest in known}
    patterns, asked = _patterns(train.thumbnail), _patterns(test.thumbnail)
    for start in range(0, len(test), PORTION):
        likeness = asked[start : start + PORTION] @ patterns.T
        for row in np.flatnonzero((likeness > SAME_PHOTO).any(axis=1)):
            i, like = start + int(row), likeness[row]
            likely = np.argsort(-like, kind="stable")[:LIKELY]
            likely = likely[like[likely] > SAME_PHOTO]
            crops = _patterns(np.concatenate([test.images[i : i + 1], train.images[likely]]))
            alike = crops[1:] @ crops[0]
            if alike.max() > SAME_FACE:
                pairs.setdefault(i, int(likely[alike.argmax()]))
    if not pairs:
        return []
    shown = [f"{test.photo[i]} that of {train.photo[pairs[i]]}" for i in sorted(pairs)[:SHOWN]]
    return [
        f"{len(pairs)} test faces repeat the picture of a training face, such as "
        f"{', '.join(shown)}; the test figures will be too good"
    ]


def _digests(split: FaceSplit) -> list[bytes]:
    return [hashlib.blake2b(image.tobytes()).digest() for image in split.images]


def _patterns(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures (N, H, W) as (N, 256): their inner products are correlations at 16 x 16.

    A picture without contrast is 0 and like no other.
    """
    small = [p if len(p) == THUMBNAIL else thumbnail(p) for p in pictures]
    flat = np.array(small, np.float32).reshape(len(pictures), THUMBNAIL**2)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length > THUMBNAIL, flat / np.maximum(length, 1), 0)


def same_groups(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Says that groups (persons, videos) stand in both splits, or on both sides of validation."""
    said = []
    if both := shared_groups(splits["train"], splits["test"]):
        said.append(
            f"{len(both)} groups stand in train and test, such as {both[0]!r}; the test figures "
            "will be too good"
        )
    train = splits["train"]
    if sentence := straddling(train, train.validation):
        said.append(sentence)
    return said


def shared_groups(train: FaceSplit, test: FaceSplit) -> list[str]:
    """Groups (persons, videos) that stand in both splits, the most frequent first."""
    both = Counter(g for g in train.group if g) & Counter(g for g in test.group if g)
    return [group for group, _ in both.most_common()]
