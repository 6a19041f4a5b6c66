from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landmark_lightning.datasets.face import Face
from landmark_lightning.errors import UserError

GOOD: dict[str, Any] = {
    "photo": "a.png",
    "split": "train",
    "landmarks": np.zeros((5, 2)),
    "where": "labels.txt line 3",
}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"photo": Path("a.png")}, "photo=PosixPath('a.png') must be a text"),
        ({"split": "val"}, "split='val' must be train or test; a face to validate on is of train"),
        ({"landmarks": [[1.0, 2.0]]}, "landmarks=[[1.0, 2.0]] must be an array of numbers (L, 2)"),
        ({"landmarks": np.zeros(10)}, "of shape (10,) must be an array of numbers (L, 2)"),
        ({"landmarks": np.zeros((5, 2), object)}, "must be an array of numbers (L, 2)"),
        ({"where": 3}, "where=3 must be a text"),
        ({"subsets": "frontal"}, "subsets='frontal' must be a tuple of texts"),
        ({"group": None}, "group=None must be a text"),
        ({"box": (0, 0, 9, 9)}, "box=(0, 0, 9, 9) must be an array of numbers (4,)"),
        ({"detector": np.zeros((2, 2))}, "of shape (2, 2) must be an array of numbers (4,)"),
        ({"visible": [2] * 5}, "visible=[2, 2, 2, 2, 2] must be an array of numbers (5,)"),
        ({"visible": np.ones(4, np.uint8)}, "of shape (4,) must be an array of numbers (5,)"),
        ({"visible": np.full(5, 3)}, "of shape (5,) must be 0, 1 or 2 each"),
    ],
)
def test_a_wrong_argument_is_named_with_its_place(wrong: dict[str, Any], told: str) -> None:
    given = GOOD | wrong
    with pytest.raises(UserError) as error:
        Face(**given)
    message = str(error.value)
    assert message.startswith(f"{given['where']}, photo {str(given['photo'])!r}: ")
    assert told in message
    assert len(message.splitlines()) == 1


def test_other_numbers_are_as_good() -> None:
    more = {"box": np.arange(4), "visible": np.full(5, 2), "landmarks": np.zeros((5, 2), np.int32)}
    Face(**(GOOD | more))
