from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.synthetic.faces import ATTRIBUTES, RenderedFace, read, render_face
from landmark_lightning.schemes import SCHEMES, Scheme


def faces(source: Iterator[Face | Rejection]) -> list[Face]:
    return [face for face in source if isinstance(face, Face)]


def pixels(face: Face) -> bytes:
    assert face.image is not None
    return face.image.tobytes()


@pytest.fixture(scope="module")
def rendered() -> list[RenderedFace]:
    return [render_face("train", index) for index in range(100)]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_read_yields_faces_as_the_contract_says(scheme: Scheme) -> None:
    read_faces = faces(read(None, scheme, train=3, test=2))
    assert [face.photo for face in read_faces] == [
        *["train/00000.png", "train/00001.png", "train/00002.png"],
        *["test/00000.png", "test/00001.png"],
    ]
    for face in read_faces:
        assert face.photo.startswith(face.split)
        assert face.group == ""
        assert face.landmarks.shape == (scheme.landmarks, 2)
        assert face.landmarks.dtype == np.float64
        assert face.image is not None
        assert face.image.dtype == np.uint8
        assert face.image.ndim == 2
        assert face.box is not None
        width, height = face.box[2:] - face.box[:2]
        assert width == pytest.approx(height)
        assert np.all(face.landmarks > face.box[:2])
        assert np.all(face.landmarks < face.box[2:])
        assert set(face.subsets) <= set(ATTRIBUTES)
        assert (face.visible is not None) == (scheme.name == "aflw19")


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    scheme = SCHEMES["ibug68"]
    first, again, other = (
        faces(read(None, scheme, train=2, test=1, seed=seed)) for seed in (3, 3, 4)
    )
    for one, two, three in zip(first, again, other, strict=True):
        assert pixels(one) == pixels(two)
        assert one.landmarks.tobytes() == two.landmarks.tobytes()
        assert one.subsets == two.subsets
        assert pixels(one) != pixels(three)
    assert len({pixels(face) for face in first}) == 3, "splits and faces differ"


def test_a_face_does_not_depend_on_how_many_are_drawn() -> None:
    scheme = SCHEMES["aflw19"]
    few = faces(read(None, scheme, train=1, test=2))
    many = {face.photo: face for face in faces(read(None, scheme, train=4, test=3))}
    for face in few:
        assert pixels(face) == pixels(many[face.photo])
        np.testing.assert_array_equal(face.landmarks, many[face.photo].landmarks)


def test_the_root_is_not_looked_at(tmp_path: Path) -> None:
    scheme = SCHEMES["wflw98"]
    (here,), (nowhere,) = (
        faces(read(root, scheme, train=1, test=0)) for root in (None, tmp_path / "missing")
    )
    assert pixels(here) == pixels(nowhere)


def test_read_picks_one_scheme_of_the_drawn_face() -> None:
    whole = render_face("test", 1, seed=5)
    for name, scheme in SCHEMES.items():
        face = faces(read(None, scheme, train=0, test=2, seed=5))[1]
        assert pixels(face) == whole.image.tobytes()
        np.testing.assert_array_equal(face.landmarks, whole.points[name])


def test_the_face_fills_the_photo_so_that_a_crop_stays_inside(
    rendered: list[RenderedFace],
) -> None:
    shares = []
    for face in rendered:
        height, width = face.image.shape
        assert 140 <= min(height, width) <= max(height, width) <= 180
        low, high = face.points["ibug68"].min(axis=0), face.points["ibug68"].max(axis=0)
        shares.append((high - low).max() / min(height, width))
        assert np.all(low > 0)
        assert np.all(high < [width - 1, height - 1])
    assert 0.4 < np.mean(shares) < 0.45


def test_most_faces_are_frontal_and_few_are_profiles(rendered: list[RenderedFace]) -> None:
    yaw = np.array([face.yaw for face in rendered])
    assert 0.7 < np.mean(np.abs(yaw) < 20) < 0.92
    assert 0.02 < np.mean(np.abs(yaw) > 45) < 0.14
    assert yaw.min() < -20 < 20 < yaw.max()
    for face in rendered:
        if abs(face.yaw) > 35:
            assert "pose" in face.attributes


def test_every_attribute_occurs_and_none_rules(rendered: list[RenderedFace]) -> None:
    for name in ATTRIBUTES:
        assert 0.01 <= np.mean([name in face.attributes for face in rendered]) <= 0.45, name
    assert np.mean([not face.attributes for face in rendered]) > 0.1


def test_blurred_faces_have_less_detail() -> None:
    def detail(face: RenderedFace) -> float:
        rough = np.abs(np.diff(face.image.astype(float), n=2, axis=1))
        return float(np.quantile(rough, 0.99) / (face.image.std() + 1))

    kinds: dict[bool, list[float]] = {True: [], False: []}
    for index in range(40):
        face = render_face("test", index)
        kinds["blur" in face.attributes].append(detail(face))
    assert np.median(kinds[True]) < 0.7 * np.median(kinds[False])


def test_profiles_hide_landmarks_that_frontal_faces_show(rendered: list[RenderedFace]) -> None:
    clear = [face for face in rendered if "occlusion" not in face.attributes]
    frontal = [face.visible.mean() for face in clear if abs(face.yaw) < 15]
    profile = [face.visible.mean() for face in clear if abs(face.yaw) > 50]
    assert len(profile) >= 2
    assert np.mean(frontal) > 0.97
    assert np.mean(profile) < 0.85


def test_occlusion_hides_some_landmarks(rendered: list[RenderedFace]) -> None:
    frontal = [face for face in rendered if abs(face.yaw) < 15]
    hidden = [1 - face.visible.mean() for face in frontal if "occlusion" in face.attributes]
    clear = [1 - face.visible.mean() for face in frontal if "occlusion" not in face.attributes]
    assert np.mean(hidden) > 0.1 > np.mean(clear)


def test_a_scheme_of_one_s_own_is_an_error_that_names_the_three() -> None:
    own = Scheme("eyes4", 4, (3, 2, 1, 0), {"box": "box"})
    with pytest.raises(ValueError, match=r"'eyes4'.*ibug68, wflw98, aflw19"):
        read(None, own)


@pytest.mark.parametrize("name", ["train", "test", "seed"])
def test_a_negative_number_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=-1"):
        read(None, SCHEMES["ibug68"], **{name: -1})


def test_an_unknown_split_is_an_error() -> None:
    with pytest.raises(ValueError, match="'validation'"):
        render_face("validation", 0)
