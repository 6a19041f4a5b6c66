"""The files of a tree that decide which faces there are are found, and a change in one is seen."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from landmark_lightning.datasets.facefile import RENDERED_MARK
from landmark_lightning.datasets.preparation.origins import annotations_digest
from landmark_lightning.datasets.sources import aflw, own, w300, wflw
from tests.datasets.synthetic.trees.conftest import FACES, Tree

ANNOTATIONS = {
    "300w": w300.annotations,
    "aflw": aflw.annotations,
    "wflw": wflw.annotations,
    "table": own.annotations,
}
PHOTOS = (".jpg", ".png", ".jpeg")


@pytest.mark.parametrize("layout", FACES)
def test_all_files_but_the_photos_decide(trees: dict[str, Tree], layout: str) -> None:
    root = trees[layout][0]
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert set(ANNOTATIONS[layout](root)) == {
        name
        for name in files
        if Path(name).suffix.lower() not in PHOTOS
        and name != RENDERED_MARK
        and not Path(name).stem.endswith(("_mirror", "xm2vts"))  # which nobody reads
    }


@pytest.mark.parametrize("layout", FACES)
def test_a_change_in_any_of_them_is_seen_wherever_they_lie(
    trees: dict[str, Tree], layout: str, tmp_path: Path
) -> None:
    names = ANNOTATIONS[layout]
    before = annotations_digest(trees[layout][0], names)
    root = tmp_path / "moved"
    shutil.copytree(trees[layout][0], root)
    assert before is not None
    assert annotations_digest(root, names) == before
    for name in (sorted(names(root))[0], sorted(names(root))[-1]):
        content = (root / name).read_bytes()
        (root / name).write_bytes(content + b"\n")
        assert annotations_digest(root, names) not in (None, before)
        (root / name).write_bytes(content)
    assert annotations_digest(root, names) == before
    for photo in [p for p in root.rglob("*") if p.suffix in PHOTOS]:
        photo.unlink()
    assert annotations_digest(root, names) == before, "photos are looked at apart"


def test_a_face_more_or_less_is_seen_in_a_folder_of_points(
    trees: dict[str, Tree], tmp_path: Path
) -> None:
    root = tmp_path / "300w"
    shutil.copytree(trees["300w"][0], root)
    named = partial(w300.annotations, one_based=True)
    before = annotations_digest(root, named)
    points = next((root / "ibug").glob("*.pts"))
    shutil.copy(points, points.with_name("more.pts"))
    more = annotations_digest(root, named)
    points.unlink()
    assert len({before, more, annotations_digest(root, named)}) == 3
    shutil.copy(points.with_name("more.pts"), points.with_name("x_mirror.pts"))
    shutil.copy(points.with_name("more.pts"), points.with_name("._x.pts"))
    assert "ibug/x_mirror.pts" not in named(root)
    assert "ibug/._x.pts" not in named(root)


@pytest.mark.parametrize("layout", FACES)
def test_a_folder_of_something_else_has_none(layout: str, tmp_path: Path) -> None:
    digest = annotations_digest(tmp_path, ANNOTATIONS[layout])
    assert digest == (annotations_digest(tmp_path, lambda root: []) if layout == "300w" else None)
