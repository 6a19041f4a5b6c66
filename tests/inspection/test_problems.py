from dataclasses import replace

import numpy as np

from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile import FaceSplit
from landmark_lightning.inspection.problems import fixed_landmarks, same_pictures
from tests.conftest import DOTS, Splits, changed


def test_nothing_is_said_of_faces_that_are_well(splits: Splits) -> None:
    assert same_pictures(splits) == []
    assert fixed_landmarks(splits, DOTS) == []


def test_repeated_pictures_are_named(splits: Splits) -> None:
    images = splits["train"].images.copy()
    images[[3, 5]] = images[1]
    assert same_pictures(changed(splits, "train", images=images)) == [
        "2 faces of train repeat the picture of another, such as train/3.png that of train/1.png"
    ]


def test_one_split_alone_is_well(splits: Splits) -> None:
    for other in SPLITS:
        none = {key: array[:0] for key, array in vars(splits[other]).items()}
        one = changed(splits, other, **none)
        assert [*same_pictures(one), *fixed_landmarks(one, DOTS)] == []


def test_a_landmark_on_one_spot_of_the_photo_is_named(splits: Splits) -> None:
    def fixed(split: FaceSplit, faces: int) -> FaceSplit:
        landmarks = split.landmarks.copy()
        scale, shift = split.to_photo[:faces, 0, 0], split.to_photo[:faces, :, 2]
        landmarks[:faces, 2] = (np.array([47.0, 46.0]) - shift) / scale[:, None]
        return replace(split, landmarks=landmarks)

    most = {"train": fixed(splits["train"], 50), "test": splits["test"]}
    (message,) = fixed_landmarks(most, DOTS)
    assert message == "landmark 2 lies at (47, 46) of the photo in 62% of the faces"
    few = {"train": fixed(splits["train"], 30), "test": splits["test"]}
    assert fixed_landmarks(few, DOTS) == []
    named = replace(DOTS, names=("a", "b", "nose", "c", "d"))
    assert fixed_landmarks(most, named)[0].startswith("landmark 2 (nose) lies at (47, 46)")
