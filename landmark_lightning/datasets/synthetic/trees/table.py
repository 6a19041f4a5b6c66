"""Writes rendered faces in the layout of your own data: photos and landmarks.csv.

As tables of other programs have them: a byte order mark, CRLF, columns in another order, a row
without a box, a blank line at the end; suffixes in upper case, a name with a blank, several faces
in a photo, landmarks outside the photo.
"""

import csv
from dataclasses import replace

import numpy as np

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.synthetic.trees.album import Album, cut_of, shares, sharing

OFFICIAL = {"train": 800, "test": 200}
"""Faces by split; this layout has no official counts."""

_SUFFIXES = ("jpg", "png", "JPG", "jpeg")


def write(album: Album, faces: int | None, nested: bool) -> list[Face]:
    """Writes the tree, nested the photos in a folder for each split."""
    written: list[Face] = []
    for split, count in shares(OFFICIAL, faces).items():
        photos = sharing([(split, i) for i in range(count)], album.rng(split))
        for order, photo in enumerate(photos):
            name = f"{split} {order:04d}.{_SUFFIXES[order % len(_SUFFIXES)]}"
            path = f"{split}/photos/{name}" if nested else name
            for rendered in album.save(path, photo, cut=cut_of(order, len(photo), 150)):
                line = len(written) + 2
                written.append(_annotated(rendered, f"landmarks.csv line {line}", line))
    columns = [f"{axis}{i}" for i in range(len(written[0].landmarks)) for axis in "xy"]
    boxes = ["box_x0", "box_y0", "box_x1", "box_y1"]
    with (album.root / "landmarks.csv").open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["split", "image", "group", *boxes, "subset", *columns])
        for face in written:
            box = [""] * 4 if face.box is None else [f"{value:.3f}" for value in face.box]
            points = [f"{value:.4f}" for value in face.landmarks.ravel()]
            subsets = ";".join(face.subsets)
            table.writerow([face.split, face.photo, face.group, *box, subsets, *points])
        file.write("\r\n")
    return written


def _annotated(rendered: Face, where: str, line: int) -> Face:
    """The face as its row gives it; one row in ten has no box."""
    assert rendered.box is not None
    return replace(
        rendered,
        landmarks=np.round(rendered.landmarks, 4),
        where=where,
        group=f"{rendered.split} person {line // 3}",
        box=None if line % 10 == 4 else np.round(rendered.box, 3),
        visible=None,
    )
