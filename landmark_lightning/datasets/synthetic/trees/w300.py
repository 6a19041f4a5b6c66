"""Writes rendered faces in the layout of 300W: the ibug zips and bounding_boxes.zip.

What real copies have, these have: .pts files with one or two blanks in the header, ``version:
1.0``, CRLF, trailing blanks and a blank last line; suffixes in upper case (the box files keep
them lower); gaps in LFPW's numbers; a name with a blank; mirrored copies that others' scripts
left; the boxes of iBUG followed by outdated ones of AFW; landmarks outside the photo. Points and
boxes count pixels from 1.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.synthetic.trees.album import Album, cut_of, shares
from landmark_lightning.datasets.synthetic.trees.matlab import write_mat

OFFICIAL = {
    "afw": 337,
    "helen/trainset": 2000,
    "helen/testset": 330,
    "lfpw/trainset": 811,
    "lfpw/testset": 224,
    "ibug": 135,
}
"""Faces by folder."""

_SUBSETS = {"helen/testset": "common", "lfpw/testset": "common", "ibug": "challenging"}
_OUTDATED = 202  # AFW's boxes in the file of iBUG's.
_XM2VTS = 2360  # Boxes of photos that are not among the zips.


def write(album: Album, faces: int | None, nested: bool) -> list[Face]:
    """Writes the tree; ``box`` and ``detector`` of the faces are those of the box files.

    Nested, the folder of boxes has a blank in its name, and iBUG's file has none but in its box's.
    """
    counts = shares(OFFICIAL, faces)
    boxes_folder = album.root / ("Bounding Boxes" if nested else "Bounding_Boxes")
    written: list[Face] = []
    afw: list[tuple[str, Face]] = []
    for folder, count in counts.items():
        split = "test" if folder in _SUBSETS else "train"
        before = sum(face.split == split for face in written)
        listed: list[tuple[str, Face]] = []
        for number in range(count):
            stem = _stem(folder, number)
            suffix = "png" if folder.startswith("lfpw") else "jpg"
            on_disk = stem.replace(" ", "") if nested else stem
            photo = f"{folder}/{on_disk}.{suffix.upper() if number % 6 == 1 else suffix}"
            order = len(written)
            (rendered,) = album.save(photo, [(split, before + number)], cut=cut_of(order, 1, 150))
            landmarks = np.round(rendered.landmarks + 1, 3) - 1
            tight = np.concatenate([landmarks.min(axis=0), landmarks.max(axis=0)])
            points = f"{folder}/{on_disk}.{'PTS' if number % 8 == 6 else 'pts'}"
            (album.root / points).write_bytes(_pts(landmarks + 1, order))
            face = replace(
                rendered,
                landmarks=landmarks,
                where=points,
                subsets=(_SUBSETS[folder],) if split == "test" else (),
                box=tight,
                detector=_detected(tight, album.rng(points)),
            )
            written.append(face)
            listed.append((f"{stem}.{suffix}", face))
        _leave_mirrored(album, listed[0][1])
        listed = [listed[i] for i in album.rng(folder).permutation(count)]
        if folder == "afw":
            afw = listed
        outdated = afw[: round(count * _OUTDATED / OFFICIAL["ibug"])] if folder == "ibug" else []
        content = [_entry(name, face, 0.0) for name, face in listed]
        content += [_entry(name, face, 7.0) for name, face in outdated]
        name = f"bounding_boxes_{folder.replace('/', '_')}.mat"
        write_mat(boxes_folder / name, {"bounding_boxes": np.array([content])})
    others = max(1, round(_XM2VTS * len(written) / sum(OFFICIAL.values())))
    content = [_entry(f"{i // 8:03d}_{i % 8}_1.ppm", written[0], 0.0) for i in range(others)]
    name = "bounding_boxes_xm2vts.mat"
    write_mat(boxes_folder / name, {"bounding_boxes": np.array([content])})
    return written


def _stem(folder: str, number: int) -> str:
    """The name of a folder's photo, without its suffix."""
    if folder == "afw":
        return f"{1130084326 + 7919 * number}_{1 + number % 2}"
    if folder.startswith("helen"):
        return f"{100032540 + 104729 * number}_1"
    if folder.startswith("lfpw"):
        return f"image_{1 + number + number // 13 + (number > 0):04d}"
    if number == 0:
        return "image_092 _01"
    return f"image_{3 + number + number // 9:03d}_1"


def _pts(points: NDArray[np.float64], order: int) -> bytes:
    """A .pts file of points that count from 1; ``order`` chooses how it looks."""
    blank = " " if order % 4 == 1 else ""
    lines = [
        f"version: {'1.0' if order % 5 == 2 else '1'}",
        f"n_points: {' ' if order % 2 == 0 else ''}{len(points)}",
        "{",
        *(f"{x:.3f} {y:.3f}{blank}" for x, y in points),
        f"}}{blank}",
    ]
    end = "\r\n" if order % 3 == 1 else "\n"
    text = end.join(lines) + end
    return (text + end if order % 4 == 3 else text).encode()


def _detected(tight: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A detector's box: smaller than that of the landmarks, and a little beside it."""
    size = tight[2:] - tight[:2]
    middle = (tight[:2] + tight[2:]) / 2 + rng.uniform(-0.04, 0.04, 2) * size
    half = rng.uniform(0.38, 0.46) * size
    return np.round(np.concatenate([middle - half, middle + half]), 4)


def _entry(name: str, face: Face, off: float) -> dict[str, object]:
    """One entry of a box file, ``off`` pixels beside the truth."""
    assert face.box is not None
    assert face.detector is not None
    return {
        "imgName": name,
        "bb_detector": face.detector.reshape(1, 4) + 1 + off,
        "bb_ground_truth": face.box.reshape(1, 4) + 1 + off,
    }


def _leave_mirrored(album: Album, face: Face) -> None:
    """Writes what others' scripts leave behind; a reader skips it."""
    stem, suffix = face.photo.rsplit(".", 1)
    source = (album.root / face.photo).read_bytes()
    (album.root / f"{stem}_mirror.{suffix}").write_bytes(source)
    mirrored = face.landmarks * [-1, 1] + [album.size[0], 1]
    (album.root / f"{stem}_mirror.pts").write_bytes(_pts(mirrored, 0))
