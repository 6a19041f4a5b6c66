import numpy as np
import pytest

from landmark_lightning.datasets.face import COVERED, SPLITS, VISIBLE
from landmark_lightning.datasets.facefile import FaceFile, FaceSplit
from landmark_lightning.datasets.photos import cut_crop
from landmark_lightning.datasets.preparation.protocol import Protocol
from landmark_lightning.inspection.measures import (
    MEASURES,
    OUTLIERS,
    Count,
    describe,
    inspect_faces,
    landmarks_outside,
    padded_share,
    padding,
    to_json,
)
from tests.conftest import Splits, changed


def test_padding_is_what_the_crop_shows_beside_the_photo() -> None:
    photo = np.full((100, 80), 90, dtype=np.uint8)
    # From -10.5 to 89.5 along x, from 19.5 to 119.5 along y: 5, 5 and 10 of 50 pixels outside,
    # the last of each gray.
    crop = cut_crop(photo, (39.5, 69.5), 100.0, 50)
    bands = padding(crop[None])
    assert bands.tolist() == [[4, 0, 4, 9]]
    assert padded_share(bands, 50).tolist() == pytest.approx([1 - 0.84 * 0.82])


def test_black_inside_a_crop_is_no_padding_and_a_black_crop_is_all_padding() -> None:
    images = np.full((2, 8, 8), 9, dtype=np.uint8)
    images[0, 3:5] = 0
    images[0, :, 0] = 0
    images[1] = 0
    bands = padding(images)
    assert bands.tolist() == [[1, 0, 0, 0], [8, 8, 8, 8]]
    assert padded_share(bands, 8).tolist() == [0.125, 1]


def test_landmarks_outside_are_counted_from_the_pixels_edges() -> None:
    landmarks = np.array([[[-0.4, 3], [1.4, 3], [1.6, 3], [9.4, 3], [9.6, 11], [5, -2]]])
    none = np.zeros((1, 4), dtype=np.int64)
    bands = np.array([[2, 0, 0, 0]])
    assert landmarks_outside(landmarks.astype(np.float32), none, 10).tolist() == [2]
    assert landmarks_outside(landmarks.astype(np.float32), bands, 10).tolist() == [4]


def test_measures_have_a_value_a_face(dots: FaceFile, splits: Splits) -> None:
    found = inspect_faces(dots, splits)
    for name, split in splits.items():
        assert set(found.measures[name]) == set(MEASURES) - {"yaw", "unlabelled"}
        for values in found.measures[name].values():
            assert values.shape == (len(split),)
        sides = (split.box[:, 2:] - split.box[:, :2]).prod(axis=1)
        np.testing.assert_allclose(found.measures[name]["face_size"] ** 2, sides, rtol=1e-5)
        assert not found.outside[name]["crop"].any()
    assert found.warnings == []


@pytest.mark.parametrize(("name", "other"), [("train", "test"), ("test", "train")])
def test_one_split_alone_is_measured(
    dots: FaceFile, splits: Splits, name: str, other: str
) -> None:
    empty = {key: array[:0] for key, array in vars(splits[other]).items()}
    one = changed(splits, other, **empty)
    found = inspect_faces(dots, one, Protocol(60, 20, {}, {}))
    assert set(found.measures) == set(found.outside) == {name}
    assert {outlier.split for outlier in found.outliers} == {name}
    assert [count.found for count in found.counts] == [len(one["train"]), len(one["test"])]
    content = to_json(dots, one, found)
    assert content["faces"] == {name: len(one[name]), other: 0}
    assert set(content["units"]) == set(MEASURES) - {"yaw", "unlabelled"}


def test_the_rendered_faces_have_a_yaw_and_nothing_wrong(rendered: FaceFile) -> None:
    splits = {name: rendered.read(name) for name in SPLITS}
    found = inspect_faces(rendered, splits)
    assert set(found.measures["train"]) == set(MEASURES) - {"hidden", "unlabelled"}
    assert found.warnings == []


def test_hidden_landmarks_are_measured_where_there_are_any(dots: FaceFile, splits: Splits) -> None:
    visible = {name: np.full_like(split.visible, VISIBLE) for name, split in splits.items()}
    shown = {
        name: FaceSplit(**(vars(splits[name]) | {"visible": visible[name]})) for name in SPLITS
    }
    assert "hidden" not in inspect_faces(dots, shown).measures["test"]
    visible["test"][3, :2] = COVERED
    found = inspect_faces(dots, shown)
    assert not found.measures["train"]["hidden"].any()
    assert np.flatnonzero(found.measures["test"]["hidden"]).tolist() == [3]
    assert found.measures["test"]["hidden"][3] == pytest.approx(40)


def test_a_spoilt_face_is_the_first_outlier(dots: FaceFile, splits: Splits) -> None:
    landmarks = splits["test"].landmarks.copy()
    landmarks[7] = landmarks[7][[3, 1, 4, 2, 0]]
    found = inspect_faces(dots, changed(splits, "test", landmarks=landmarks))
    first = found.outliers[0]
    assert (first.split, first.index, first.photo) == ("test", 7, splits["test"].photo[7])
    assert first.shape_distance == found.measures["test"]["shape_distance"][7]
    scores = [outlier.shape_distance for outlier in found.outliers]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == OUTLIERS


def test_counts_stand_against_the_protocol(dots: FaceFile, splits: Splits) -> None:
    protocol = Protocol(60, 21, {"train": 60, "else": 3}, {"odd": 10, "new": 1})
    assert inspect_faces(dots, splits, protocol).counts == [
        Count("train", 60, 60),
        Count("test", 20, 21),
        Count("train", 60, 60),
        Count("else", 0, 3),
        Count("odd", 10, 10),
        Count("new", 0, 1),
    ]
    assert inspect_faces(dots, splits).counts == []


def test_quantiles_have_names() -> None:
    assert describe(np.arange(101.0)) == {
        "least": 0, "5%": 5, "median": 50, "95%": 95, "most": 100
    }  # fmt: skip


def test_the_json_holds_counts_and_figures(dots: FaceFile, splits: Splits) -> None:
    found = inspect_faces(dots, splits)
    content = to_json(dots, splits, found)
    assert content["faces"] == {"train": 60, "test": 20}
    assert content["subsets"]["odd"] == {"train": 30, "test": 10}
    assert set(content["units"]) == set(MEASURES) - {"yaw", "unlabelled"}
    size = content["measures"]["train"]["face_size"]
    assert size["least"] <= size["median"] <= size["most"]
    assert content["landmarks_outside"]["test"]["crop"] == {"landmarks": 0, "faces": 0}
    assert len(content["outliers"]) == OUTLIERS
