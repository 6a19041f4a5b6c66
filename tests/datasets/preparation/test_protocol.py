from collections.abc import Sequence

import numpy as np
import pytest

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.preparation.protocol import Protocol

POINTS = np.zeros((5, 2))
BY_FOLDER = Protocol(train=3, test=1, folders={"a/b": 3, "c": 1}, subsets={"dark": 1})
IN_ALL = Protocol(train=3, test=1, folders={}, subsets={})


def _face(photo: str, split: str = "train", subsets: tuple[str, ...] = ()) -> Face:
    return Face(photo=photo, split=split, landmarks=POINTS, where=photo, subsets=subsets)


WHOLE = [*(_face(f"a/b/{i}.jpg") for i in range(3)), _face("c/3.jpg", "test", ("dark",))]
BROKEN = Rejection("b.txt line 2", "it is torn", "train", "a/b/2.jpg")
GONE = Rejection("b.txt line 2", "it is gone", "train", "a/b/2.jpg", missing=True)


@pytest.mark.parametrize("protocol", [BY_FOLDER, IN_ALL])
@pytest.mark.parametrize("listed", [WHOLE, [*WHOLE[:2], BROKEN, WHOLE[3]]])
def test_all_there_usable_or_not(protocol: Protocol, listed: Sequence[Face | Rejection]) -> None:
    assert protocol.differences(listed) == []
    assert protocol.remarks(listed) == []


def test_what_is_missing_by_folder() -> None:
    assert BY_FOLDER.differences([*WHOLE[:2], GONE, WHOLE[3]], tolerant=True) == []
    said = BY_FOLDER.differences([*WHOLE[:2], GONE, WHOLE[3]])
    assert said == ["train has 2 faces instead of 3", "a/b has 2 instead of 3"]
    said = IN_ALL.differences([*WHOLE[:2], GONE, WHOLE[3]])
    assert said == [
        "train has 2 faces instead of 3",
        "a/b lacks the photos of 1 faces, such as a/b/2.jpg",
    ]


def test_what_is_surplus_by_folder() -> None:
    said = BY_FOLDER.differences([*WHOLE, _face("d/9.jpg"), _face("root.jpg", "test")])
    assert said == [
        "train has 4 faces instead of 3",
        "test has 2 faces instead of 1",
        "d has 1 instead of 0",
        "the root has 1 instead of 0",
    ]
    said = IN_ALL.differences([*WHOLE, _face("d/9.jpg")])
    assert said == ["train has 4 faces instead of 3", "there are 3 in a/b, 1 in c, 1 in d"]


def test_equal_splits_in_other_folders_differ() -> None:
    said = BY_FOLDER.differences([*WHOLE[:2], _face("c/2.jpg"), WHOLE[3]])
    assert said == ["a/b has 2 instead of 3", "c has 2 instead of 1"]
    assert BY_FOLDER.differences([])[2:] == ["a/b has 0 instead of 3", "c has 0 instead of 1"]


def test_many_folders_are_counted() -> None:
    said = IN_ALL.differences([_face(f"{i:02d}/a.jpg") for i in range(20)])
    assert said[2].count(" in ") == 8
    assert said[3] == "and so on in 12 more folders"


def test_subsets_are_remarked_on() -> None:
    listed = [*WHOLE[:3], _face("c/3.jpg", "test"), _face("c/4.jpg", "train", ("dark",))]
    assert BY_FOLDER.remarks(listed) == ["subset dark has 0 test faces, reported are 1"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"train": 1, "test": 1, "folders": {}}, "must name train, test, folders and subsets"),
        ("300w", "must name train"),
        ({"train": -1, "test": 1, "folders": {}, "subsets": {}}, r"protocol\.train=-1 must be"),
        ({"train": 1, "test": True, "folders": {}, "subsets": {}}, r"protocol\.test=True"),
        ({"train": 1, "test": 1, "folders": {"a": "x"}, "subsets": {}}, r"folders\.a='x' must"),
        ({"train": 1, "test": 1, "folders": {}, "subsets": []}, r"subsets=\[\] must be a mapping"),
    ],
)
def test_a_wrong_setting_is_named(settings: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Protocol.from_settings(settings)
