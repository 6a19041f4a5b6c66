from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from landmark_lightning.datasets.photos import read_photo
from landmark_lightning.datasets.synthetic.faces import render_face
from landmark_lightning.datasets.synthetic.trees import aflw, w300, wflw
from landmark_lightning.datasets.synthetic.trees.album import CUTS, Album, shares, sharing


@given(faces=st.integers(6, 5000))
def test_shares_are_in_proportion(faces: int) -> None:
    for official in (w300.OFFICIAL, aflw.OFFICIAL, wflw.OFFICIAL):
        counts = shares(official, faces)
        assert sum(counts.values()) == faces
        assert list(counts) == list(official)
        for part, count in official.items():
            exact = count * faces / sum(official.values())
            assert counts[part] >= 1
            assert counts[part] == 1 or abs(counts[part] - exact) < len(official)


def test_all_are_the_official_counts() -> None:
    assert shares(w300.OFFICIAL, None) == w300.OFFICIAL
    assert shares(w300.OFFICIAL, 3837) == w300.OFFICIAL


def test_too_few_faces() -> None:
    with pytest.raises(ValueError, match=r"faces=5 are too few; the layout has 6 folders"):
        shares(w300.OFFICIAL, 5)


@given(count=st.integers(1, 60), seed=st.integers(0, 99))
def test_sharing_keeps_every_face_in_order(count: int, seed: int) -> None:
    faces = [("train", i) for i in range(count)]
    photos = sharing(faces, np.random.default_rng(seed))
    assert [face for photo in photos for face in photo] == faces
    assert len(photos[0]) == min(2, count)
    assert all(photos)


@pytest.mark.parametrize("cut", CUTS)
def test_landmarks_follow_the_picture(tmp_path: Path, cut: str) -> None:
    # Where a rendered picture is enlarged, the photo must show at each landmark the same gray.
    with tqdm(disable=True) as bar:
        album = Album(tmp_path, "ibug68", seed=3, photo=480, distinct=2, bar=bar)
        (face,) = album.save("a.png", [("train", 0)], cut=cut)
        others = album.save("b.png", [("train", 0), ("train", 1)])
    photo = read_photo(tmp_path / "a.png").grays.astype(float)
    rendered = render_face("train", 0, seed=3)
    y, x = np.rint(face.landmarks).astype(int).T[::-1]
    inside = (x >= 0) & (y >= 0) & (x < photo.shape[1]) & (y < photo.shape[0])
    assert inside.all() == (cut == "")
    v, u = np.rint(rendered.points["ibug68"]).astype(int).T[::-1]
    shown, true = photo[y[inside], x[inside]], rendered.image[v[inside], u[inside]]
    assert np.corrcoef(shown, true)[0, 1] > 0.9
    assert others[0].landmarks[:, 0].max() < 480 < others[1].landmarks[:, 0].min()


def test_faces_beyond_the_distinct_look_like_the_first(tmp_path: Path) -> None:
    with tqdm(disable=True) as bar:
        album = Album(tmp_path, "ibug68", seed=3, photo=32, distinct=2, bar=bar)
        first, second, third = (
            album.save(f"{i}.jpg", [("train", i)])[0].landmarks for i in range(3)
        )
    np.testing.assert_array_equal(first, third)
    assert abs(first - second).max() > 0.1
    assert (tmp_path / "0.jpg").read_bytes() == (tmp_path / "2.jpg").read_bytes()
