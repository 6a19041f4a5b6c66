"""Leaks: test faces that repeat training faces, and groups that stand in both splits."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.facefile import FaceSplit
from landmark_lightning.datasets.photos import THUMBNAIL, thumbnail
from landmark_lightning.datasets.stored_rows import AT_ONCE, blocks
from landmark_lightning.datasets.validation import straddling

SAME_PHOTO = 0.97
"""Photos whose thumbnails correlate by more are likely the same photo: of 30 million pairs of
different photos of faces the most alike have 0.93, photos saved again or resized 0.98 and more."""

SAME_FACE = 0.7
"""Faces of such photos are the same face where the crops correlate by more at 16 x 16."""

LIKELY, SHOWN = 8, 3
PORTION = 2048


def leaks(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Says, in one sentence or none, which test faces repeat the picture of a training face.

    A test face does so where its crop equals the other's to the last bit, or where both photo and
    crop look alike: the photo was saved again, in another size or format, or annotated by somebody
    else. Two photos of one scene are not enough, since the crops must be alike, too.
    """
    train, test = splits["train"], splits["test"]
    pairs = _same_crops(train, test)
    for i, likely in _same_photos(train, test):
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


def _same_photos(train: FaceSplit, test: FaceSplit) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Test faces with the training faces, ``LIKELY`` at most, that may be of the same photo."""
    for start in range(0, len(test), PORTION):
        of_test = _patterns(test.thumbnail[start : start + PORTION])
        found: dict[int, list[tuple[float, int]]] = {}
        for first in range(0, len(train), PORTION):
            likeness = of_test @ _patterns(train.thumbnail[first : first + PORTION]).T
            for row in np.flatnonzero((likeness > SAME_PHOTO).any(axis=1)).tolist():
                places = np.flatnonzero(likeness[row] > SAME_PHOTO)
                more = zip(
                    (-likeness[row, places]).tolist(), (first + places).tolist(), strict=True
                )
                found[row] = sorted([*found.get(row, ()), *more])[:LIKELY]
        for row, likely in sorted(found.items()):
            yield start + row, np.array([place for _, place in likely], np.int64)


def _same_crops(train: FaceSplit, test: FaceSplit) -> dict[int, int]:
    """Test faces whose crops equal those of training faces, which they are given with."""
    known, found = picture_digests(train), picture_digests(test)
    order = known.argsort(kind="stable")
    places = np.searchsorted(known[order], found, side="right") - 1
    same = np.flatnonzero(places >= 0) if len(known) else np.empty(0, np.int64)
    rows = order[places[same]]
    equal = known[rows] == found[same]
    return dict(zip(same[equal].tolist(), rows[equal].tolist(), strict=True))


def picture_digests(split: FaceSplit) -> NDArray[np.bytes_]:
    """(N,) digests of the crops: equal where crops are equal to the last bit."""
    digests = np.empty(len(split), "S16")
    for place, some in enumerate(blocks(split.images)):
        found = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in some]
        digests[AT_ONCE * place : AT_ONCE * place + len(found)] = found
    return digests


def _patterns(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures (N, H, W) as (N, 256): their inner products are correlations at 16 x 16.

    A picture without contrast is 0 and like no other.
    """
    if pictures.shape[1] != THUMBNAIL:
        pictures = np.array([thumbnail(picture) for picture in pictures])
    flat = pictures.astype(np.float32).reshape(len(pictures), THUMBNAIL**2)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length > THUMBNAIL, flat / np.maximum(length, 1), 0)


def same_groups(splits: Mapping[str, FaceSplit]) -> list[str]:
    """Says that groups (persons, videos) stand in both splits, or on both sides of validation."""
    train, messages = splits["train"], []
    in_both = Counter(g for g in train.group if g) & Counter(splits["test"].group)
    if in_both:
        [(most, _)] = in_both.most_common(1)
        messages.append(
            f"{len(in_both)} groups stand in train and test, such as {most!r}; the test figures "
            "will be too good"
        )
    if sentence := straddling(train, train.validation):
        messages.append(sentence)
    return messages
