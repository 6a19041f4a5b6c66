import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from landmark_lightning import geometry
from landmark_lightning.data.face import Face, Rejection
from landmark_lightning.data.facefile import CropRule, FaceFile
from landmark_lightning.data.preparing import Preparation, prepare
from landmark_lightning.learning.augmentation import Augmentation
from tests.conftest import DOTS, dotted_faces

GOOD = [*dotted_faces(4, "train"), *dotted_faces(2, "test")]


def _prepare(
    faces: list[Face | Rejection], path: Path, *, strict: bool = True, boxes: str = "landmarks"
) -> Preparation:
    return prepare(
        faces,
        path,
        name="dots",
        root=None,
        scheme=DOTS,
        normalizer="inter_ocular",
        crop=CropRule(side=64, boxes=boxes),
        strict=strict,
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    done = _prepare([*GOOD], tmp_path / "dots.h5")
    assert dict(done.faces) == {"train": 4, "test": 2}
    file = FaceFile.open(tmp_path / "dots.h5")
    file.verify()
    assert file.name == "dots"
    assert file.scheme == DOTS
    assert file.normalizers == ("inter_ocular", "box")
    assert file.subsets == ("even", "odd")
    train = file.read("train")
    assert train.images.shape == (4, 64, 64)
    assert train.photo == [f"train/{i}.png" for i in range(4)]
    assert train.group == ["", "train0", "train1", ""]
    assert train.subsets.tolist()[:2] == [[True, False], [False, True]]


def test_landmarks_map_back_to_the_photo(tmp_path: Path) -> None:
    _prepare([*GOOD], tmp_path / "dots.h5")
    train = FaceFile.open(tmp_path / "dots.h5").read("train")
    in_photo = geometry.apply_affine(
        torch.from_numpy(train.to_photo), torch.from_numpy(train.landmarks)
    )
    for face, points in zip(GOOD, in_photo, strict=False):
        assert np.allclose(points.numpy(), face.landmarks, atol=1e-3)


def test_the_normalizer_is_in_crop_pixels(tmp_path: Path) -> None:
    _prepare([*GOOD], tmp_path / "dots.h5")
    train = FaceFile.open(tmp_path / "dots.h5").read("train")
    eyes = np.linalg.norm(train.landmarks[:, 0] - train.landmarks[:, 1], axis=1)
    assert np.allclose(train.normalizer[:, 0], eyes, atol=1e-3)


def test_the_crop_shows_the_box_scaled(tmp_path: Path) -> None:
    """scale 1.2 and margin 2: the box's longer side takes 1 / 2.4 of the crop, in its middle."""
    _prepare([*GOOD], tmp_path / "dots.h5")
    landmarks = FaceFile.open(tmp_path / "dots.h5").read("train").landmarks
    low, high = landmarks.min(axis=1), landmarks.max(axis=1)
    assert np.allclose((high - low).max(axis=1), 64 / 2.4, atol=1e-3)
    assert np.allclose((high + low) / 2, 31.5, atol=1e-3)


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    _prepare([*GOOD], tmp_path / "a.h5")
    _prepare([*GOOD], tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def _moved(x: float) -> Face:
    landmarks = GOOD[0].landmarks.copy()
    landmarks[3, 0] = x
    return dataclasses.replace(GOOD[0], landmarks=landmarks)


BAD: dict[str, tuple[Face | Rejection, str]] = {
    "far outside": (_moved(5000.0), "face 0 of train: landmark 3 at .5000.* lies far outside"),
    "no file": (dataclasses.replace(GOOD[0], image=None), "is a file, but dataset.root"),
    "a point": (
        dataclasses.replace(GOOD[0], landmarks=np.full((5, 2), 40.0)),
        "its box is 0 pixels",
    ),
    "one-eyed": (
        dataclasses.replace(GOOD[0], landmarks=GOOD[0].landmarks[[0, 0, 2, 3, 4]]),
        "its inter_ocular distance is 0",
    ),
    "rejected": (Rejection("line 7", "it is torn"), "line 7: it is torn"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_unusable_face_is_an_error_that_leaves_nothing(tmp_path: Path, kind: str) -> None:
    face, said = BAD[kind]
    with pytest.raises(ValueError, match=said):
        _prepare([*GOOD, face], tmp_path / "dots.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", BAD)
def test_or_is_left_out_and_counted(tmp_path: Path, kind: str) -> None:
    done = _prepare([*GOOD, BAD[kind][0]], tmp_path / "dots.h5", strict=False)
    assert len(done.rejections) == 1
    assert FaceFile.open(tmp_path / "dots.h5").faces == {"train": 4, "test": 2}


def test_a_landmark_a_little_outside_stays(tmp_path: Path) -> None:
    _prepare([*GOOD, _moved(-20.0)], tmp_path / "dots.h5")
    assert FaceFile.open(tmp_path / "dots.h5").faces["train"] == 5


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "dots.h5"
    _prepare([*GOOD], path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="torn"):
        _prepare([Rejection("line 7", "it is torn")], path)
    assert path.read_bytes() == before


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="dots has no faces in split 'test'"):
        _prepare([*dotted_faces(4, "train")], tmp_path / "dots.h5")
    assert list(tmp_path.iterdir()) == []


def test_provided_boxes(tmp_path: Path) -> None:
    boxed = [dataclasses.replace(f, box=np.array([10.0, 10.0, 90.0, 80.0])) for f in GOOD]
    _prepare([*boxed], tmp_path / "dots.h5", boxes="provided")
    train = FaceFile.open(tmp_path / "dots.h5").read("train")
    assert train.box[0].tolist() == [10.0, 10.0, 90.0, 80.0]
    assert train.to_photo[0, 0, 0] == pytest.approx(80 * 2.4 / 64)
    with pytest.raises(ValueError, match=r"has no box, and dataset\.boxes=provided"):
        _prepare([*GOOD], tmp_path / "none.h5", boxes="provided")


def test_a_detector_s_boxes(tmp_path: Path) -> None:
    seen = [dataclasses.replace(f, detector=np.array([20.0, 10.0, 80.0, 80.0])) for f in GOOD]
    _prepare([*seen], tmp_path / "dots.h5", boxes="detector")
    train = FaceFile.open(tmp_path / "dots.h5").read("train")
    assert train.box[0].tolist() == [20.0, 10.0, 80.0, 80.0]
    assert train.to_photo[0, 0, 0] == pytest.approx(70 * 2.4 / 64)
    with pytest.raises(
        ValueError, match=r"has no detector's box, and dataset\.boxes=detector asks"
    ):
        _prepare([*GOOD], tmp_path / "none.h5", boxes="detector")


@pytest.mark.parametrize("annotated", [True, False])
def test_the_box_normalizer_is_the_same_in_the_photo_however_the_crop_is_cut(
    tmp_path: Path, annotated: bool
) -> None:
    """The annotation's box, or else the landmarks': never the one the crop is cut around."""
    faces = [
        dataclasses.replace(
            f,
            box=np.array([10.0, 10.0, 90.0, 80.0]) if annotated else None,
            detector=np.array([25.0, 15.0, 80.0, 80.0]),
        )
        for f in GOOD
    ]
    lengths = []
    for boxes in ("landmarks", "detector", *(("provided",) if annotated else ())):
        _prepare([*faces], tmp_path / "dots.h5", boxes=boxes)
        train = FaceFile.open(tmp_path / "dots.h5").read("train")
        lengths.append(train.normalizer[:, 1] * train.to_photo[:, 0, 0])
    assert np.allclose(lengths, lengths[0])
    if annotated:
        assert np.allclose(lengths[0], np.sqrt(80 * 70))


def test_visible_landmarks_are_kept_and_all_are_where_the_source_is_silent(tmp_path: Path) -> None:
    assert [face.visible is None for face in GOOD[:4]] == [False, True, True, False]
    _prepare([*GOOD], tmp_path / "dots.h5")
    visible = FaceFile.open(tmp_path / "dots.h5").read("train").visible
    one_hidden = [True, True, True, False, True]
    assert visible.tolist() == [one_hidden, [True] * 5, [True] * 5, one_hidden]


def test_a_box_that_holds_no_landmark_is_an_error(tmp_path: Path) -> None:
    far = [dataclasses.replace(f, box=np.array([900.0, 900.0, 950.0, 950.0])) for f in GOOD]
    with pytest.raises(ValueError, match="holds none of its landmarks"):
        _prepare([*far], tmp_path / "dots.h5", boxes="provided")


def test_a_dot_of_the_photo_stays_on_its_landmark_to_the_network_s_input(tmp_path: Path) -> None:
    """Crop and augmentation in one piece: at most 0.1 input pixel over 1,000 draws."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:160, :160]
    faces = []
    for i in range(100):
        dot = 80 + rng.uniform(-12, 12, 2)
        image = 255 * np.exp(-((x - dot[0]) ** 2 + (y - dot[1]) ** 2) / (2 * 3.5**2))
        # Two corners fix the box; the dot itself is landmark 2.
        points = np.array([[50.3, 52.1], [112.7, 55.9], dot, [52.0, 110.2], [111.1, 108.4]])
        faces.append(
            Face(
                photo=f"{i}.png",
                split="test" if i == 0 else "train",
                landmarks=points,
                where=str(i),
                image=image.round().astype(np.uint8),
            )
        )
    prepare(
        faces,
        tmp_path / "dots.h5",
        name="dots",
        root=None,
        scheme=DOTS,
        normalizer="box",
        crop=CropRule(side=128),
    )
    split = FaceFile.open(tmp_path / "dots.h5").read("train")
    torch.manual_seed(0)
    augmentation = Augmentation(
        DOTS, 128, 2.0, 64, noise=0.0, blur_probability=0.0, occlusion=0.0, contrast=0.0
    ).train()
    images, landmarks = torch.from_numpy(split.images)[:, None], torch.from_numpy(split.landmarks)
    place = torch.arange(64.0)
    checked, worst = 0, 0.0
    for _ in range(11):
        image, points_in = augmentation(images, landmarks)
        weight = (image[:, 0] + 1).clamp(min=0)
        total = weight.sum(dim=(1, 2))
        center = torch.stack(
            [
                (weight.sum(dim=1) * place).sum(1) / total,
                (weight.sum(dim=2) * place).sum(1) / total,
            ],
            dim=1,
        )
        dot_in = points_in[:, 2]
        inside = ((dot_in > 11) & (dot_in < 52)).all(dim=1)
        worst = max(worst, float((center - dot_in).norm(dim=1)[inside].max()))
        checked += int(inside.sum())
    assert checked >= 1000
    assert worst <= 0.1


def test_a_normalizer_the_scheme_lacks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"inter_pupil.*inter_ocular, box"):
        prepare(
            GOOD,
            tmp_path / "x.h5",
            name="x",
            root=None,
            scheme=DOTS,
            normalizer="inter_pupil",
            crop=CropRule(),
        )


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"scale": 0}, "crop.scale=0"),
        ({"margin": "wide"}, "crop.margin='wide'"),
        ({"side": 99.5}, r"crop.side=99\.5"),
        ({"gray": "red"}, "crop.gray='red'"),
        ({"boxes": "best"}, "boxes='best'"),
    ],
)
def test_a_wrong_crop_rule_is_named(knobs: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CropRule(**knobs)  # type: ignore[arg-type]
