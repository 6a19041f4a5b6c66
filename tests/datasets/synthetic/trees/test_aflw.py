"""The tree of AFLW, parsed here without the package's reader."""

from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

from landmark_lightning.datasets.face import VISIBLE
from landmark_lightning.datasets.synthetic.trees.aflw import OFFICIAL
from landmark_lightning.datasets.synthetic.trees.write import write_layout
from tests.datasets.synthetic.trees.conftest import Tree


def test_matrices(trees: dict[str, Tree]) -> None:
    root, faces = trees["aflw"]
    mat = loadmat(root / "AFLWinfo_release.mat")
    assert mat["bbox"].shape == (40, 4)
    assert mat["data"].shape == (40, 38)
    assert mat["mask_new"].shape == (40, 19)
    assert mat["nameList"].shape == (40, 1)
    for row, face in enumerate(faces):
        left, right, top, bottom = mat["bbox"][row]
        np.testing.assert_array_equal([left, top, right, bottom], face.box)
        assert right - left == bottom - top > 0
        x, y = mat["data"][row, :19], mat["data"][row, 19:]
        np.testing.assert_array_equal(np.stack([x, y], axis=1), face.landmarks)
        np.testing.assert_array_equal(mat["mask_new"][row] == 1, face.visible == VISIBLE)
        listed = mat["nameList"][row, 0][0]
        assert Path(face.photo).with_suffix("") == Path("flickr", listed).with_suffix("")
    assert mat["data"].min() > 0


def test_ra_counts_from_1_and_train_is_its_head(trees: dict[str, Tree]) -> None:
    root, faces = trees["aflw"]
    assert OFFICIAL == {"train": 20000, "test": 24386 - 20000}
    ra = loadmat(root / "AFLWinfo_release.mat")["ra"].ravel().astype(int)
    assert sorted(ra) == list(range(1, 41))
    train = round(40 * 20000 / 24386)
    assert {faces[row - 1].split for row in ra[:train]} == {"train"}
    assert {faces[row - 1].split for row in ra[train:]} == {"test"}


def test_frontal_faces_show_all_landmarks(trees: dict[str, Tree]) -> None:
    _, faces = trees["aflw"]
    found = Counter()  # type: Counter[tuple[str, bool, bool]]
    for face in faces:
        assert face.visible is not None
        found[face.split, bool((face.visible == VISIBLE).all()), "frontal" in face.subsets] += 1
    assert set(found) == {
        ("train", True, False),
        ("train", False, False),
        ("test", True, True),
        ("test", False, False),
    }


def test_photos(trees: dict[str, Tree]) -> None:
    root, faces = trees["aflw"]
    names = loadmat(root / "AFLWinfo_release.mat")["nameList"]
    of_photo = Counter(face.photo for face in faces)
    assert max(of_photo.values()) > 1
    suffixes, turned = set(), 0
    for row, face in enumerate(faces):
        suffixes.add((Path(names[row, 0][0]).suffix, Path(face.photo).suffix))
        with Image.open(root / face.photo) as image:
            assert image.size == (48 * of_photo[face.photo], 52)
            assert image.format == ("PNG" if face.photo.endswith("png") else "JPEG")
            turned += image.getexif().get(0x0112) == 6
    assert suffixes == {(a, b) for a in (".jpg", ".png") for b in (".jpg", ".png")}
    assert turned > 0
    assert {Path(face.photo).parent.as_posix() for face in faces} == {
        "flickr/0",
        "flickr/2",
        "flickr/3",
    }
    assert max((face.landmarks[:, 1] - 51).max() for face in faces) > 1


def test_photos_of_faces_of_both_splits(trees: dict[str, Tree]) -> None:
    _, faces = trees["aflw"]
    train, test = ({f.photo for f in faces if f.split == split} for split in ("train", "test"))
    assert train & test


def test_nested(tmp_path: Path) -> None:
    faces = write_layout(
        tmp_path / "tree", "aflw", faces=6, photo=32, distinct=4, nested=True, progress=False
    )
    assert all(face.photo.startswith("aflw/data/flickr/") for face in faces)
    assert all((tmp_path / "tree" / face.photo).is_file() for face in faces)
