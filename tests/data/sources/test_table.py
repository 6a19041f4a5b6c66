from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.data.face import Face, Rejection
from landmark_lightning.data.sources import table
from tests.conftest import DOTS

POINTS = "x0,y0,x1,y1,x2,y2,x3,y3,x4,y4"
NUMBERS = "1,2,3,4,5,6,7,8,9,10"


def _write(root: Path, *lines: str) -> Path:
    Image.new("L", (20, 20)).save(root / "a.png")
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n")
    return root


def test_reads_faces(tmp_path: Path) -> None:
    header = f"split,image,{POINTS},group,subset,box_x0,box_y0,box_x1,box_y1"
    root = _write(
        tmp_path,
        header,
        f"train,a.png,{NUMBERS},ann,dark; side,0,1,12,13",
        f"test,a.png,{NUMBERS},,,,,,",
    )
    first, second = table.read(root, DOTS)
    assert isinstance(first, Face)
    assert isinstance(second, Face)
    assert first.landmarks.tolist() == np.arange(1.0, 11.0).reshape(5, 2).tolist()
    assert (first.split, first.group, first.subsets) == ("train", "ann", ("dark", "side"))
    assert first.box is not None
    assert first.box.tolist() == [0.0, 1.0, 12.0, 13.0]
    assert (second.split, second.group, second.subsets, second.box) == ("test", "", (), None)
    assert second.where == f"{root / 'landmarks.csv'} line 3"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"train,none.png,{NUMBERS}", "'none.png' does not exist"),
        (f"train,../a.png,{NUMBERS}", "lies outside"),
        ("train,a.png,1,2,3,nan,5,6,7,8,9,10", "y1 is 'nan', not a finite number"),
        ("train,a.png,1,2,3,4,five,6,7,8,9,10", "x2 is 'five', not a number"),
        ("train,a.png,1,2,3,4,5,6,7,8,9", "it has 11 cells, the header 12"),
        (f"val,a.png,{NUMBERS}", "split is 'val', not train or test"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, line: str, said: str) -> None:
    root = _write(tmp_path, f"split,image,{POINTS}", f"train,a.png,{NUMBERS}", line)
    good, bad = table.read(root, DOTS)
    assert isinstance(good, Face)
    assert isinstance(bad, Rejection)
    assert bad.where.endswith("landmarks.csv line 3")
    assert said in bad.reason


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (f"image,{POINTS}", "no column 'split'"),
        ("image,split,x0,y0,x1,y1", "has 2 landmarks .*scheme dots5 needs 5"),
        (f"image,split,{POINTS},x5,y5", "has 6 landmarks"),
        (f"image,split,{POINTS},x7", "has 5 landmarks"),
        (f"image,split,{POINTS},split", "names a column twice"),
        (f"image,split,{POINTS},box_x0", "a box needs all"),
        (f"image,split,{POINTS},age", "column 'age' is unknown"),
    ],
)
def test_a_header_that_cannot_be_used_is_named(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"landmarks\.csv: .*{said}"):
        table.read(_write(tmp_path, header), DOTS)


def test_a_missing_table_or_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"landmarks\.csv does not exist"):
        table.read(tmp_path, DOTS)
    with pytest.raises(ValueError, match=r"dataset\.root is not given"):
        table.read(None, DOTS)


def test_binary_content_is_named(tmp_path: Path) -> None:
    (tmp_path / "landmarks.csv").write_bytes(b"\xff\xfe\x00image")
    with pytest.raises(ValueError, match="no CSV text"):
        table.read(tmp_path, DOTS)
