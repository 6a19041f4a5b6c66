import dataclasses
import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation import writer
from landmark_lightning.datasets.preparation.cropping import Cropper
from landmark_lightning.datasets.preparation.prepare import (
    BLOCK,
    Preparation,
    cropped_blocks,
    prepare,
)
from landmark_lightning.model.augmentation import Augmentation
from tests.conftest import DOTS, dotted_faces, photographed

GOOD: list[Face] = [*dotted_faces(4, "train"), *dotted_faces(2, "test")]
NUMBERS = ("landmarks", "box", "visible")


def _prepare(
    faces: Iterable[Face | Rejection],
    path: Path,
    *,
    strict: bool = True,
    max_rejected: int | None = None,
    workers: int | None = 2,
    root: Path | None = None,
) -> Preparation:
    return prepare(
        faces,
        path,
        name="dots",
        root=root,
        scheme=DOTS,
        normalizer="inter_ocular",
        crop=CropRule(side=64),
        strict=strict,
        max_rejected=max_rejected,
        workers=workers,
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    done = _prepare(GOOD, tmp_path / "dots.h5")
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


def test_numbers_of_other_types_are_as_good(tmp_path: Path) -> None:
    whole = [
        dataclasses.replace(
            face, landmarks=face.landmarks.round(), box=np.array([10.0, 10, 90, 90]), visible=seen
        )
        for face, seen in zip(GOOD, [np.full(5, 2, np.uint8)] * len(GOOD), strict=True)
    ]
    contents = []
    for boxes in ("landmarks", "provided"):
        for kind in (float, int, np.float32):
            typed: list[Any] = [
                dataclasses.replace(face, **{n: vars(face)[n].astype(kind) for n in NUMBERS})
                for face in whole
            ]
            crop, path = CropRule(boxes=boxes, side=64), tmp_path / "a.h5"
            prepare(typed, path, name="a", root=None, scheme=DOTS, normalizer=None, crop=crop)
            contents.append(FaceFile.open(path).content)
    assert contents[:3] == [contents[0]] * 3
    assert contents[3:] == [contents[3]] * 3 != contents[:3]


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    _prepare(GOOD, tmp_path / "a.h5")
    time.sleep(1.1)  # a time stamp in the file would differ
    _prepare(GOOD, tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_number_of_workers_leaves_no_trace(tmp_path: Path) -> None:
    faces = [*dotted_faces(3 * BLOCK, "train"), *dotted_faces(BLOCK // 2, "test")]
    np.random.default_rng(0).shuffle(faces)  # type: ignore[arg-type]
    source: list[Face | Rejection] = [*photographed(faces, tmp_path)]
    source.insert(40, Rejection("line 7", "it is torn"))
    digests, order = set(), [face.photo for face in faces if face.split == "train"]
    for workers in (1, 2, 4):
        path = tmp_path / f"{workers}.h5"
        done = _prepare(iter(source), path, root=tmp_path, workers=workers, strict=False)
        assert [str(rejection) for rejection in done.rejections] == ["line 7: it is torn"]
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
        assert FaceFile.open(path).read("train").photo == order
    assert len(digests) == 1


@pytest.mark.parametrize("least", [1, BLOCK])
def test_a_split_outgrows_the_room_made_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    faces = [*dotted_faces(4 * BLOCK + 5, "train"), *dotted_faces(3, "test")]
    _prepare(faces, tmp_path / "at-once.h5")
    monkeypatch.setattr(writer, "LEAST_ROWS", least)
    _prepare(faces, tmp_path / "grown.h5")
    whole, grown = (FaceFile.open(tmp_path / f"{name}.h5") for name in ("at-once", "grown"))
    assert grown.faces == {"train": 4 * BLOCK + 5, "test": 3}
    assert grown.sha256 == whole.sha256
    grown.verify()


def test_the_source_is_not_read_far_ahead() -> None:
    """Else a large dataset's pictures would pile up in memory."""
    read = 0

    def source() -> Iterator[Face]:
        nonlocal read
        for face in dotted_faces(12 * BLOCK, "train"):
            read += 1
            yield face

    cropper = Cropper(None, DOTS, CropRule(side=16), ("inter_ocular", "box"))
    with closing(cropped_blocks(source(), cropper, workers=2)) as blocks:
        for given, block in enumerate(blocks):
            assert len(block.faces) == BLOCK
            assert read <= (given + 4) * BLOCK
    assert read == 12 * BLOCK


def test_an_error_of_the_source_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    def source() -> Iterator[Face]:
        yield from dotted_faces(3 * BLOCK, "train")
        raise ValueError("the list ends in the middle")

    threads = threading.active_count()
    with pytest.raises(ValueError, match="the list ends in the middle"):
        _prepare(source(), tmp_path / "dots.h5")
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


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
    "unlabelled": (
        dataclasses.replace(GOOD[0], visible=np.zeros(5, np.uint8)),
        "none of its landmarks is labelled",
    ),
    "placeless": (
        dataclasses.replace(GOOD[0], landmarks=np.full((5, 2), np.nan), visible=None),
        "landmark 0 is labelled, but has no coordinates",
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


def _torn(count: int) -> list[Face | Rejection]:
    return [*GOOD, *(Rejection(f"line {i}", "it is torn") for i in range(count))]


@pytest.mark.parametrize("strict", [True, False])
def test_as_many_as_allowed_are_left_out(tmp_path: Path, strict: bool) -> None:
    done = _prepare(_torn(5), tmp_path / "dots.h5", strict=strict, max_rejected=5)
    assert len(done.rejections) == 5


@pytest.mark.parametrize("strict", [True, False])
def test_more_are_an_error_that_counts_them_and_names_a_few(tmp_path: Path, strict: bool) -> None:
    said = (
        r"^dataset dots: 6 faces can't be used, more than dataset.max_rejected=5, such as "
        r"line 0: it is torn; line 1: it is torn; line 2: it is torn$"
    )
    with pytest.raises(ValueError, match=said):
        _prepare(_torn(6), tmp_path / "dots.h5", strict=strict, max_rejected=5)
    assert list(tmp_path.iterdir()) == []


def test_all_left_out_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dots has no faces: 2 were left out, such as line 0: "):
        _prepare(_torn(2)[len(GOOD) :], tmp_path / "dots.h5", strict=False)
    flat = np.full((5, 2), 40.0)
    spoilt = [
        dataclasses.replace(face, landmarks=flat) if face.split == "test" else face
        for face in GOOD
    ]
    with pytest.raises(ValueError, match=r"all 2 faces of split 'test' were left out, such as fa"):
        _prepare(spoilt, tmp_path / "dots.h5", strict=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"max_rejected": -1}, r"max_rejected=-1 must be a whole number of at least 0"),
        ({"max_rejected": "all"}, r"max_rejected='all' must be"),
        ({"workers": 0}, "workers=0 must be a whole number from 1 to 1024"),
        ({"workers": True}, "workers=True must be"),
    ],
)
def test_a_wrong_number_is_named(tmp_path: Path, knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _prepare(GOOD, tmp_path / "dots.h5", **knobs)


def test_a_landmark_a_little_outside_stays(tmp_path: Path) -> None:
    _prepare([*GOOD, _moved(-20.0)], tmp_path / "dots.h5")
    assert FaceFile.open(tmp_path / "dots.h5").faces["train"] == 5


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "dots.h5"
    _prepare(GOOD, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="torn"):
        _prepare([Rejection("line 7", "it is torn")], path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("split", "other"), [("train", "test"), ("test", "train")])
def test_a_set_may_have_one_split_alone(tmp_path: Path, split: str, other: str) -> None:
    path = tmp_path / "dots.h5"
    done = _prepare(dotted_faces(300, split), path)  # more than the file grows by at a time
    assert dict(done.faces) == {split: 300}
    file = FaceFile.open(path)
    file.verify()
    assert file.faces == {split: 300, other: 0}
    there, empty = file.read(split), file.read(other)
    for name, array in vars(empty).items():
        assert len(array) == 0
        if isinstance(array, np.ndarray):
            like = getattr(there, name)
            assert (array.dtype, array.shape[1:]) == (like.dtype, like.shape[1:])
    _prepare(dotted_faces(300, split), tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


def test_without_any_face_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^dataset dots has no faces$"):
        _prepare([], tmp_path / "dots.h5")
    assert list(tmp_path.iterdir()) == []


def test_who_is_of_the_source_s_validation_set_is_kept(tmp_path: Path) -> None:
    faces = [dataclasses.replace(face, validation=i == 2) for i, face in enumerate(GOOD)]
    _prepare(faces, tmp_path / "dots.h5")
    file = FaceFile.open(tmp_path / "dots.h5")
    assert file.read("train").validation.tolist() == [False, False, True, False]
    assert file.read("test").validation.tolist() == [False, False]


def test_the_scheme_s_first_normalizer_is_the_default(tmp_path: Path) -> None:
    for normalizer, expected in (
        (None, ("inter_ocular", "box")),
        ("box", ("box", "inter_ocular")),
    ):
        prepare(
            GOOD,
            tmp_path / "dots.h5",
            name="dots",
            root=None,
            scheme=DOTS,
            normalizer=normalizer,
            crop=CropRule(side=16),
        )
        assert FaceFile.open(tmp_path / "dots.h5").normalizers == expected


def test_visible_landmarks_are_kept_and_all_are_where_the_source_is_silent(tmp_path: Path) -> None:
    assert [face.visible is None for face in GOOD[:4]] == [False, True, True, False]
    _prepare(GOOD, tmp_path / "dots.h5")
    visible = FaceFile.open(tmp_path / "dots.h5").read("train").visible
    one_hidden = [2, 2, 2, 1, 2]
    assert visible.tolist() == [one_hidden, [2] * 5, [2] * 5, one_hidden]


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
        ({"scale": 0}, "scale=0"),
        ({"margin": "wide"}, "margin='wide'"),
        ({"side": 99.5}, r"side=99\.5"),
        ({"gray": "red"}, "gray='red'"),
        ({"boxes": "best"}, "boxes='best'"),
    ],
)
def test_a_wrong_crop_rule_is_named(knobs: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CropRule(**knobs)  # type: ignore[arg-type]


def test_a_split_whose_faces_all_lack_the_normalizer_is_an_error(tmp_path: Path) -> None:
    visible = np.array([0, 2, 2, 2, 2], np.uint8)
    blind = [dataclasses.replace(f, visible=visible) if f.split == "test" else f for f in GOOD]
    with pytest.raises(ValueError, match="no face of test has a usable inter_ocular"):
        _prepare(blind, tmp_path / "dots.h5")
    assert list(tmp_path.iterdir()) == []
