"""Orientation: whether coordinates are of the photos as EXIF turns them, or as they are stored."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.photos import photo_path, read_header
from landmark_lightning.datasets.preparation.cropping import FAR_OUTSIDE
from landmark_lightning.errors import UserError

PICTURES = ("upright", "stored")

CLEARLY = 0.05
"""Landmarks fit one picture better where they reach out of it less far than out of the other, by
more than this share of the photo's longer side."""


def find_orientation(
    faces: Iterable[Face | Rejection], root: Path, workers: int = 1
) -> tuple[str, str] | None:
    """Finds out which picture the coordinates are of, by where the landmarks lie.

    Only a photo that EXIF turns by a quarter, and that is no square, can tell: its landmarks fit
    into the upright picture and not into the stored one, or the other way about. Photos are
    opened, not decoded.

    Args:
        faces: The faces; those without a photo on the disk are passed over.
        root: Folder of the photos.
        workers: Threads that open photos.

    Returns:
        ``apply`` or ``ignore``, as dataset.exif has it, and a sentence that says why; None where
        EXIF turns no photo.

    Raises:
        UserError: EXIF turns photos, and none of them can tell, or they contradict each other; the
            settings that decide it are named.
    """
    landmarks: dict[str, list[NDArray[np.float64]]] = {}
    for face in faces:
        if isinstance(face, Face) and face.image is None:
            landmarks.setdefault(face.photo, []).append(face.landmarks)

    def fitting(photo: str) -> str:
        return _fitting(root, photo, np.concatenate(landmarks[photo]))

    with ThreadPoolExecutor(workers, "orientation") as pool:
        shown = tqdm(landmarks, "looking for EXIF turns", unit="photo", mininterval=1.0, delay=1.0)
        found = dict(zip(shown, pool.map(fitting, landmarks), strict=True))
    return _decided({photo: fits for photo, fits in found.items() if fits})


def _fitting(root: Path, photo: str, landmarks: NDArray[np.float64]) -> str:
    """Which of ``PICTURES`` landmarks (P, 2) fit, or ``both``; empty if EXIF turns nothing."""
    try:
        header = read_header(photo_path(root, photo))
    except ValueError:
        header = None
    if header is None or header.orientation == 1:
        return ""
    stored = np.array([header.width, header.height])
    upright = stored[::-1] if header.orientation >= 5 else stored
    excess = {}
    for name, size in zip(PICTURES, (upright, stored), strict=True):
        outside = np.maximum(-landmarks, landmarks - (size - 1)) / size.max()
        excess[name] = max(float(np.nanmax(outside, initial=0.0)), 0.0)
    best = min(excess, key=excess.__getitem__)
    told = max(excess.values()) - excess[best] > CLEARLY and excess[best] <= FAR_OUTSIDE
    return best if told else "both"


def _decided(fitting: Mapping[str, str]) -> tuple[str, str] | None:
    """What the photos that EXIF turns say together."""
    if not fitting:
        return None
    upright, stored = ([p for p, fits in fitting.items() if fits == kind] for kind in PICTURES)
    turned = f"EXIF turns {len(fitting)} photos, such as {next(iter(fitting))!r}"
    if not upright and not stored:
        why = "the landmarks fit the upright pictures as well as the stored ones"
    elif upright and stored:
        why = (
            f"the landmarks of {len(upright)}, such as {upright[0]!r}, fit the upright picture "
            f"alone, those of {len(stored)}, such as {stored[0]!r}, the stored one"
        )
    elif upright:
        why = f"the landmarks of {len(upright)} fit the upright picture alone, of none the stored"
        return "apply", f"{turned}; {why}: they are turned (dataset.exif=apply)"
    else:
        why = f"the landmarks of {len(stored)} fit the stored picture alone, of none the upright"
        return "ignore", f"{turned}; {why}: none is turned (dataset.exif=ignore)"
    raise UserError(
        f"{turned}, and {why}; pass dataset.exif=apply if the coordinates are of the upright "
        "pictures, as viewers show them, or dataset.exif=ignore if of the pixels as stored"
    )
