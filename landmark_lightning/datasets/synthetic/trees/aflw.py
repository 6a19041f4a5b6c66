"""Writes rendered faces in the layout of AFLW, with the 19 points of Zhu et al.'s protocol.

What the real copy has, this has: boxes as left, right, top, bottom; all x before all y; ``ra``, a
permutation that counts from 1 and whose first 20,000 are train; several faces in a photo, of both
splits; names whose suffix is another on the disk; photos with an EXIF turn, which does not count;
landmarks outside the photo.
"""

import itertools
from dataclasses import replace

import numpy as np

from landmark_lightning.datasets.face import VISIBLE, Face
from landmark_lightning.datasets.synthetic.trees.album import Album, cut_of, shares, sharing
from landmark_lightning.datasets.synthetic.trees.matlab import write_mat

OFFICIAL = {"train": 20000, "test": 4386}
"""Faces by split."""

_FOLDERS = ("0", "2", "3")
_TURNED, _PNG_ON_DISK, _PNG_IN_LIST, _PNG = 3, 4, 5, 6


def write(album: Album, faces: int | None, nested: bool) -> list[Face]:
    """Writes the tree, nested the photos in ``aflw/data/flickr`` instead of ``flickr``.

    The subset of test faces with all landmarks visible is ``frontal``.
    """
    counts = shares(OFFICIAL, faces)
    total = sum(counts.values())
    rng = album.rng("ra")
    ra = rng.permutation(total) + 1
    split_of = np.full(total, "test", dtype=object)
    split_of[ra[: counts["train"]] - 1] = "train"
    numbers = {split: itertools.count() for split in counts}
    rows = [(split, next(numbers[split])) for split in split_of]

    folder = "aflw/data/flickr" if nested else "flickr"
    written: list[Face] = []
    names: list[str] = []
    for order, photo in enumerate(sharing(rows, rng)):
        kind = order if order < 10 else order % 100
        stem = f"{_FOLDERS[order % 3]}/image{2 + order + order // 4:05d}"
        on_disk = "png" if kind in (_PNG_ON_DISK, _PNG) else "jpg"
        names += [f"{stem}.{'png' if kind in (_PNG_IN_LIST, _PNG) else 'jpg'}"] * len(photo)
        cut = "far" if cut_of(order, len(photo), 150) else ""  # A point is never 0 or less.
        path = f"{folder}/{stem}.{on_disk}"
        for rendered in album.save(path, photo, cut=cut, turned=kind == _TURNED):
            row = len(written) + 1
            written.append(_annotated(rendered, f"AFLWinfo_release.mat row {row}"))

    boxes = np.array([face.box for face in written])
    points = np.array([face.landmarks for face in written])
    write_mat(
        album.root / "AFLWinfo_release.mat",
        {
            "bbox": boxes[:, [0, 2, 1, 3]],
            "data": points.transpose(0, 2, 1).reshape(total, -1),
            "mask_new": np.array([face.visible == VISIBLE for face in written]).astype(np.float64),
            "nameList": np.array(names, dtype=object).reshape(total, 1),
            "ra": ra.astype(np.float64).reshape(1, -1),
        },
    )
    return written


def _annotated(rendered: Face, where: str) -> Face:
    """The face with what an annotation gives: a square box of whole pixels."""
    assert rendered.box is not None
    assert rendered.visible is not None
    corner, side = np.round(rendered.box[:2]), np.round(rendered.box[2] - rendered.box[0])
    frontal = rendered.split == "test" and bool((rendered.visible == VISIBLE).all())
    return replace(
        rendered,
        landmarks=np.round(rendered.landmarks, 4),
        where=where,
        subsets=("frontal",) if frontal else (),
        box=np.concatenate([corner, corner + side]),
    )
