"""landmark-prepare on rendered faces in the layouts of 300W, AFLW and WFLW."""

from pathlib import Path

import numpy as np
import pytest

from landmark_lightning.datasets.face import SPLITS, Face
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.synthetic.trees.write import write_layout
from tests.console import Command

FACES = {"300w": 36, "aflw": 24, "wflw": 24}
SMALL = ("dataset.crop.side=48", "dataset.protocol=null")
Tree = tuple[str, Path, list[Face], tuple[str, ...]]


@pytest.fixture(scope="session", params=FACES)
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A layout's name, a tree in it, the faces it holds, and the arguments that prepare it."""
    name = str(request.param)
    root = tmp_path_factory.mktemp("official") / name
    faces = write_layout(root, name, faces=FACES[name], photo=64, distinct=8, progress=False)
    arguments = [f"dataset={name}", f"dataset.root={root}"]
    if name == "aflw":
        arguments.append(f"dataset.source.train={sum(f.split == 'train' for f in faces)}")
    return name, root, faces, tuple(arguments)


def _check(file: FaceFile, written: list[Face]) -> None:
    """Every written face is in its split and subsets, its landmarks back in photo pixels."""
    for split in SPLITS:
        read, wanted = file.read(split), [face for face in written if face.split == split]
        homogeneous = np.concatenate([read.landmarks, np.ones_like(read.landmarks[..., :1])], -1)
        points = np.einsum("nij,nlj->nli", read.to_photo, homogeneous)
        rows = {(read.photo[i], *np.round(points[i, 0]).tolist()): i for i in range(len(read))}
        assert len(rows) == len(read) == len(wanted)
        for face in wanted:
            near = [i for key, i in rows.items() if key[0] == face.photo]
            i = min(near, key=lambda i: float(np.abs(points[i] - face.landmarks).max()))
            np.testing.assert_allclose(points[i], face.landmarks, atol=0.01)
            subsets = {n for n, there in zip(file.subsets, read.subsets[i], strict=True) if there}
            assert subsets == set(face.subsets)
            if face.visible is not None and file.name == "aflw":
                assert np.array_equal(read.visible[i], face.visible)


@pytest.mark.parametrize("boxes", ["landmarks", "provided", "detector"])
def test_landmarks_subsets_and_boxes_come_back(
    command: Command, tree: Tree, tmp_path: Path, boxes: str
) -> None:
    name, _, written, arguments = tree
    done = command("prepare", *arguments, *SMALL, f"dataset.boxes={boxes}")
    if boxes == "detector" and name != "300w":
        assert done.code == 1
        assert "has no detector's box, and dataset.boxes=detector asks for it" in done.err
        return
    assert done.code == 0, done.err
    assert f"times the {boxes} box, normalized by" in done.out
    file = FaceFile.open(tmp_path / f"data/{name}.h5")
    assert file.crop.boxes == boxes
    leading = {"300w": ("inter_pupil", "inter_ocular"), "aflw": ("box", "diag")}
    assert file.normalizers[:2] == leading.get(name, ("inter_ocular", "inter_pupil"))
    _check(file, written)
    seen = command("inspect", *arguments, *SMALL, f"dataset.boxes={boxes}")
    assert seen.code == 0, seen.err
    assert f"times the {boxes} box" in seen.out


def test_another_count_is_an_error_by_folder_that_leaves_the_old_file(
    command: Command, tree: Tree, tmp_path: Path
) -> None:
    name, root, _, arguments = tree
    old = tmp_path / f"data/{name}.h5"
    old.parent.mkdir()
    old.write_bytes(b"the old file")
    done = command("prepare", *arguments, "dataset.crop.side=48")
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert f"landmark-prepare: {name} under {root} is not as its protocol says: train has " in last
    folders = {
        "300w": "helen/trainset has 19 instead of 2,000; ",
        "aflw": "; there are ",
        "wflw": " in WFLW_images/0--Parade",
    }
    assert folders[name] in last
    assert old.read_bytes() == b"the old file"
    assert list(old.parent.iterdir()) == [old]
    done = command("prepare", *arguments, "dataset.crop.side=48", "dataset.strict=false")
    assert done.code == 0, done.err
    assert f"Warning: {name} under {root} is not as its protocol says" in done.out
    assert ("Warning: subset pose has" in done.out) == (name == "wflw")
    assert FaceFile.open(old).name == name


def test_the_protocol_does_not_change_what_was_prepared(command: Command, tree: Tree) -> None:
    _, _, _, arguments = tree
    assert command("prepare", *arguments, *SMALL).code == 0
    assert command("inspect", *arguments, SMALL[0]).code == 0


@pytest.mark.parametrize("tree", ["aflw"], indirect=True)
def test_a_folder_of_photos_that_is_missing_is_named(command: Command, tree: Tree) -> None:
    _, root, _, arguments = tree
    folder = next(root.glob("**/flickr")) / "2"
    folder.rename(root / "away")
    done = command("prepare", *arguments)
    (root / "away").rename(folder)
    assert done.code == 1
    assert f"; {folder.relative_to(root)} lacks the photos of " in done.err


@pytest.mark.parametrize("tree", ["wflw"], indirect=True)
def test_so_many_missing_photos_may_be_left_out(command: Command, tree: Tree) -> None:
    _, root, faces, arguments = tree
    counts = [f"dataset.protocol.{s}={sum(f.split == s for f in faces)}" for s in SPLITS]
    lost = root / faces[0].photo
    lost.rename(root / "away.jpg")
    strict = command("prepare", *arguments, SMALL[0], *counts)
    tolerant = command("prepare", *arguments, SMALL[0], *counts, "dataset.max_rejected=9")
    (root / "away.jpg").rename(lost)
    assert strict.code == 1
    assert f"{lost.parent.relative_to(root)} lacks the photos of " in strict.err
    assert tolerant.code == 0, tolerant.err
    assert "is not as its protocol says" not in tolerant.out
    assert f"photo '{faces[0].photo}' does not exist" in tolerant.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dataset=aflw", "dataset.protocol=1"], "dataset.protocol=1 must be a mapping"),
        (["dataset=aflw", "dataset.protocol.test=x"], "protocol.test='x' must be a whole number"),
        (["dataset=wflw"], "has no folder WFLW_annotations/list_98pt_rect_attr_train_test"),
        (["dataset=300w"], "holds none of the folders afw"),
        (["dataset=300w", "dataset.root=null"], "dataset.root is not given"),
        (["dataset=300w", "dataset.scheme=wflw98"], "scheme=wflw98 has 98 landmarks, 300W has 68"),
        (["dataset=aflw"], "AFLWinfo_release.mat does not"),
        (["dataset=aflw", "dataset.normalizer=inter_ocular"], "must be one of scheme aflw19"),
    ],
)
def test_a_wrong_setting_or_root_is_one_sentence(
    command: Command, tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = command("prepare", f"dataset.root={tmp_path}", *arguments)
    assert done.code == 1
    assert said in done.err.strip().splitlines()[-1]
