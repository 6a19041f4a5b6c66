"""Faces written in an official layout, read and prepared, are the faces that were written."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landmark_lightning.datasets.face import SPLITS, Face, Rejection
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.datasets.sources import aflw, own, w300, wflw
from landmark_lightning.datasets.synthetic.trees.write import write_layout
from landmark_lightning.geometry import apply_affine
from landmark_lightning.schemes import SCHEMES
from tests.datasets.synthetic.trees.conftest import FACES

READERS: dict[str, tuple[str, Callable[..., Iterable[Face | Rejection]], dict[str, Any]]] = {
    "300w": ("ibug68", w300.read, {}),
    "aflw": ("aflw19", aflw.read, {}),
    "wflw": ("wflw98", wflw.read, {}),
    "table": ("ibug68", own.read, {}),
}
BOXES = [
    ("300w", "landmarks"),
    ("300w", "provided"),
    ("300w", "detector"),
    ("aflw", "landmarks"),
    ("aflw", "provided"),
    ("wflw", "landmarks"),
    ("wflw", "provided"),
    ("table", "landmarks"),
]


@dataclass
class Copy:
    """A tree, the faces written into it, and those read from it."""

    layout: str
    root: Path
    written: dict[str, Face]
    read: list[Face]

    def prepare(self, path: Path, boxes: str) -> FaceFile:
        scheme = SCHEMES[READERS[self.layout][0]]
        prepare(
            iter(self.read),
            path,
            name=self.layout,
            root=self.root,
            scheme=scheme,
            normalizer="box",
            crop=CropRule(boxes=boxes, side=64),
        )
        return FaceFile.open(path)


@pytest.fixture(
    scope="module",
    params=[(layout, nested) for layout in FACES for nested in (False, True)],
    ids=lambda param: param[0] + ("-nested" if param[1] else ""),
)
def copy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    layout, nested = request.param
    # The root's name is that of a folder inside, as in /data/ibug/300w or /data/flickr.
    root = tmp_path_factory.mktemp("helen_ibug_testset") / "flickr"
    written = write_layout(
        root, layout, faces=FACES[layout], photo=96, distinct=20, nested=nested, progress=False
    )
    scheme, reader, options = READERS[layout]
    read = list(reader(root, SCHEMES[scheme], **options))
    for face in read:
        assert isinstance(face, Face), face
    return Copy(
        layout,
        root,
        {f"{root}/{face.where}": face for face in written},
        [face for face in read if isinstance(face, Face)],
    )


def test_every_face_is_read_once(copy: Copy) -> None:
    assert sorted(face.where for face in copy.read) == sorted(copy.written)
    assert len(copy.written) == FACES[copy.layout]


def test_all_is_read_as_it_was_written(copy: Copy) -> None:
    for face in copy.read:
        true = copy.written[face.where]
        for name in ("photo", "split", "subsets", "group"):
            assert getattr(face, name) == getattr(true, name), face.where
        np.testing.assert_allclose(face.landmarks, true.landmarks, atol=1e-6)
        for name in ("box", "detector", "visible"):
            found, expected = getattr(face, name), getattr(true, name)
            assert (found is None) == (expected is None), (face.where, name)
            if expected is not None:
                np.testing.assert_allclose(found, expected, atol=1e-6)


def test_prepared_landmarks_come_back_to_the_photo(copy: Copy, tmp_path: Path) -> None:
    kinds = [boxes for layout, boxes in BOXES if layout == copy.layout]
    for boxes in kinds:
        prepared = copy.prepare(tmp_path / f"{boxes}.h5", boxes)
        for split in SPLITS:
            rows = prepared.read(split)
            true = [copy.written[f.where] for f in copy.read if f.split == split]
            assert rows.photo == [face.photo for face in true]
            assert rows.group == [face.group for face in true]
            in_photo = apply_affine(
                torch.from_numpy(rows.to_photo), torch.from_numpy(rows.landmarks)
            ).numpy()
            for k, face in enumerate(true):
                np.testing.assert_allclose(in_photo[k], face.landmarks, rtol=0, atol=0.01)
                points = [*face.landmarks.min(axis=0), *face.landmarks.max(axis=0)]
                box = {"landmarks": points, "provided": face.box, "detector": face.detector}[boxes]
                assert box is not None
                np.testing.assert_allclose(rows.box[k], box, rtol=0, atol=0.001)
                member = [n for n, of in zip(prepared.subsets, rows.subsets[k], strict=True) if of]
                assert sorted(member) == sorted(face.subsets)
                seen = np.full(len(face.landmarks), 2) if face.visible is None else face.visible
                np.testing.assert_array_equal(rows.visible[k], seen)


def test_preparing_twice_writes_the_same_file(copy: Copy, tmp_path: Path) -> None:
    boxes = next(boxes for layout, boxes in BOXES if layout == copy.layout)
    digests = set()
    for name in ("a.h5", "b.h5"):
        copy.prepare(tmp_path / name, boxes)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1
