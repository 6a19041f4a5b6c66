from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import own
from tests.conftest import DOTS

POINTS = "x0,y0,x1,y1,x2,y2,x3,y3,x4,y4"
NUMBERS = "1,2,3,4,5,6,7,8,9,10"
SEEN = "v0,v1,v2,v3,v4"


def _write(root: Path, *lines: str) -> Path:
    Image.new("L", (20, 20)).save(root / "a.png")
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n")
    return root


def _faces(root: Path, *lines: str) -> list[Face]:
    found = list(own.read(_write(root, *lines) if lines else root, DOTS))
    assert all(isinstance(face, Face) for face in found), found
    return [face for face in found if isinstance(face, Face)]


def test_reads_faces(tmp_path: Path) -> None:
    header = f"split,image,{POINTS},group,subset,box_x0,box_y0,box_x1,box_y1"
    root = _write(
        tmp_path,
        header,
        f"train,a.png,{NUMBERS},ann,dark; side,0,1,12,13",
        f"test,a.png,{NUMBERS},,,,,,",
    )
    first, second = _faces(root)
    assert first.landmarks.tolist() == np.arange(1.0, 11.0).reshape(5, 2).tolist()
    assert (first.split, first.group, first.subsets) == ("train", "ann", ("dark", "side"))
    assert first.visible is None
    assert first.box is not None
    assert first.box.tolist() == [0.0, 1.0, 12.0, 13.0]
    assert (second.split, second.group, second.subsets, second.box) == ("test", "", (), None)
    assert second.where == f"{root / 'landmarks.csv'} line 3"


@pytest.mark.parametrize("blank", ["", " ", "nan", "NaN", "NA"])
def test_blank_coordinates_are_not_labelled(tmp_path: Path, blank: str) -> None:
    [face] = _faces(
        tmp_path, f"split,image,{POINTS}", f"train,a.png,1,2,{blank},{blank},5,6,7,8,9,10"
    )
    assert face.visible is not None
    assert face.visible.dtype == np.uint8
    assert face.visible.tolist() == [2, 0, 2, 2, 2]
    assert np.isnan(face.landmarks).tolist() == [[i == 1] * 2 for i in range(5)]
    assert face.landmarks[2].tolist() == [5.0, 6.0]


def test_columns_say_what_is_covered_and_what_is_not_labelled(tmp_path: Path) -> None:
    """A landmark of v=0 has no place, whatever its cells hold; a blank v goes by the cells."""
    first, second = _faces(
        tmp_path,
        f"split,image,{POINTS},{SEEN}",
        "train,a.png,1,2,0,0,5,6,-1,-1,9,10,2,0,1,0,2",
        "train,a.png,1,2,3,4,5,6,,,9,10,2,1.0,,,2",
    )
    assert first.visible is not None
    assert second.visible is not None
    assert first.visible.tolist() == [2, 0, 1, 0, 2]
    assert second.visible.tolist() == [2, 1, 2, 0, 2]
    for face in (first, second):
        np.testing.assert_array_equal(np.isnan(face.landmarks).all(axis=1), face.visible == 0)


def test_rows_of_val_are_the_validation_set(tmp_path: Path) -> None:
    faces = _faces(
        tmp_path, f"split,image,{POINTS}", *(f"{s},a.png,{NUMBERS}" for s in ("train", "val"))
    )
    assert [(face.split, face.validation) for face in faces] == [("train", False), ("train", True)]


def test_a_column_of_yes_and_no_is_a_subset(tmp_path: Path) -> None:
    faces = _faces(
        tmp_path,
        f"split,image,{POINTS},hat,subset,beard,none",
        f"train,a.png,{NUMBERS},1,dark;hat,True,",
        f"train,a.png,{NUMBERS},0,,false,",
        f"test,a.png,{NUMBERS},,,true,",
    )
    assert [face.subsets for face in faces] == [("dark", "hat", "beard"), (), ("beard",)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"train,none.png,{NUMBERS}", "'none.png' does not exist"),
        (f"train,../a.png,{NUMBERS}", "lies outside"),
        (f"train,,{NUMBERS}", "it names no photo"),
        (f"train,a\0.png,{NUMBERS}", r"'a\x00.png' has a line break, a control character"),
        ("train,a.png,1,2,3,nan,5,6,7,8,9,10", "landmark 1 at (3, nan) lacks a coordinate; if it"),
        ("train,a.png,1,2,3,4,,6,7,8,9,10", "landmark 2 at (nan, 6) lacks a coordinate"),
        ("train,a.png,1,2,3,4,five,6,7,8,9,10", "x2 is 'five', not a number"),
        ("train,a.png,1,2,3,4,inf,6,7,8,9,10", "x2 is 'inf', not a finite number"),
        ("train,a.png,1,2,3,4,1e12,6,7,8,9,10", "landmark 2 at (1e+12, 6) is no pixel of a photo"),
        ("train,a.png,1,2,3,4,5,6,7,8,9", "it has 11 cells, the header 12"),
        (f"train,a.png,{NUMBERS},11", "it has 13 cells, the header 12"),
        (f"dev,a.png,{NUMBERS}", "split is 'dev', not train, val or test"),
        ("train,a.png,0,0,3,4,5,6,7,8,9,10", "landmark 0 at (0, 0) is a mark rather than a place"),
        (
            "train,a.png,1,2,3,4,5,6,-1,-1,9,10",
            "landmark 3 at (-1, -1) is a mark rather than a place; if it is not labelled, leave "
            "its cells blank or give it v=0",
        ),
        ("train,a.png,,,,,,,,,,", "it has no labelled landmark"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, line: str, said: str) -> None:
    root = _write(tmp_path, f"split,image,{POINTS}", f"train,a.png,{NUMBERS}", line)
    good, bad = own.read(root, DOTS)
    assert isinstance(good, Face)
    assert isinstance(bad, Rejection)
    assert bad.where.endswith("landmarks.csv line 3")
    assert said in bad.reason


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (f"{NUMBERS},2,2,3,2,2", "v2 is '3', not 0, 1 or 2"),
        (f"{NUMBERS},2,2,yes,2,2", "v2 is 'yes', not 0, 1 or 2"),
        (f"{NUMBERS},0,0,0,0,0", "it has no labelled landmark"),
        ("1,2,3,4,,,7,8,9,10,2,2,1,2,2", "landmark 2 at (nan, nan) lacks a coordinate"),
        ("1,2,3,4,0,0,7,8,9,10,2,2,1,2,2", "landmark 2 at (0, 0) is a mark rather than a place"),
    ],
)
def test_v_that_does_not_fit_is_named(tmp_path: Path, cells: str, said: str) -> None:
    _write(tmp_path, f"split,image,{POINTS},{SEEN}", f"train,a.png,{cells}")
    [bad] = own.read(tmp_path, DOTS)
    assert isinstance(bad, Rejection)
    assert said in bad.reason


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ("0,0,1e12,5", "box_x1 is '1e12', no pixel of a photo"),
        ("0,0,5,-5", "its box [0.0, 0.0, 5.0, -5.0] is not x0 < x1, y0 < y1"),
        ("0,0,5,", "its box [0.0, 0.0, 5.0, nan] is not x0 < x1, y0 < y1"),
        ("0,0,1e400,5", "box_x1 is '1e400', not a finite number"),
    ],
)
def test_a_box_that_is_none_is_named(tmp_path: Path, box: str, said: str) -> None:
    header = f"split,image,{POINTS},box_x0,box_y0,box_x1,box_y1"
    [bad] = own.read(_write(tmp_path, header, f"train,a.png,{NUMBERS},{box}"), DOTS)
    assert isinstance(bad, Rejection)
    assert said in bad.reason


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (f"image,{POINTS}", "no column 'split'"),
        (f"split,{POINTS}", "no column 'image'$"),
        (f"image|split|{POINTS.replace(',', '|')}", "; separate columns by commas, semicolons or"),
        ("image,split,x0,y0,x1,y1", "has 2 landmarks .*scheme dots5 needs 5"),
        (f"image,split,{POINTS},x5,y5", "has 6 landmarks"),
        (f"image,split,{POINTS},x7", "has 5 landmarks"),
        (f"image,split,{POINTS},{SEEN},v5", "has 5 landmarks"),
        (f"image,split,{POINTS},v0,v1,v3,v4", "has v0, but no v2"),
        (f"image,split,{POINTS},split", "names a column twice"),
        (f"image,split,{POINTS},box_x0", "a box needs all"),
        (f"image,split,{POINTS},full", "subset 'full' is taken"),
        (f'image,split,{POINTS},"dark', "line 1: a quote in it is not closed"),
    ],
)
def test_a_header_that_cannot_be_used_is_named(tmp_path: Path, header: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"landmarks\.csv.*{said}"):
        own.read(_write(tmp_path, header), DOTS)


@pytest.mark.parametrize("cell", ["31", "yes", "0.5", "nan"])
def test_another_column_is_an_error(tmp_path: Path, cell: str) -> None:
    rows = [f"train,a.png,{NUMBERS},1", f"train,a.png,{NUMBERS},{cell}"]
    said = rf"landmarks\.csv: column 'age' is unknown; as a subset its.*line 3 has '{cell}'"
    with pytest.raises(ValueError, match=said):
        own.read(_write(tmp_path, f"split,image,{POINTS},age", *rows), DOTS)


def test_a_missing_table_or_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"landmarks\.csv does not exist"):
        own.read(tmp_path, DOTS)
    with pytest.raises(ValueError, match=r"dataset\.root is not given"):
        own.read(None, DOTS)


@pytest.mark.parametrize(
    ("start", "form"),
    [
        ("scorer,ann,ann,ann,ann\nbodyparts,nose,nose,tail,tail", "dlc"),
        ("scorer,,,ann,ann\nbodyparts,,,nose,nose", "dlc"),
        ('{"images": [], "annotations": []}', "coco"),
        ("<?xml version='1.0'?>\n<dataset>", "dlib"),
    ],
)
def test_another_format_is_recognised(tmp_path: Path, start: str, form: str) -> None:
    with pytest.raises(ValueError, match=rf"pass dataset\.source\.format={form}$"):
        own.read(_write(tmp_path, start), DOTS)


DIALECTS = {
    "semicolon": (";", "{}", ["image;split;{}"], "utf-8"),
    "tab": ("\t", "{}", ["image\tsplit\t{}"], "utf-8"),
    "decimal comma": (";", "{},5", ["image;split;{}"], "utf-8"),
    "decimal comma and tab": ("\t", "{},5", ["image\tsplit\t{}"], "utf-8"),
    "quoted": (",", '"{}"', ['"image","split",{}'], "utf-8"),
    "byte order mark": (",", "{}", ["image,split,{}"], "utf-8-sig"),
    "utf-16": (",", "{}", ["image,split,{}"], "utf-16"),
    "of Excel": (";", "{},5", ["sep=;", "image;split;{}"], "utf-16"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_of_other_programs(tmp_path: Path, dialect: str) -> None:
    separator, number, heading, encoding = DIALECTS[dialect]
    columns = separator.join(POINTS.split(","))
    _write(tmp_path, "")
    numbers = separator.join(number.format(i) for i in range(1, 11))
    lines = [h.format(columns) for h in heading]
    lines += [separator.join(["a.png", split, numbers]) for split in ("train", "test")]
    (tmp_path / "landmarks.csv").write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    for face in _faces(tmp_path):
        half = 0.5 if ",5" in number else 0.0
        assert face.landmarks.ravel().tolist() == [i + half for i in range(1, 11)]
        assert face.visible is None


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (f",image,split,{POINTS}", ["0,a.png,train,{}", "1,a.png,test,{}"]),
        (f"Unnamed: 0,image,split,{POINTS}", ["0,a.png,train,{}", "1,a.png,test,{}"]),
        (f",Unnamed: 0,image,split,{POINTS}", ["0,5,a.png,train,{}", "1,6,a.png,test,{}"]),
        (f"image,split,{POINTS},", ["a.png,train,{},", "a.png,test,{},"]),
        (f"image,split,{POINTS}", ["a.png,train,{},", "a.png,test,{},,"]),
        (f"image,split,{POINTS},,", ["a.png,train,{}", "a.png,test,{},"]),
        (f"image,split,{POINTS}", ["", "a.png,train,{}", ",,,,", "a.png,test,{}", "  "]),
    ],
)
def test_an_index_and_commas_too_many_are_passed_over(
    tmp_path: Path, header: str, rows: list[str]
) -> None:
    faces = _faces(tmp_path, header, *(row.format(NUMBERS) for row in rows))
    assert [face.split for face in faces] == ["train", "test"]
    assert all(face.landmarks.ravel().tolist() == list(range(1, 11)) for face in faces)


def test_a_column_without_a_name_is_an_error(tmp_path: Path) -> None:
    _write(tmp_path, f"image,split,,{POINTS}", f"a.png,train,ann,{NUMBERS}")
    with pytest.raises(ValueError, match="line 2: 'ann' is in a column without a name"):
        own.read(tmp_path, DOTS)


def test_a_table_has_one_decimal_mark(tmp_path: Path) -> None:
    """1,5 may be a half more than one, or fifteen hundred less than it: points tell."""
    lines = [f"a.png;train;{'1;' * 9}1.5", f"a.png;train;{'1;' * 9}1,5"]
    _write(tmp_path, f"image;split;{POINTS.replace(',', ';')}", *lines)
    with pytest.raises(ValueError, match=r"writes numbers as '1\.5' and '1,5'; use one decimal"):
        own.read(tmp_path, DOTS)


@pytest.mark.parametrize("cell", ['"a.png', 'a.png,"train', '"a.png"x'])
def test_a_stray_quote_spoils_its_own_line_only(tmp_path: Path, cell: str) -> None:
    rest = NUMBERS if "train" in cell else f"train,{NUMBERS}"
    _write(
        tmp_path,
        f"image,split,{POINTS}",
        f"a.png,train,{NUMBERS}",
        f"{cell},{rest}",
        f"a.png,test,{NUMBERS}",
        f"a.png,test,{NUMBERS}",
    )
    first, bad, *others = own.read(tmp_path, DOTS)
    assert all(isinstance(face, Face) for face in (first, *others))
    assert len(others) == 2
    assert isinstance(bad, Rejection)
    assert bad.where.endswith("line 3")
    assert "a quote in it is not closed" in bad.reason


def test_a_whole_path_under_the_root(tmp_path: Path) -> None:
    [face] = _faces(tmp_path, f"image,split,{POINTS}", f"{tmp_path}/a.png,train,{NUMBERS}")
    assert face.photo == "a.png"


def test_windows_slashes(tmp_path: Path) -> None:
    _write(tmp_path, f"image,split,{POINTS}", rf"train\faces\a.png,train,{NUMBERS}")
    (tmp_path / "train/faces").mkdir(parents=True)
    (tmp_path / "a.png").rename(tmp_path / "train/faces/a.png")
    assert [face.photo for face in _faces(tmp_path)] == ["train/faces/a.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\xff\xfe\x00imag", "is no text in UTF-16"),
        ("image".encode("utf-16-le"), "is no text in UTF-8; save it as CSV text in UTF-8"),
        (f"image,split,{POINTS}\nj\xfcrgen.png".encode("latin-1"), "is no text in UTF-8"),
        (bytes(range(256)), "is no text in UTF-8"),
        (b"PK\x03\x04\x14\xb7\x08", "is no text in UTF-8 after line 0; save it as CSV text"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "landmarks.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"landmarks\.csv {said}"):
        own.read(tmp_path, DOTS)
