import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from landmark_lightning.inference.detector import LandmarkDetector
from landmark_lightning.inference.photos.stream import Found, find_all
from landmark_lightning.inference.photos.tables import Tables
from tests.inference.made_network import BLOB, SHAPE, blobs, calibration, card, find_blobs

MIDDLES = [(60.5 + 3 * n, 50.5 + n) for n in range(11)]


def boxes(name: str) -> NDArray[np.float64]:
    """No box for photo 3, two for photo 5."""
    number = int(Path(name).stem)
    points = MIDDLES[number] + BLOB * SHAPE
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])[None]
    return box[:0] if number == 3 else np.concatenate([box, box]) if number == 5 else box


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """Eleven photos, of which two can't be read and one is a pipe."""
    paths = [tmp_path / f"{n}.png" for n in range(11)]
    for path, middle in zip(paths, MIDDLES, strict=True):
        Image.fromarray(blobs(120, 160, middle)).save(path)
    paths[2].write_bytes(b"broken")
    paths[7].unlink()
    paths[8].unlink()
    os.mkfifo(paths[8])
    return [str(path) for path in paths]


def found(names: list[str], batch_size: int, workers: int = 2) -> list[Found]:
    detector = LandmarkDetector(find_blobs, card(calibration()))
    return list(
        find_all(
            detector,
            names,
            boxes,
            "true",
            batch_size=batch_size,
            workers=workers,
            max_pixels=10**6,
        )
    )


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_each_photo_is_answered_in_its_order(names: list[str], batch_size: int) -> None:
    answers = found(names, batch_size)
    assert [answer.name for answer in answers] == names
    for number, answer in enumerate(answers):
        if number in (2, 7, 8):
            assert answer.faces is None
            assert names[number] in answer.reason
            continue
        assert answer.faces is not None
        assert len(answer.faces) == {3: 0, 5: 2}.get(number, 1)
        expected = MIDDLES[number] + BLOB * SHAPE
        for points in answer.faces.points:
            np.testing.assert_allclose(points, expected, atol=0.1)


def test_more_photos_than_wait_at_a_time(names: list[str]) -> None:
    assert len(found(names * 9, 4, workers=3)) == 99


def test_the_tables_say_it(names: list[str]) -> None:
    table, lines = io.StringIO(newline=""), io.StringIO()
    tables = Tables(table, lines, 3)
    for answer in found(names, 4):
        if answer.faces is not None:
            tables.add(answer.name, answer.faces)
    tables.add("odd \udcff, name", answer.faces)  # type: ignore[arg-type]
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [len(each["faces"]) for each in told] == [1, 1, 0, 1, 2, 1, 1, 1, 1]
    assert len(rows) == 9
    assert rows[3]["image"] == names[5]
    assert [row["face"] for row in rows[3:5]] == ["0", "1"]
    assert rows[-1]["image"] == "odd \\udcff, name"
    first = told[0]["faces"][0]
    assert first["points"] == [[float(rows[0][f"{a}{i}"]) for a in "xy"] for i in range(3)]
    for i in range(3):
        assert float(rows[0][f"error{i}"]) == first["predicted_error"][i] > 0
        assert float(rows[0][f"bound{i}"]) == first["bound"][i] > first["predicted_error"][i]
        assert int(rows[0][f"kept{i}"]) == first["kept"][i]
    assert [float(rows[0][name]) for name in ("box_x0", "box_y0", "box_x1", "box_y1")] == first[
        "box"
    ]
    assert {"validity", "rejected"} <= rows[0].keys()


def test_what_was_not_measured_is_blank() -> None:
    table, lines = io.StringIO(), io.StringIO()
    faces = LandmarkDetector(find_blobs, card())(blobs(120, 160, MIDDLES[0]), boxes=boxes("0"))
    Tables(table, lines, 3).add("a", faces)
    (row,) = csv.DictReader(io.StringIO(table.getvalue()))
    assert row["validity"] == row["bound0"] == ""
    assert json.loads(lines.getvalue())["faces"][0]["bound"] == [None] * 3
