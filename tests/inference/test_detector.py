import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from landmark_lightning.datasets.boxes import BoxMap
from landmark_lightning.errors import UserError
from landmark_lightning.inference.detector import LandmarkDetector
from landmark_lightning.inference.networks import Answer
from tests.inference.made_network import BLOB, SHAPE, SIDE, blobs, calibration, card, find_blobs

MIDDLE = (99.5, 79.5)
POINTS = MIDDLE + BLOB * SHAPE
BOX = np.array([[79.5, 61.5, 119.5, 97.5]])  # their tight box


def photo() -> NDArray[np.uint8]:
    return blobs(160, 200, MIDDLE)


def made(**changes: object) -> LandmarkDetector:
    return LandmarkDetector(find_blobs, card(calibration()), **changes)  # type: ignore[arg-type]


def test_landmarks_lie_where_they_are_in_the_photo() -> None:
    found = made()(photo(), boxes=BOX)
    assert found.points.shape == (1, 3, 2)
    np.testing.assert_allclose(found.points[0], POINTS, atol=0.1)
    np.testing.assert_allclose(found.box, [[79.5, 59.5, 119.5, 99.5]])  # the square around the box
    assert (found.predicted_error > 0).all()
    assert (found.bound > found.predicted_error).all()
    assert 0 <= found.validity[0] <= 1


def test_the_error_is_told_in_pixels_of_the_photo() -> None:
    small = made()(photo(), boxes=BOX)
    doubled = np.asarray(Image.fromarray(photo()).resize((400, 320), Image.Resampling.NEAREST))
    large = made()(doubled, boxes=2 * BOX + 0.5)
    np.testing.assert_allclose(large.predicted_error, 2 * small.predicted_error, rtol=1e-6)
    np.testing.assert_allclose(large.bound, 2 * small.bound, rtol=1e-6)
    np.testing.assert_allclose(large.points, 2 * small.points + 0.5, atol=0.1)
    np.testing.assert_array_equal(large.kept, small.kept)


def test_later_passes_are_cut_around_the_points_before_and_the_mean_is_given() -> None:
    inputs = []

    def drawn_to_the_middle(images: NDArray[np.uint8]) -> Answer:
        inputs.append(images)
        points, signals, _ = find_blobs(images)
        return Answer(points * np.float32(0.5) + np.float32((SIDE - 1) / 4), signals)

    detector = LandmarkDetector(drawn_to_the_middle, card(calibration()))
    beside = BOX + [16, 0, 16, 0]
    once, twice = (detector(photo(), boxes=beside, passes=n).points[0] for n in (1, 2))
    assert len(inputs) == 3
    away = [abs(points.mean(axis=0) - POINTS.mean(axis=0))[0] for points in (once, twice)]
    assert away[0] == pytest.approx(8, abs=0.3)  # half of 16
    assert away[1] == pytest.approx(6, abs=0.3)  # the mean of 8 and 4


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "pil", "rgb", "rgba", "deep", "one"])
def test_any_picture_is_taken(kind: str, tmp_path: Path) -> None:
    grays = photo()
    picture = Image.fromarray(grays)
    path = tmp_path / "ü (1), x=y.png"
    picture.save(path)
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    given = {
        "path": path,
        "text": str(path),
        "bytes": encoded.getvalue(),
        "pil": picture.convert("RGB"),
        "rgb": np.repeat(grays[..., None], 3, axis=2),
        "rgba": np.concatenate(
            [np.repeat(grays[..., None], 3, axis=2), np.full((160, 200, 1), 255, np.uint8)], 2
        ),
        "deep": (grays.astype(np.uint16) * 257),
        "one": grays[..., None],
    }[kind]
    found = made()(given, boxes=BOX)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.points, made()(grays, boxes=BOX).points, atol=1e-6)


def test_a_photo_that_exif_turns_counts_as_turned(tmp_path: Path) -> None:
    picture = Image.fromarray(photo())
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned to the left: upright after a quarter turn clockwise
    picture.transpose(Image.Transpose.ROTATE_90).save(
        tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0
    )
    found = made()(tmp_path / "a.jpg", boxes=BOX)
    np.testing.assert_allclose(found.points[0], POINTS, atol=0.2)


def test_several_photos_with_several_faces_or_none() -> None:
    two = blobs(160, 300, MIDDLE, (209.5, 69.5))
    boxes = [np.concatenate([BOX, BOX + [110, -10, 110, -10]]), np.empty((0, 4)), BOX]
    found = made()([two, photo(), photo()], boxes=boxes, batch_size=2)
    assert found.image.tolist() == [0, 0, 2]
    assert len(found.of(1)) == 0
    np.testing.assert_allclose(found.of(0).points[1], POINTS + [110, -10], atol=0.1)
    np.testing.assert_allclose(found.of(2).points[0], POINTS, atol=0.1)
    nobody = made()([], boxes=[])
    assert nobody.points.shape == (0, 3, 2)


def test_whole_is_the_square_of_the_photo() -> None:
    crop = photo()[40:120, 60:140]  # twice the longer side of the box, around its middle
    found = made()(crop, boxes="whole")
    np.testing.assert_allclose(found.points[0], POINTS - [60, 40], atol=0.1)
    np.testing.assert_allclose(found.box, BOX - [60, 42, 60, 38])


def test_a_detectors_box_is_mapped() -> None:
    shifted = BoxMap((0.25, 0.0), 1.2, (0.0, 0.0, 0.0), 100)
    detector = LandmarkDetector(
        find_blobs,
        card(calibration(shifted)),
        detect=lambda grays: np.array([[70.0, 68.0, 90.0, 88.0]]),
    )
    found = detector(photo())
    np.testing.assert_allclose(found.box, [[73, 66, 97, 90]])


def test_without_a_map_it_says_so() -> None:
    with pytest.raises(UserError, match="landmark-calibrate"):
        LandmarkDetector(find_blobs, card(calibration()), detect=lambda grays: BOX)(photo())


def test_without_a_calibration_nothing_is_promised() -> None:
    found = LandmarkDetector(find_blobs, card())(photo(), boxes=BOX)
    assert np.isnan(found.bound).all()
    assert np.isnan(found.validity).all()
    assert found.kept.all()


@pytest.mark.parametrize(
    ("picture", "boxes", "expected"),
    [
        (np.zeros((4, 4), np.float32), "whole", "uint8 or uint16"),
        (np.zeros((4, 4, 2), np.uint8), "whole", r"\(H, W\)"),
        (np.zeros((0, 4), np.uint8), "whole", r"\(H, W\)"),
        (b"no picture", "whole", "damaged or none of"),
        (np.zeros((9, 9), np.uint8), "middle", "must be detector, whole"),
        (np.zeros((9, 9), np.uint8), np.array([[5.0, 5, 2, 9]]), "x0 < x1"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    picture: object, boxes: object, expected: str
) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        made()(picture, boxes=boxes)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_arguments_are_checked() -> None:
    with pytest.raises(UserError, match="passes=4"):
        made()(photo(), boxes=BOX, passes=4)
    with pytest.raises(UserError, match="1 entries for 2 photos"):
        made()([photo(), photo()], boxes=[BOX])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jpg does not exist"):
        made()("nowhere.jpg", boxes="whole")


def test_threads_share_it() -> None:
    detector = made()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: detector(photo(), boxes=BOX).points, range(64)))
    assert all(np.array_equal(each, found[0]) for each in found)


def test_it_needs_no_torch() -> None:
    code = (
        "import sys, landmark_lightning.inference.detector, landmark_lightning.inference.networks;"
        "import landmark_lightning.commands.predict;"
        "assert not {'torch', 'pytorch_lightning'} & set(sys.modules), 'torch'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[1, 2, 3]], r"boxes has shape \(1, 3\), expected \(F, 4\)"),
        ([1, 2, 3, 4, 5, 6, 7, 8], r"boxes has shape \(8,\), expected"),
        ([[5, 1, 2, 3]], r"box \[5.0, 1.0, 2.0, 3.0\] must be x0, y0, x1, y1"),
        ("everywhere", "boxes='everywhere' must be detector, whole, or boxes"),
    ],
)
def test_boxes_that_are_none_are_named(boxes: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(UserError, match=message):
        made()(photo(), boxes=boxes)
