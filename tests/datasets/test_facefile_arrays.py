import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from landmark_lightning.datasets import facefile_arrays
from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile import CropRule, FaceFile, Origin
from landmark_lightning.datasets.facefile_arrays import Digests
from landmark_lightning.datasets.preparation.prepare import prepare
from tests.conftest import DOTS, dotted_faces, photographed

CHANGES: dict[str, tuple[Callable[[Face], dict[str, Any]], set[str]]] = {
    "nothing": (lambda face: {}, set()),
    "photo": (lambda face: {"photo": f"b/{face.photo}"}, {"sha256"}),
    "group": (lambda face: {"group": "g"}, {"sha256", "sets"}),
    "subsets": (lambda face: {"subsets": ("odd",)}, {"sha256", "sets"}),
    "validation": (lambda face: {"validation": True}, {"sha256", "sets"}),
    "landmarks": (lambda face: {"landmarks": face.landmarks + 0.01}, {"sha256", "content"}),
    "visible": (lambda face: {"visible": np.full(5, 1, np.uint8)}, {"sha256", "content"}),
}
"""What is changed of one training face, and the digests that tell."""


def _digests(path: Path, faces: list[Face], **more: Any) -> Digests:  # noqa: ANN401
    settings: dict[str, Any] = {"root": None, "normalizer": "inter_ocular"}
    crop = CropRule(side=32)
    prepare(faces, path, **(settings | more), name="dots", scheme=DOTS, crop=crop)
    file = FaceFile.open(path)
    return Digests(file.sha256, file.content, file.sets)


def _faces() -> list[Face]:
    return [*dotted_faces(6, "train"), *dotted_faces(3, "test")]


def _differing(one: Digests, other: Digests) -> set[str]:
    return {name for name in Digests._fields if getattr(one, name) != getattr(other, name)}


@pytest.mark.parametrize("change", CHANGES)
def test_each_digest_tells_its_own(tmp_path: Path, change: str) -> None:
    before = _digests(tmp_path / "a.h5", _faces())
    faces, (changed, telling) = _faces(), CHANGES[change]
    faces[2] = dataclasses.replace(faces[2], **changed(faces[2]))
    assert _differing(before, _digests(tmp_path / "b.h5", faces)) == telling


def test_pictures_order_split_and_normalizer_count(tmp_path: Path) -> None:
    before = _digests(tmp_path / "a.h5", _faces())
    brighter = _faces()
    assert brighter[0].image is not None
    brighter[0] = dataclasses.replace(brighter[0], image=255 - brighter[0].image)
    swapped = _faces()
    swapped[0], swapped[1] = swapped[1], swapped[0]
    moved = _faces()
    moved[0] = dataclasses.replace(moved[0], split="test")
    for k, faces in enumerate((brighter, swapped, moved)):
        assert "content" in _differing(before, _digests(tmp_path / f"{k}.h5", faces))
    other = _digests(tmp_path / "box.h5", _faces(), normalizer="box")
    assert _differing(before, other) == {"sha256", "content"}


def test_neither_the_root_nor_settings_are_part_of_the_content(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        root = tmp_path / name
        faces = photographed(_faces(), root)
        origin = Origin(str(root), "annotations")
        path = tmp_path / f"{name}.h5"
        found.append(_digests(path, faces, root=root, origin=origin, settings={"name": name}))
        assert FaceFile.open(path).origin.annotations == "annotations"
    assert _differing(*found) == {"sha256"}


def test_two_machines_that_are_told_the_same_write_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        faces = photographed(_faces(), Path("faces"))
        _digests(Path("x.h5"), faces, root=Path("faces"), origin=Origin("faces"))
    assert (tmp_path / "a/x.h5").read_bytes() == (tmp_path / "b/x.h5").read_bytes()


def test_one_nan_is_as_good_as_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Formats come to what is not labelled by different ways: 0/0 is a NaN of another sign."""
    monkeypatch.setattr(facefile_arrays, "ROWS_AT_ONCE", 4)
    found = []
    for k, nan in enumerate((np.float32(np.nan), -np.float32(np.nan))):
        path = tmp_path / f"{k}.h5"
        _digests(path, _faces())
        with h5py.File(path, "r+") as file:
            file["train/landmarks"][5, 3] = nan
            file["train/landmarks"][4, 2] = (0.0, -0.0)[k]
            found.append(facefile_arrays.digests(file))
    assert np.signbit(np.float32(np.nan)) != np.signbit(-np.float32(np.nan))
    assert _differing(*found) == {"sha256"}
