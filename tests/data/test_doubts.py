from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from landmark_lightning.data.doubts import fixed_landmarks, same_groups, same_pictures
from landmark_lightning.data.face import SPLITS
from landmark_lightning.data.facefile import FaceFile, FaceSplit

Splits = dict[str, FaceSplit]


@pytest.fixture
def splits(dots: FaceFile) -> Splits:
    return {name: dots.read(name) for name in SPLITS}


def changed(splits: Splits, split: str, **arrays: NDArray[Any] | list[str]) -> Splits:
    return splits | {split: FaceSplit(**(vars(splits[split]) | arrays))}


def test_nothing_is_said_of_faces_that_are_well(splits: Splits) -> None:
    assert [*same_pictures(splits), *same_groups(splits), *fixed_landmarks(splits)] == []


def test_repeated_pictures_are_named(splits: Splits) -> None:
    images = splits["train"].images.copy()
    images[[3, 5]] = images[1]
    images[9] = splits["test"].images[2]
    said = same_pictures(changed(splits, "train", images=images))
    assert said == [
        "2 faces of train repeat the picture of another, such as train/3.png that of train/1.png",
        "1 test faces repeat the picture of a training face, such as test/2.png that of "
        "train/9.png; the test figures will be too good",
    ]


def test_groups_in_both_splits_are_named(splits: Splits) -> None:
    group = list(splits["test"].group)
    group[4] = group[5] = splits["train"].group[1]
    (said,) = same_groups(changed(splits, "test", group=group))
    assert said.startswith("1 groups stand in train and test, such as 'train0'")


def test_a_landmark_on_one_spot_of_the_photo_is_named(splits: Splits) -> None:
    def fixed(split: FaceSplit, faces: int) -> FaceSplit:
        landmarks = split.landmarks.copy()
        scale, shift = split.to_photo[:faces, 0, 0], split.to_photo[:faces, :, 2]
        landmarks[:faces, 2] = (np.array([47.0, 46.0]) - shift) / scale[:, None]
        return replace(split, landmarks=landmarks)

    most = {"train": fixed(splits["train"], 50), "test": splits["test"]}
    (said,) = fixed_landmarks(most)
    assert said == "landmark 2 lies at (47, 46) of the photo in 62% of the faces"
    few = {"train": fixed(splits["train"], 30), "test": splits["test"]}
    assert fixed_landmarks(few) == []
