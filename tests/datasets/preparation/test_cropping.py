import dataclasses
import re
import struct
import zlib
from concurrent.futures import CancelledError
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from PIL import Image

from landmark_lightning import geometry
from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.facefile import CropRule
from landmark_lightning.datasets.photos import Photo, Reading
from landmark_lightning.datasets.preparation import cropping
from landmark_lightning.datasets.preparation.cropping import CroppedFaces, Cropper
from tests.conftest import DOTS, dotted_faces, photographed

CROPPER = Cropper(None, DOTS, CropRule(side=64), ("inter_ocular", "box"))
FACES = [*dotted_faces(6, "train")]


def _crop(*block: Face | Rejection, cropper: Cropper = CROPPER) -> CroppedFaces:
    return cropper(block, Event())


def test_a_face_s_row_does_not_depend_on_the_block_around_it() -> None:
    together = _crop(*FACES)
    for i, face in enumerate(FACES):
        alone = _crop(face)
        for name, row in together.rows.items():
            assert np.allclose(row[i], alone.rows[name][0], 1e-6, 1e-6, equal_nan=True), name


def test_rejections_keep_the_block_s_order() -> None:
    far = dataclasses.replace(FACES[1], landmarks=FACES[1].landmarks + 900, where="far")
    flat = dataclasses.replace(FACES[2], landmarks=np.full((5, 2), 40.0), where="flat")
    block: list[Face | Rejection]
    block = [far, FACES[0], Rejection("line 7", "it is torn"), flat, FACES[3]]
    cropped = _crop(*block)
    assert [face.photo for face in cropped.faces] == [FACES[0].photo, FACES[3].photo]
    assert [rejection.where for rejection in cropped.rejections] == ["far", "line 7", "flat"]
    assert str(cropped.rejections[1]) == "line 7: it is torn"
    assert {len(row) for row in cropped.rows.values()} == {2}


@pytest.mark.parametrize("block", [[], [Rejection("line 7", "it is torn")]])
def test_a_block_without_faces(block: list[Face | Rejection]) -> None:
    cropped = _crop(*block)
    assert cropped.faces == []
    assert cropped.rows == {}
    assert cropped.rejections == block


def test_an_unwanted_block_is_given_up() -> None:
    stop = Event()
    stop.set()
    with pytest.raises(CancelledError):
        CROPPER(FACES, stop)


def test_faces_of_one_photo_in_a_row_share_its_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = zip(FACES, "aaabba", strict=True)
    block = photographed([dataclasses.replace(f, photo=f"{n}.png") for f, n in named], tmp_path)
    read: list[str] = []

    def counted(path: Path, *_: object) -> Photo:
        read.append(path.name)
        return Photo(np.asarray(Image.open(path)))

    monkeypatch.setattr(cropping, "read_photo", counted)
    cropped = _crop(*block, cropper=dataclasses.replace(CROPPER, root=tmp_path))
    assert len(cropped.faces) == 6
    assert read == ["a.png", "b.png", "a.png"]
    assert np.array_equal(cropped.rows["images"][5], _crop(FACES[5]).rows["images"][0])


def test_landmarks_map_back_to_the_photo() -> None:
    rows = _crop(*FACES).rows
    in_photo = geometry.apply_affine(
        torch.from_numpy(rows["to_photo"]), torch.from_numpy(rows["landmarks"])
    )
    for face, points in zip(FACES, in_photo, strict=True):
        assert np.allclose(points.numpy(), face.landmarks, atol=1e-3)


def test_the_normalizer_is_in_crop_pixels() -> None:
    rows = _crop(*FACES).rows
    eyes = np.linalg.norm(rows["landmarks"][:, 0] - rows["landmarks"][:, 1], axis=1)
    assert np.allclose(rows["normalizer"][:, 0], eyes, atol=1e-3)


def test_the_crop_shows_the_box_scaled() -> None:
    """scale 1.2 and margin 2: the box's longer side takes 1 / 2.4 of the crop, in its middle."""
    landmarks = _crop(*FACES).rows["landmarks"]
    low, high = landmarks.min(axis=1), landmarks.max(axis=1)
    assert np.allclose((high - low).max(axis=1), 64 / 2.4, atol=1e-3)
    assert np.allclose((high + low) / 2, 31.5, atol=1e-3)


@pytest.mark.parametrize(("kind", "field"), [("provided", "box"), ("detector", "detector")])
def test_boxes_of_the_source(kind: str, field: str) -> None:
    cropper = dataclasses.replace(CROPPER, rule=CropRule(side=64, boxes=kind))
    box = {field: np.array([10.0, 10.0, 90.0, 80.0])}
    boxed = dataclasses.replace(FACES[0], **box)  # type: ignore[arg-type]
    cropped = _crop(boxed, FACES[1], cropper=cropper)
    assert cropped.rows["box"].tolist() == [[10.0, 10.0, 90.0, 80.0]]
    assert cropped.rows["to_photo"][0, 0, 0] == pytest.approx(80 * 2.4 / 64)
    missing = {"provided": "box", "detector": "detector's box"}[kind]
    reason = f"it has no {missing}, and dataset.boxes={kind} asks for it"
    assert cropped.rejections == [Rejection(FACES[1].where, reason, "train", FACES[1].photo)]


def test_a_box_that_holds_no_landmark() -> None:
    cropper = dataclasses.replace(CROPPER, rule=CropRule(side=64, boxes="provided"))
    far = dataclasses.replace(FACES[0], box=np.array([900.0, 900.0, 950.0, 950.0]))
    assert "holds none of its landmarks" in _crop(far, cropper=cropper).rejections[0].reason


BOX = np.array([18.0, 20.0, 78.0, 75.0])
"""About the box of a dotted face, in its photo of 96 x 96."""


@pytest.mark.parametrize("boxes", ["landmarks", "provided", "detector"])
@pytest.mark.parametrize("times", [1.0, 2.5, 6.0, 30.0, 1e12, 1e160, 1e308])
def test_a_box_is_held_against_its_photo(boxes: str, times: float) -> None:
    """Nearly black crops, or an error divided by a length that is none, are of no use."""
    center, half = BOX.reshape(2, 2).mean(axis=0), np.ptp(BOX.reshape(2, 2), axis=0) / 2
    with np.errstate(over="ignore"):
        box = np.concatenate([center - times * half, center + times * half])
    if boxes == "detector":
        face = dataclasses.replace(FACES[0], box=BOX, detector=box)
    else:
        face = dataclasses.replace(FACES[0], box=box, detector=BOX)
    cropped = _crop(
        face, cropper=dataclasses.replace(CROPPER, rule=CropRule(side=16, boxes=boxes))
    )
    if times <= 2.5:
        assert len(cropped.faces) == 1
        return
    (rejection,) = cropped.rejections
    kind = "detector" if boxes == "detector" else "provided"
    assert rejection.where == FACES[0].where
    assert rejection.reason.startswith(f"its {kind} box [")
    assert "too large for photo 'train/0.png' of 96 x 96 pixels" in rejection.reason


def test_a_box_that_holds_a_landmark_but_lies_beside_the_photo() -> None:
    landmarks = FACES[0].landmarks.copy()
    landmarks[0] = -30.0, 40.0
    face = dataclasses.replace(
        FACES[0], landmarks=landmarks, box=np.array([-130.0, 0.0, -29.0, 90.0])
    )
    cropper = dataclasses.replace(CROPPER, rule=CropRule(side=16, boxes="provided"))
    (rejection,) = _crop(face, cropper=cropper).rejections
    assert rejection.reason.endswith("96 x 96 pixels or lies beside it")


def test_a_face_whose_landmarks_all_lie_beside_its_photo() -> None:
    beside = dataclasses.replace(FACES[0], landmarks=FACES[0].landmarks + [70.0, 0.0])
    (rejection,) = _crop(beside).rejections
    assert rejection.reason.startswith("its landmarks box [")


@pytest.mark.parametrize("far", [1e12, -1e12, 1e160, 1e308])
def test_absurd_landmarks_are_named(far: float) -> None:
    landmarks = FACES[0].landmarks.copy()
    landmarks[1, 0] = far
    absurd = dataclasses.replace(FACES[0], landmarks=landmarks)
    cropped = _crop(absurd, FACES[1])
    assert [face.photo for face in cropped.faces] == [FACES[1].photo]
    assert "landmark 1 at (" in cropped.rejections[0].reason


@pytest.mark.parametrize("annotated", [True, False])
def test_the_box_normalizer_is_the_same_in_the_photo_however_the_crop_is_cut(
    annotated: bool,
) -> None:
    """The annotation's box, or else the landmarks': never the one the crop is cut around."""
    faces = [
        dataclasses.replace(
            face,
            box=np.array([10.0, 10.0, 90.0, 80.0]) if annotated else None,
            detector=np.array([25.0, 15.0, 80.0, 80.0]),
        )
        for face in FACES
    ]
    lengths = []
    for boxes in ("landmarks", "detector", *(("provided",) if annotated else ())):
        rule = CropRule(side=64, boxes=boxes)
        rows = _crop(*faces, cropper=dataclasses.replace(CROPPER, rule=rule)).rows
        lengths.append(rows["normalizer"][:, 1] * rows["to_photo"][:, 0, 0])
    assert np.allclose(lengths, lengths[0])
    if annotated:
        assert np.allclose(lengths[0], np.sqrt(80 * 70))


def test_photos_behind_links_where_that_is_allowed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    faces = photographed([*dotted_faces(2, "test")], elsewhere)
    root.mkdir()
    (root / "test").symlink_to(elsewhere / "test")
    refused = _crop(*faces, cropper=dataclasses.replace(CROPPER, root=root))
    assert refused.faces == []
    assert all("dataset.follow_links=true" in r.reason for r in refused.rejections)
    reading = Reading(follow_links=True)
    allowed = _crop(*faces, cropper=dataclasses.replace(CROPPER, root=root, reading=reading))
    plain = _crop(*faces, cropper=dataclasses.replace(CROPPER, root=elsewhere))
    assert np.array_equal(allowed.rows["images"], plain.rows["images"])


def test_photos_of_sixteen_bits_are_counted(tmp_path: Path) -> None:
    faces = photographed([*dotted_faces(3, "test")], tmp_path)
    gray = np.asarray(Image.open(tmp_path / "test/0.png")).astype(np.uint16)
    Image.fromarray(gray * 257).save(tmp_path / "test/1.png")
    Image.fromarray((gray * (4095 / 255)).round().astype(np.uint16)).save(tmp_path / "test/2.png")
    same = [dataclasses.replace(faces[0], photo=face.photo) for face in faces]
    cropped = _crop(*same, cropper=dataclasses.replace(CROPPER, root=tmp_path))
    assert cropped.deep == {16: 1, 12: 1}
    images = cropped.rows["images"].astype(int)
    assert np.abs(images - images[0]).max() <= 1


def _huge(path: Path) -> None:
    """A PNG whose header claims 60,000 x 60,000 pixels."""
    Image.new("L", (1, 1)).save(path, format="PNG")
    content = path.read_bytes()
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(header))
    path.write_bytes(content[:12] + header + crc + content[33:])


def _spoil(kind: str, path: Path) -> None:
    if kind == "no image":
        path.write_text("x0,y0")
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:3000])
    elif kind == "one pixel":
        Image.new("L", (1, 1)).save(path)
    elif kind == "huge":
        _huge(path)
    elif kind == "a link out":
        outside = path.parent.parent.parent / "outside.png"
        path.rename(outside)
        path.symlink_to(outside)
    elif kind == "a folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no image", r"photo \S*test/1\.png is damaged or none of JPEG"),
        ("truncated", r"photo \S*test/1\.png is damaged or none of JPEG"),
        ("one pixel", r"far outside photo 'test/1\.png' of 1 x 1 pixels"),
        ("huge", r"photo \S*test/1\.png claims (60000 x 60000|too many) pixels"),
        (
            "a link out",
            r"photo 'test/1\.png' lies outside \S*root, behind .* dataset\.follow_links=true",
        ),
        ("a folder", r"photo 'test/1\.png' does not exist under \S*root"),
        ("dots", r"photo '\.\./outside\.png' lies outside \S*root"),
        ("absolute", r"photo '/etc/hostname' lies outside \S*root"),
    ],
)
def test_a_bad_photo_is_one_sentence_and_the_others_stay(
    tmp_path: Path, kind: str, said: str
) -> None:
    root = tmp_path / "root"
    faces = photographed([*dotted_faces(3, "test")], root)
    _spoil(kind, root / "test/1.png")
    if kind in ("dots", "absolute"):
        photo = "../outside.png" if kind == "dots" else "/etc/hostname"
        (tmp_path / "outside.png").write_bytes((root / "test/1.png").read_bytes())
        faces[1] = dataclasses.replace(faces[1], photo=photo)
    cropped = _crop(*faces, cropper=dataclasses.replace(CROPPER, root=root))
    assert [face.photo for face in cropped.faces] == ["test/0.png", "test/2.png"]
    assert [rejection.where for rejection in cropped.rejections] == ["face 1 of test"]
    assert re.search(said, cropped.rejections[0].reason)
    assert "\n" not in cropped.rejections[0].reason


def test_a_crop_is_cut_around_the_landmarks_that_are_labelled() -> None:
    face = FACES[1]
    visible = np.array([2, 2, 0, 1, 2], np.uint8)
    alone = _crop(
        dataclasses.replace(face, landmarks=face.landmarks[visible > 0][[0, 1, 2, 3, 3]])
    )
    gone = face.landmarks.copy()
    gone[2] = -1.0, -1.0  # whatever stands there
    cropped = _crop(dataclasses.replace(face, landmarks=gone, visible=visible))
    for name in ("box", "to_photo", "images"):
        assert np.array_equal(cropped.rows[name], alone.rows[name]), name
    assert np.isnan(cropped.rows["landmarks"][0]).any(axis=1).tolist() == [*(visible == 0)]
    assert cropped.rows["visible"].tolist() == [visible.tolist()]


@pytest.mark.parametrize("gap", ["unlabelled", "close"])
def test_a_face_without_a_normalizer_is_kept_without_it(gap: str) -> None:
    landmarks, visible = FACES[0].landmarks.copy(), np.full(5, 2, np.uint8)
    if gap == "unlabelled":
        landmarks[1], visible[1] = np.nan, 0
    else:  # an eye's distance of 0.25 pixels would make an NME of 9 one of 315
        landmarks[1] = landmarks[0] + [0.25, 0]
    face = dataclasses.replace(FACES[0], landmarks=landmarks, visible=visible)
    inter_ocular, box = _crop(face).rows["normalizer"][0]
    assert np.isnan(inter_ocular)
    assert box > 0


def test_a_name_that_is_no_utf_8_is_a_rejection() -> None:
    cropped = _crop(dataclasses.replace(FACES[0], photo="J\udcfcrgen.png", where="line 2"))
    assert [str(rejection) for rejection in cropped.rejections] == [
        "line 2: the name J\\udcfcrgen.png is no UTF-8; rename it"
    ]
