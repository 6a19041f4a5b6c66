"""Photos that EXIF turns, and coordinates of the picture upright or as it is stored."""

from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.photos import TURNS, Reading
from landmark_lightning.datasets.preparation.cropping import Cropper
from landmark_lightning.datasets.preparation.orientation import find_orientation
from landmark_lightning.datasets.preparation.prepare import prepare
from tests.conftest import DOTS, dotted_faces

_UNTURNED = {5: 5, 6: 8, 7: 7, 8: 6}
_NEVER = Event()
WIDTH, HEIGHT = 96, 160


def _upright(face: Face, low: bool) -> Face:
    """The face in a picture of 96 x 160, at its lower end (or its upper): a tall photo."""
    assert face.image is not None
    top = HEIGHT - 96 if low else 0
    picture = np.full((HEIGHT, WIDTH), 50, np.uint8)
    picture[top : top + 96] = face.image
    return replace(face, landmarks=face.landmarks + [0, top], image=picture)


def _save(face: Face, root: Path, orientation: int) -> Face:
    """The face with its upright picture in a file that is stored so that EXIF must turn it."""
    assert face.image is not None
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(face.image)
    if orientation > 1:
        picture = picture.transpose(TURNS[_UNTURNED.get(orientation, orientation)])
    (root / face.photo).parent.mkdir(parents=True, exist_ok=True)
    picture.save(root / face.photo, exif=exif)
    return replace(face, image=None)


def _as_stored(face: Face, orientation: int) -> Face:
    """The face with its coordinates in the pixels that lie in the file."""
    x, y = face.landmarks.T
    right, bottom = WIDTH - 1 - x, HEIGHT - 1 - y
    places = {
        1: (x, y), 2: (right, y), 3: (right, bottom), 4: (x, bottom),
        5: (y, x), 6: (y, right), 7: (bottom, right), 8: (bottom, x),
    }[orientation]  # fmt: skip
    return replace(face, landmarks=np.stack(places, axis=1))


def _tall(root: Path, orientation: int, low: bool = True) -> list[Face]:
    faces = [*dotted_faces(2, "train"), *dotted_faces(1, "test")]
    return [_save(_upright(face, low), root, orientation) for face in faces]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("upright", [True, False])
def test_landmarks_and_blobs_stay_together(
    tmp_path: Path, orientation: int, upright: bool
) -> None:
    """To the pixel: the crops are those of a picture that needs no turning, to the last bit."""
    faces = _tall(tmp_path, orientation)
    if not upright:
        faces = [_as_stored(face, orientation) for face in faces]
    for face, plain in zip(faces, _tall(tmp_path / "plain", 1), strict=True):
        with Image.open(tmp_path / "plain" / plain.photo) as picture:
            image = np.asarray(picture)
            if not upright and orientation > 1:
                turn = TURNS[_UNTURNED.get(orientation, orientation)]
                image = np.asarray(picture.transpose(turn))
        cropper = Cropper(tmp_path, DOTS, CropRule(side=64), ("box",), Reading(upright=upright))
        found, expected = (cropper([f], _NEVER) for f in (face, replace(face, image=image)))
        assert np.array_equal(found.rows["images"], expected.rows["images"])
        crop = found.rows["images"][0].astype(float)
        for x, y in found.rows["landmarks"][0]:
            left, top = int(x) - 4, int(y) - 4
            patch = crop[top : top + 9, left : left + 9] ** 4  # the blob, hardly what is around
            rows, columns = np.mgrid[top : top + 9, left : left + 9]
            place = [(columns * patch).sum() / patch.sum(), (rows * patch).sum() / patch.sum()]
            assert np.abs(np.array(place) - [x, y]).max() < 1


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_it_is_decided_by_what_fits(tmp_path: Path, orientation: int) -> None:
    """A face at the lower end of a tall photo has no place in the same photo lying down."""
    faces: list[Face | Rejection] = [*_tall(tmp_path, orientation), Rejection("line 9", "torn")]
    assert find_orientation(faces, tmp_path, workers=2) == (
        "apply",
        "EXIF turns 3 photos, such as 'train/0.png'; the landmarks of 3 fit the upright picture "
        "alone, of none the stored: they are turned (dataset.exif=apply)",
    )
    at_the_far_end = _tall(tmp_path, orientation, low=orientation < 7)
    stored = [_as_stored(face, orientation) for face in at_the_far_end]
    found = find_orientation(stored, tmp_path)
    assert found is not None
    assert found[0] == "ignore"
    assert found[1].endswith("none is turned (dataset.exif=ignore)")


def test_without_a_tag_there_is_nothing_to_decide(tmp_path: Path) -> None:
    rendered = [*dotted_faces(2, "test")]
    missing = replace(rendered[0], photo="none.png", image=None)
    assert find_orientation([*_tall(tmp_path, 1), *rendered, missing], tmp_path) is None


@pytest.mark.parametrize("orientation", [2, 3, 4, 6])
def test_it_is_an_error_where_both_fit(tmp_path: Path, orientation: int) -> None:
    """Turned by half or mirrored nothing tells; nor does a face that has its place either way."""
    faces = _tall(tmp_path, orientation, low=orientation != 6)
    with pytest.raises(ValueError, match="fit the upright pictures as well as the stored") as said:
        find_orientation(faces, tmp_path)
    assert "dataset.exif=apply" in str(said.value)
    assert "dataset.exif=ignore" in str(said.value)


def test_it_is_an_error_where_photos_disagree(tmp_path: Path) -> None:
    faces = _tall(tmp_path, 6)
    faces[1] = _as_stored(faces[1], 6)
    with pytest.raises(
        ValueError,
        match=r"of 2, such as 'train/0\.png', .* those of 1, such as 'train/1\.png', the stored",
    ):
        find_orientation(faces, tmp_path)


def test_one_that_tells_speaks_for_those_that_do_not(tmp_path: Path) -> None:
    """Two faces of one photo, one of them at its lower end; and a photo turned by half."""
    low, high = _tall(tmp_path, 6)[0], _tall(tmp_path / "high", 6, low=False)[0]
    half = _tall(tmp_path / "half", 3)[2]
    found = find_orientation([replace(high, photo=low.photo), low, half], tmp_path)
    assert found is not None
    assert found[0] == "apply"


def test_landmarks_that_are_not_labelled_say_nothing(tmp_path: Path) -> None:
    faces = _tall(tmp_path, 6)
    for face in faces:
        face.landmarks[0] = np.nan
    found = find_orientation(faces, tmp_path)
    assert found is not None
    assert found[0] == "apply"


def test_landmarks_a_little_outside_the_photo_decide_nothing(tmp_path: Path) -> None:
    """As annotators place them; far outside both pictures they are simply wrong."""
    for shift in (-45.0, 9e9):
        faces = [replace(f, landmarks=f.landmarks + shift) for f in _tall(tmp_path, 6, low=False)]
        with pytest.raises(ValueError, match="as well as"):
            find_orientation(faces, tmp_path)


def test_what_was_decided_is_kept_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    prepare(
        _tall(tmp_path, 8),
        path,
        name="x",
        root=tmp_path,
        scheme=DOTS,
        normalizer="box",
        crop=CropRule(side=32),
        reading=Reading(upright=True),
        notes=["photos are turned"],
    )
    assert FaceFile.open(path).notes == ("photos are turned",)
