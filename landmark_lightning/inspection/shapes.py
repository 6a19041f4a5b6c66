"""Shapes: the mean shape, how far each is from it, a face's rough yaw, landmarks mixed up.

A shape is (L,) complex128, x + iy, its mean 0 and its norm 1, so that a product with a complex
number turns and scales it. Shapes that differ by a similarity only are the same; a mirrored one is
another. The closed forms are those of full Procrustes analysis (Dryden and Mardia, Statistical
Shape Analysis). A landmark that is not labelled is NaN; a face is then judged by its others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.stored_rows import blocks
from landmark_lightning.datasets.synthetic.head import Expression, Head, Identity
from landmark_lightning.datasets.synthetic.head_landmarks import landmarks as head_landmarks
from landmark_lightning.schemes import SCHEMES, Scheme

Shapes = NDArray[np.complex128]

YAW_LANDMARKS = {"ibug68": (36, 45, 30), "wflw98": (60, 72, 54), "aflw19": (6, 11, 13)}
"""Outer eye corner on the picture's left, the one on its right, and the nose's tip, by scheme."""

FILLINGS = 5
"""How often ``mean_shape`` puts missing landmarks where the mean so far has them."""

MISPLACED = 0.5
"""A landmark so far from where its mirror partner puts it, in root mean square radii of the mean
shape, is not its partner."""


def shapes(landmarks: NDArray[Any]) -> Shapes:
    """(N, L) shapes of landmarks (N, L, 2) in any pixels; all on one spot gives zeros."""
    points: Shapes = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1]
    return _standard(points, ~np.isnan(points))


def _standard(points: Shapes, labelled: NDArray[np.bool_]) -> Shapes:
    """Points (N, L) moved and scaled so that the labelled ones have mean 0 and norm 1."""
    count = labelled.sum(axis=1, keepdims=True)
    known = np.where(labelled, points, 0)
    known = np.where(labelled, known - known.sum(axis=1, keepdims=True) / np.maximum(count, 1), 0)
    size = np.linalg.norm(known, axis=1, keepdims=True)
    standard: Shapes = np.where(labelled, known / np.where(size > 0, size, 1), np.nan)
    return standard


def mean_shape(faces: Shapes) -> Shapes:
    """The full Procrustes mean (L,) of shapes (N, L), turned as the faces on average are.

    Missing landmarks are put where the mean of the others has them, a few times over; one that no
    face has lies in the middle.
    """
    return _mean_shape(lambda: blocks(faces))


def mean_shape_of(splits: Sequence[NDArray[Any]]) -> Shapes:
    """The ``mean_shape`` of the landmarks (N, L, 2) of splits, in any pixels.

    The shapes are made some at a time: all of them would take a kilobyte a face and more.
    """
    return _mean_shape(lambda: (shapes(some) for split in splits for some in blocks(split)))


def _mean_shape(parts: Callable[[], Iterator[Shapes]]) -> Shapes:
    """The mean shape of all parts; ``parts`` gives them anew."""
    every = 0
    known: Any = 0
    total: Any = 0
    for some in parts():
        labelled = ~np.isnan(some)
        every += len(some)
        known = known + labelled.sum(axis=0)
        total = total + np.where(labelled, some, 0).sum(axis=0)
    if np.all(known == every):
        return _mean(parts())
    mean: Shapes = total / np.maximum(known, 1)
    for _ in range(FILLINGS):
        mean = _mean(_filled(some, mean) for some in parts())
    return mean


def _filled(faces: Shapes, mean: Shapes) -> Shapes:
    """Shapes (N, L) with their missing landmarks where the mean has them."""
    labelled = ~np.isnan(faces)
    known, of_mean = np.where(labelled, faces, 0), np.where(labelled, mean, 0)
    middle = of_mean.sum(axis=1, keepdims=True) / labelled.sum(axis=1, keepdims=True)
    of_mean = np.where(labelled, mean - middle, 0)
    size = (np.abs(of_mean) ** 2).sum(axis=1, keepdims=True)
    turn = (known * of_mean.conj()).sum(axis=1, keepdims=True) / np.where(size > 0, size, 1)
    filled: Shapes = np.where(labelled, faces, turn * (mean - middle))
    return _standard(filled, np.ones_like(labelled))


def _mean(parts: Iterable[Shapes]) -> Shapes:
    products: Any = 0
    total: Any = 0
    for some in parts:
        products = products + some.T @ some.conj()
        total = total + some.sum(axis=0)
    mean: Shapes = np.linalg.eigh(products)[1][:, -1]
    turn = (total * mean.conj()).sum()
    return mean * turn / abs(turn) if turn else mean


def distances(faces: Shapes, mean: Shapes) -> NDArray[np.float64]:
    """Full Procrustes distances (N,) of shapes (N, L) to a shape (L,).

    Between 0 (the same shape) and 1 (nothing in common): what is left of a face of norm 1 after
    the best shift, turn and scale of ``mean`` onto it.
    """
    labelled = ~np.isnan(faces)
    of_mean = _standard(np.broadcast_to(mean, faces.shape), labelled)
    likeness = np.abs(np.where(labelled, faces * of_mean.conj(), 0).sum(axis=1))
    left: NDArray[np.float64] = np.sqrt(np.clip(1 - likeness**2, 0, 1))
    return left


def yaw(landmarks: NDArray[Any], scheme: Scheme) -> NDArray[np.float64] | None:
    """Yaw of faces by a rule of thumb, in degrees; positive looks to the picture's right.

    Along the line of the outer eye corners, the tip of the nose lies ``a`` from the left corner
    and ``b`` from the right one. It stands about half the corners' distance before their line, so
    tan(yaw) = (a - b) / (a + b). Right in order and rough in size: on the rendered heads the error
    is below 1 degree for most faces and some degrees for profiles; a real nose adds its own.

    Args:
        landmarks: (N, L, 2) in any pixels.
        scheme: Their scheme.

    Returns:
        (N,), NaN where one of the three is not labelled; or None for a scheme whose eye corners
        and nose are not known.
    """
    if _built_in(scheme) is None:
        return None
    left, right, nose = np.moveaxis(landmarks[:, list(YAW_LANDMARKS[scheme.name])], 1, 0)
    across = (right - left).astype(np.float64)
    asymmetry = ((2 * nose - left - right) * across).sum(axis=1)  # (a - b) times a + b
    return np.degrees(np.arctan2(asymmetry, (across**2).sum(axis=1)))


def disorder(mean: Shapes, scheme: Scheme) -> list[str]:
    """What the mean shape says against the order of the landmarks, a sentence each.

    A built-in scheme is compared with the rendered head's landmarks: the whole face mirrored or
    turned, and mirror pairs that have changed places. A scheme of one's own is compared with its
    own mirror image, where it has mirror pairs: pairs that are none.
    """
    if _built_in(scheme) is None:
        return _false_pairs(mean, scheme) if scheme.pairs else []
    head = head_landmarks(Head(Identity(), Expression()), scheme.name)
    model = shapes(head[None])[0]
    turn, mirrored = model.conj() @ mean, model @ mean
    if abs(mirrored) > abs(turn):
        return [
            "the mean face is a mirrored one: left and right are exchanged, or x and y, or y is "
            "counted upwards"
        ]
    degrees = float(np.degrees(np.angle(turn)))
    if abs(degrees) > 45:
        return [f"the mean face is turned by {degrees:.0f} degrees"]
    expected = model * turn
    swapped = [
        (i, j)
        for i, j in scheme.pairs
        if abs(mean[i] - expected[j]) + abs(mean[j] - expected[i])
        < abs(mean[i] - expected[i]) + abs(mean[j] - expected[j])
    ]
    return [
        f"landmarks {i} and {j} have changed places: on the mean face each lies nearer to where "
        "the other belongs"
        for i, j in swapped
    ]


def _false_pairs(mean: Shapes, scheme: Scheme) -> list[str]:
    image = mean.conj()[list(scheme.mirror)]
    image = image * (image.conj() @ mean)
    off = np.abs(image - mean) * np.sqrt(len(mean))
    found = {(min(i, j), max(i, j)) for i, j in enumerate(scheme.mirror) if off[i] > MISPLACED}
    return [
        f"landmark {scheme.called(i)} is its own mirror image in scheme {scheme.name}, but not on "
        "the mean shape"
        if i == j
        else f"landmarks {scheme.called(i)} and {scheme.called(j)} are mirror images in scheme "
        f"{scheme.name}, but not on the mean shape"
        for i, j in sorted(found)
    ]


def _built_in(scheme: Scheme) -> Scheme | None:
    """The built-in scheme that a scheme is, whatever it divides errors by; None if it is none."""
    known = SCHEMES.get(scheme.name)
    return known if known is not None and known.mirror == scheme.mirror else None
