import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landmark_lightning.datasets.synthetic.trees.write import LAYOUTS, main, write_layout


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_seed_writes_the_same_tree(layout: str, tmp_path: Path) -> None:
    small: dict[str, Any] = {"faces": 8, "photo": 32, "distinct": 3, "progress": False}
    first = write_layout(tmp_path / "a", layout, **small)
    again = write_layout(tmp_path / "b", layout, **small)
    other = write_layout(tmp_path / "c", layout, seed=1, **small)
    assert digests(tmp_path / "a") == digests(tmp_path / "b") != digests(tmp_path / "c")
    assert len(first) == len(again) == len(other) == 8
    for one, two in zip(first, again, strict=True):
        assert one.photo == two.photo
        np.testing.assert_array_equal(one.landmarks, two.landmarks)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("layout", "options", "message"),
    [
        ("cofw", {}, r"layout='cofw' must be one of 300w, aflw, wflw, table"),
        ("300w", {"faces": 5}, r"faces=5 are too few; the layout has 6 folders"),
        ("300w", {"faces": 0}, r"faces=0 must be a whole number of at least 1"),
        ("300w", {"faces": 2.5}, r"faces=2.5 must be a whole number"),
        ("wflw", {"photo": 8}, r"photo=8 must be a whole number of at least 32"),
        ("wflw", {"distinct": 0}, r"distinct=0 must be a whole number of at least 1"),
        ("wflw", {"seed": -1}, r"seed=-1 must be a whole number of at least 0"),
        ("wflw", {"scheme": "ibug68"}, r"scheme='ibug68' can't be written in layout wflw"),
    ],
)
def test_wrong_values(layout: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        write_layout(tmp_path / "a", layout, progress=False, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds something already; name a new or an empty"):
        write_layout(tmp_path, "table", faces=4, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "a"), "wflw", "--faces", "4", "--photo", "32", "--distinct", "2"])
    assert "(4 faces in the layout of wflw)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([str(tmp_path / "a"), "wflw", "--faces", "4"])
    assert "holds something already" in capsys.readouterr().err
