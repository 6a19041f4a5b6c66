"""Writes rendered faces in the layout of WFLW.

What the real copy has, this has: 207 tokens a line; several faces in a photo, their lines apart;
landmarks outside the photo; boxes that cut the face; test subsets of the reported sizes.
"""

from dataclasses import replace

import numpy as np

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.synthetic.faces import ATTRIBUTES
from landmark_lightning.datasets.synthetic.trees.album import Album, cut_of, shares, sharing

OFFICIAL = {"train": 7500, "test": 2500}
"""Faces by split."""

SUBSETS = dict(zip(ATTRIBUTES, (326, 314, 698, 206, 736, 773), strict=True))
"""Test faces by subset."""

_EVENTS = ("0--Parade", "1--Handshaking", "12--Group", "37--Soccer", "51--Dresses")


def write(album: Album, faces: int | None, nested: bool) -> list[Face]:
    """Writes the tree, nested the lists in ``WFLW_annotations/WFLW_annotations``.

    The faces are in the order of the lists, train first; ``box`` is the list's.
    """
    folder = "WFLW_annotations/WFLW_annotations" if nested else "WFLW_annotations"
    folder += "/list_98pt_rect_attr_train_test"
    (album.root / folder).mkdir(parents=True)
    written = []
    for split, count in shares(OFFICIAL, faces).items():
        rng = album.rng(split)
        rendered: list[Face] = []
        for order, photo in enumerate(sharing([(split, i) for i in range(count)], rng)):
            event = _EVENTS[order % len(_EVENTS)]
            name = f"{event.replace('--', '_')}_{event.split('--')[1].lower()}_{split}"
            path = f"WFLW_images/{event}/{name}_{order // 1000}_{order}.jpg"
            rendered += album.save(path, photo, cut=cut_of(order, len(photo), 340))
        if split == "test":
            rendered = _flagged(rendered)
        text = f"{folder}/list_98pt_rect_attr_{split}.txt"
        listed = [
            _annotated(rendered[i], f"{text} line {line}")
            for line, i in enumerate(rng.permutation(count), start=1)
        ]
        (album.root / text).write_text("".join(_line(face) for face in listed))
        written += listed
    return written


def _flagged(faces: list[Face]) -> list[Face]:
    """The faces with attributes as frequent as in the official test set."""
    flags = np.array([[name in face.subsets for name in ATTRIBUTES] for face in faces])
    for column, name in enumerate(ATTRIBUTES):
        count = max(1, round(SUBSETS[name] * len(faces) / OFFICIAL["test"]))
        first = np.argsort(~flags[:, column], kind="stable")  # Those that have it, if enough do.
        flags[:, column] = False
        flags[first[:count], column] = True
    return [
        replace(face, subsets=tuple(np.array(ATTRIBUTES)[of_face].tolist()))
        for face, of_face in zip(faces, flags, strict=True)
    ]


def _annotated(rendered: Face, where: str) -> Face:
    """The face with what its line gives: six decimals, and a box that cuts the chin."""
    landmarks = np.round(rendered.landmarks, 6)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    size = high - low
    box = np.round([*(low + 0.03 * size), *(high - [0.03, 0.08] * size)])
    return replace(
        rendered,
        landmarks=landmarks,
        where=where,
        subsets=rendered.subsets or ("no_challenge",),
        box=box,
    )


def _line(face: Face) -> str:
    assert face.box is not None
    tokens = [f"{value:.6f}" for value in face.landmarks.ravel()]
    tokens += [str(int(value)) for value in face.box]
    tokens += [str(int(name in face.subsets)) for name in ATTRIBUTES]
    return " ".join([*tokens, face.photo.removeprefix("WFLW_images/")]) + "\n"
