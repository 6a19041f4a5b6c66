from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import SPLITS, Face
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation import leaks as leaking
from landmark_lightning.datasets.preparation.leaks import leaks, same_groups
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.datasets.synthetic import faces
from landmark_lightning.schemes import SCHEMES
from tests.conftest import Splits, changed


def test_nothing_is_said_of_faces_that_are_well(splits: Splits) -> None:
    assert [*leaks(splits), *same_groups(splits)] == []


def test_a_test_face_that_repeats_the_picture_of_a_training_face_is_named(splits: Splits) -> None:
    images = splits["train"].images.copy()
    images[9] = splits["test"].images[2]
    assert leaks(changed(splits, "train", images=images)) == [
        "1 test faces repeat the picture of a training face, such as test/2.png that of "
        "train/9.png; the test figures will be too good"
    ]


def _prepared(faces: list[Face], folder: Path) -> Splits:
    prepare(
        faces,
        folder / "x.h5",
        name="x",
        root=None,
        scheme=SCHEMES["ibug68"],
        normalizer="box",
        crop=CropRule(side=64),
    )
    file = FaceFile.open(folder / "x.h5")
    return {name: file.read(name) for name in SPLITS}


def _rendered(train: int, test: int) -> list[Face]:
    read = faces.read(None, SCHEMES["ibug68"], train=train, test=test, seed=1)
    return [face for face in read if isinstance(face, Face)]


def _copy(face: Face, size: float, quality: int, shift: float) -> Face:
    """A face of test as somebody else has it, to train on: in another size, saved again as a
    JPEG, with landmarks that lie so many hundredths of the face aside, in a larger outline."""
    assert face.image is not None
    height, width = face.image.shape
    small, written = (round(width * size), round(height * size)), BytesIO()
    Image.fromarray(face.image).resize(small).save(written, "JPEG", quality=quality)
    points = (face.landmarks + 0.5) * np.divide(small, (width, height)) - 0.5
    middle, extent = points.mean(axis=0), np.ptp(points, axis=0).max()
    points = middle + (points - middle) * (1 + abs(shift)) + shift * extent
    photo, image = f"copy of {face.photo}", np.asarray(Image.open(written))
    return replace(face, photo=photo, split="train", landmarks=points, image=image)


@pytest.mark.parametrize(
    ("size", "quality", "shift"),
    [(1.0, 40, 0.0), (2.5, 90, 0.0), (0.5, 60, 0.0), (1.0, 95, 0.05), (1.7, 50, -0.05)],
)
@pytest.mark.parametrize("portion", [2, 2048])
def test_a_photo_saved_again_resized_or_annotated_anew_is_known_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: float,
    quality: int,
    shift: float,
    portion: int,
) -> None:
    monkeypatch.setattr(leaking, "PORTION", portion)
    faces = _rendered(8, 5)
    test = [face for face in faces if face.split == "test"]
    assert leaks(_prepared(faces, tmp_path)) == []
    copies = [_copy(test[i], size, quality, shift) for i in (0, 1, 2, 4)]
    (message,) = leaks(_prepared([*copies, *faces], tmp_path))
    named = ", ".join(f"{test[i].photo} that of copy of {test[i].photo}" for i in (0, 1, 2))
    assert message == (
        f"4 test faces repeat the picture of a training face, such as {named}; the test figures "
        "will be too good"
    )


def test_another_face_before_the_same_camera_is_no_leak(tmp_path: Path) -> None:
    """Their photos are alike, for what stands around the face."""
    y, x = np.mgrid[:400, :600]
    wall = 128 + 100 * np.sin(x / 90) * np.cos(y / 70)
    faces = []
    for i, face in enumerate(_rendered(5, 3)):
        assert face.image is not None
        size, image = 40, wall.astype(np.uint8)
        left, top = 20 + 65 * i, (30, 250, 140)[i % 3]
        picture = Image.fromarray(face.image).resize((size, size))
        image[top : top + size, left : left + size] = picture
        points = (face.landmarks + 0.5) * size / len(face.image) - 0.5 + [left, top]
        faces.append(replace(face, image=image, landmarks=points))
    splits = _prepared(faces, tmp_path)
    flat = {name: split.thumbnail.reshape(-1, 256).astype(float) for name, split in splits.items()}
    alike = np.corrcoef(flat["test"], flat["train"])[:3, 3:]
    assert alike.min() > leaking.SAME_PHOTO
    assert leaks(splits) == []


def test_photos_without_contrast_are_like_no_other(splits: Splits) -> None:
    """Black ones with a little noise: even where the crops are alike but for a pixel."""
    image = splits["test"].images[0]
    night = np.random.default_rng(0).integers(0, 2, (16, 16), dtype=np.uint8)
    for light, count in ((1, 0), (40, 20)):
        dark = splits
        for name, split in splits.items():
            images = np.repeat(image[None], len(split), axis=0)
            images[:, 0, 0] = range(len(split))
            images[:, 0, 1] = name == "test"
            thumbnail = np.repeat(light * night[None], len(split), axis=0)
            dark = changed(dark, name, images=images, thumbnail=thumbnail)
        messages = leaks(dark)
        assert [m.split()[0] for m in messages] == ([str(count)] if count else [])


@pytest.mark.parametrize("empty", SPLITS)
def test_a_split_without_faces_is_well(splits: Splits, empty: str) -> None:
    none = {name: value[:0] for name, value in vars(splits[empty]).items()}
    one = changed(splits, empty, **none)
    assert [*leaks(one), *same_groups(one)] == []


def test_groups_in_both_splits_are_named(splits: Splits) -> None:
    group = list(splits["test"].group)
    group[4] = group[5] = splits["train"].group[1]
    (message,) = same_groups(changed(splits, "test", group=group))
    assert message.startswith("1 groups stand in train and test, such as 'train0'")


def test_groups_on_both_sides_of_validation_are_named(splits: Splits) -> None:
    held = np.isin(np.arange(60), [1, 2, 4])
    (message,) = same_groups(changed(splits, "train", validation=held))
    assert message.startswith(
        "1 groups stand in the training and the validation faces, such as 'tra"
    )
    assert "'train2'" in message


def test_the_group_that_both_splits_have_most_often_is_named(splits: Splits) -> None:
    assert same_groups(splits) == []
    group = [splits["train"].group[k] for k in (1, 4, 5)]
    assert group == ["train0", "train2", "train2"]
    (message,) = same_groups(changed(splits, "test", group=group + [""] * 17))
    assert message.startswith("2 groups stand in train and test, such as 'train2'")
