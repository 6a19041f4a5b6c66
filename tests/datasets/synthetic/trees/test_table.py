import csv
from pathlib import Path

import numpy as np

from landmark_lightning.datasets.synthetic.trees.write import write_layout
from tests.datasets.synthetic.trees.conftest import Tree


def test_rows(trees: dict[str, Tree]) -> None:
    root, faces = trees["table"]
    written = (root / "landmarks.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf")
    assert written.endswith(b"\r\n\r\n")
    with (root / "landmarks.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["image"]]
    for row, face in zip(rows, faces, strict=True):
        assert (row["image"], row["split"]) == (face.photo, face.split)
        assert tuple(s for s in row["subset"].split(";") if s) == face.subsets
        points = [[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(68)]
        np.testing.assert_allclose(points, face.landmarks, atol=1e-9)
        if face.box is not None:
            box = [float(row[f"box_{name}"]) for name in ("x0", "y0", "x1", "y1")]
            np.testing.assert_allclose(box, face.box, atol=1e-9)
        assert (row["box_x0"] == "") == (face.box is None)
        assert (root / face.photo).is_file()
    assert any(face.box is None for face in faces)
    assert len({Path(face.photo).suffix for face in faces}) == 4
    assert len({face.photo for face in faces}) < len(faces)


def test_another_scheme(tmp_path: Path) -> None:
    faces = write_layout(
        tmp_path / "t", "table", faces=4, photo=32, distinct=2, scheme="wflw98", progress=False
    )
    assert {face.landmarks.shape for face in faces} == {(98, 2)}
    assert "x97,y97" in (tmp_path / "t/landmarks.csv").read_text().splitlines()[0]
