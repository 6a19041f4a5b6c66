"""Writes the same faces in each format of one's own data, as its program does."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from landmark_lightning.datasets.face import Face

NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def faces(train: int = 4, test: int = 2, missing: bool = True, side: int = 40) -> list[Face]:
    """Faces of five landmarks on whole pixels; every third lacks one, the rest are visible."""
    rng = np.random.default_rng(0)
    found = []
    for split, count in (("train", train), ("test", test)):
        for i in range(count):
            points = np.array([[8, 9], [30, 10], [19, 20], [11, 30], [28, 31]], dtype=float)
            points += rng.integers(-3, 4, points.shape)
            visible = None
            if missing and i % 3 == 1:
                points[i % 5] = np.nan
                visible = np.where(np.arange(5) == i % 5, 0, 2).astype(np.uint8)
            box = np.concatenate([np.nanmin(points, axis=0), np.nanmax(points, axis=0)])
            image = rng.integers(0, 256, (side, side), dtype=np.uint8)
            found.append(
                Face(
                    photo=f"{split}/face {i:02d}.png",
                    split=split,
                    landmarks=points,
                    where="",
                    box=box,
                    visible=visible,
                    image=image,
                )
            )
    return found


def _photos(root: Path, faces: Sequence[Face]) -> None:
    for face in faces:
        assert face.image is not None
        (root / face.photo).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(face.image).save(root / face.photo)


def _cells(face: Face, blank: str = "") -> list[str]:
    return [blank if np.isnan(value) else f"{value:g}" for value in face.landmarks.ravel()]


def table(root: Path, faces: Sequence[Face]) -> dict[str, Any]:
    """One table of both splits."""
    _photos(root, faces)
    heading = ["image", "split", *(f"{axis}{i}" for i in range(5) for axis in "xy")]
    heading += ["box_x0", "box_y0", "box_x1", "box_y1"]
    rows = [heading]
    for face in faces:
        assert face.box is not None
        rows.append([face.photo, face.split, *_cells(face), *(f"{v:g}" for v in face.box)])
    (root / "landmarks.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    return {}


def coco(root: Path, faces: Sequence[Face], names: Sequence[str] = NAMES) -> dict[str, Any]:
    """A JSON for each split in annotations/, as COCO and CVAT lay it out."""
    _photos(root, faces)
    (root / "annotations").mkdir()
    settings = {}
    for split in ("train", "test"):
        images, annotations = [], []
        for i, face in enumerate(face for face in faces if face.split == split):
            assert face.box is not None
            images.append({"id": 7 + i, "file_name": Path(face.photo).name, "width": 40})
            known = ~np.isnan(face.landmarks[:, :1])
            points = np.hstack([np.nan_to_num(face.landmarks), 2 * known]).ravel().tolist()
            x, y, right, bottom = face.box.tolist()
            box = [x, y, right - x, bottom - y]
            annotations.append(
                {"id": i, "image_id": 7 + i, "category_id": 1, "keypoints": points, "bbox": box}
            )
        categories = [{"id": 1, "name": "face", "keypoints": list(names), "skeleton": []}]
        content = {"images": images, "categories": categories, "annotations": annotations}
        settings[split] = f"annotations/person_keypoints_{split}.json"
        (root / settings[split]).write_text(json.dumps(content))
    return settings


def dlib(root: Path, faces: Sequence[Face]) -> dict[str, Any]:
    """An XML for each split, as imglab writes it."""
    _photos(root, faces)
    settings = {}
    for split in ("train", "test"):
        lines = ["<?xml version='1.0' encoding='ISO-8859-1'?>"]
        lines += ["<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>"]
        lines += ["<dataset>", "<name>faces</name>", "<images>"]
        for face in faces:
            if face.split != split:
                continue
            assert face.box is not None
            left, top, right, bottom = face.box.astype(int).tolist()
            lines.append(f"  <image file='{face.photo}'>")
            lines.append(
                f"    <box top='{top}' left='{left}' width='{right - left + 1}' "
                f"height='{bottom - top + 1}'>"
            )
            for i, (x, y) in enumerate(face.landmarks):
                if not np.isnan(x):
                    lines.append(f"      <part name='{i:02d}' x='{x:g}' y='{y:g}'/>")
            lines += ["    </box>", "  </image>"]
        lines += ["</images>", "</dataset>"]
        settings[split] = f"{split}.xml"
        (root / settings[split]).write_text("\n".join(lines) + "\n")
    return settings


def pts(root: Path, faces: Sequence[Face]) -> dict[str, Any]:
    """A .pts beside each photo, counted from 1."""
    _photos(root, faces)
    for face in faces:
        rows = "".join(f"{x:g} {y:g}\n" for x, y in face.landmarks + 1)
        text = f"version: 1\nn_points:  5\n{{\n{rows}}}\n"
        (root / face.photo).with_suffix(".pts").write_text(text)
    return {"train": "train", "test": "test"}


def dlc(root: Path, faces: Sequence[Face], names: Sequence[str] = NAMES) -> dict[str, Any]:
    """A CSV for each split, as lightning-pose has them."""
    _photos(root, faces)
    settings = {}
    for split in ("train", "test"):
        rows = [["scorer", *["ann"] * 10]]
        rows += [["bodyparts", *(name for name in names for _ in "xy")]]
        rows += [["coords", *"xy" * 5]]
        rows += [[face.photo, *_cells(face)] for face in faces if face.split == split]
        settings[split] = f"CollectedData_{split}.csv"
        (root / settings[split]).write_text("".join(",".join(row) + "\n" for row in rows))
    return settings


FORMS: dict[str, Callable[..., dict[str, Any]]] = {
    "table": table,
    "coco": coco,
    "dlib": dlib,
    "pts": pts,
    "dlc": dlc,
}
"""A writer by the format's name; it returns the settings of dataset.source."""
