from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from landmark_lightning.datasets.facefile import Origin
from landmark_lightning.datasets.preparation.origins import (
    annotations_digest,
    changed_files,
    photos_digest,
)

PHOTOS = ("a.png", "b/c.png")


def _names(root: Path) -> list[str]:
    return ["faces.csv"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    (folder / "b").mkdir(parents=True)
    (folder / "faces.csv").write_text("a.png")
    for photo in PHOTOS:
        (folder / photo).write_bytes(b"photo")
    return folder


def _origin(root: Path) -> Origin:
    return Origin(str(root), annotations_digest(root, _names), photos_digest(root, PHOTOS))


def test_nothing_has_changed(root: Path) -> None:
    origin = _origin(root)
    assert None not in (origin.annotations, origin.photos)
    assert changed_files(origin, None, _names, PHOTOS) is None
    assert changed_files(origin, str(root), _names, PHOTOS[::-1]) is None
    assert changed_files(origin, None, None, None) is None


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda root: (root / "faces.csv").write_text("b.png"), "annotations"),
        (lambda root: (root / "b/c.png").write_bytes(b"another"), "photos"),
    ],
)
def test_what_has_changed_is_named(
    root: Path, change: Callable[[Path], object], what: str
) -> None:
    origin = _origin(root)
    change(root)
    assert changed_files(origin, None, _names, PHOTOS) == f"the {what} under {root} have changed"
    elsewhere = root.rename(root.with_name("elsewhere"))
    said = changed_files(origin, str(elsewhere), _names, PHOTOS)
    assert said == f"the {what} under {elsewhere} are others"
    assert changed_files(origin, str(elsewhere), _names, None) == (
        None if what == "photos" else said
    )


@pytest.mark.parametrize(("gone", "what"), [("faces.csv", "annotations"), ("a.png", "photos")])
def test_what_is_gone_is_missed_under_another_root_alone(root: Path, gone: str, what: str) -> None:
    origin = _origin(root)
    (root / gone).unlink()
    assert changed_files(origin, None, _names, PHOTOS) is None
    assert changed_files(origin, str(root), _names, PHOTOS) is None
    here = replace(origin, root="/elsewhere")
    assert changed_files(here, str(root), _names, PHOTOS) == f"the {what} are not under {root}"


def test_a_root_that_is_no_folder(root: Path) -> None:
    origin = replace(_origin(root), root="/none")
    assert changed_files(origin, None, _names, PHOTOS) is None
    assert changed_files(origin, "/none", _names, PHOTOS) is None
    assert (
        changed_files(origin, "/nor this", _names, PHOTOS) == "dataset.root=/nor this is no folder"
    )


def test_a_source_that_names_no_files_is_known_by_its_photos(root: Path) -> None:
    origin = replace(_origin(root), annotations=None)
    (root / "faces.csv").write_text("b.png")
    assert changed_files(origin, None, _names, PHOTOS) is None
    (root / "a.png").write_bytes(b"another")
    assert changed_files(origin, None, None, PHOTOS) == f"the photos under {root} have changed"
    assert changed_files(Origin(), "/none", _names, PHOTOS) is None, "rendered faces have no files"
