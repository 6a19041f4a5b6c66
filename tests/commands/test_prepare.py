import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from PIL import Image

from landmark_lightning.datasets.face import Rejection
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.dataset import _print_rejections
from landmark_lightning.datasets.preparation.prepare import Preparation
from tests.console import Command

OWN = ("dataset=custom", "dataset.name=mine", "dataset.scheme=ibug68", "dataset.crop.side=64")


def test_one_s_own_folder(command: Command, table: Path, tmp_path: Path) -> None:
    done = command("prepare", *OWN, f"dataset.root={table}")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines()]
    assert ["faces", "8", "4"] in rows
    assert ["even", "4", "2"] in rows
    assert re.search(r"Wrote data/mine\.h5 \(\S+ MB\): 12 faces in \d+ s, \d+ a second", done.out)
    assert FaceFile.open(tmp_path / "data/mine.h5").faces == {"train": 8, "test": 4}
    seen = command("inspect", "dataset=custom", "dataset.name=mine")
    assert seen.code == 0, seen.err
    assert "content as it was written" in seen.out
    assert (tmp_path / "data/mine-inspect/train.png").is_file()


def test_the_group_of_a_person_in_both_splits_is_warned_of(command: Command, table: Path) -> None:
    lines = (table / "landmarks.csv").read_text().replace(",g5,", ",g0,")
    (table / "landmarks.csv").write_text(lines)
    done = command("prepare", *OWN, f"dataset.root={table}")
    assert "Warning: 1 groups stand in train and test, such as 'g0'" in done.out


def _spoil(table: Path, old: str, new: str, line: int | None = None) -> None:
    lines = (table / "landmarks.csv").read_text().splitlines()
    chosen = range(len(lines)) if line is None else [line - 1]
    for i in chosen:
        lines[i] = lines[i].replace(old, new)
    (table / "landmarks.csv").write_text("\n".join(lines) + "\n")


def _cells(table: Path, line: int, change: dict[int, str]) -> None:
    lines = (table / "landmarks.csv").read_text().splitlines()
    cells = lines[line - 1].split(",")
    for place, value in change.items():
        cells[place] = value
    lines[line - 1] = ",".join(cells)
    (table / "landmarks.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("photo", "landmarks.csv line 4: photo 'none.png' does not exist"),
        ("nan", ", nan) lacks a coordinate; if it is not labelled, leave its cells blank"),
        ("far", "landmarks.csv line 4: landmark 1 at (99999, "),
        ("67", "landmarks.csv: the header has 67 landmarks"),
        ("noise", "3.png is damaged or none of JPEG"),
    ],
)
def test_bad_data_is_one_sentence_and_leaves_no_file(
    command: Command, table: Path, tmp_path: Path, kind: str, said: str
) -> None:
    if kind == "photo":
        _cells(table, 4, {0: "none.png"})
    elif kind == "nan":
        _cells(table, 4, {5: "nan"})
    elif kind == "far":
        _cells(table, 4, {6: "99999"})
    elif kind == "67":
        _spoil(table, ",x67,y67", "")
    else:
        (table / "3.png").write_bytes(b"no photo")
    done = command("prepare", *OWN, f"dataset.root={table}")
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("landmark-prepare: ")
    assert said in last
    assert not list((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else True


def test_unusable_faces_may_be_left_out(command: Command, table: Path) -> None:
    _cells(table, 4, {5: "nan"})
    done = command("prepare", *OWN, f"dataset.root={table}", "dataset.strict=false")
    assert done.code == 0, done.err
    assert "Left out 1 faces:" in done.out
    assert "landmarks.csv line 4: landmark 0 at (" in done.out


def test_so_many_may_be_left_out_and_no_more(command: Command, table: Path) -> None:
    _cells(table, 4, {5: "nan"})
    (table / "3.png").write_bytes(b"no photo")
    own = ("prepare", *OWN, f"dataset.root={table}", "workers=2")
    done = command(*own, "dataset.max_rejected=2")
    assert done.code == 0, done.err
    assert "Left out 2 faces:" in done.out
    assert "3.png is damaged" in done.out
    refused = command(*own, "dataset.max_rejected=1", "dataset.strict=false")
    assert refused.code == 1
    last = refused.err.strip().splitlines()[-1]
    assert "dataset mine: 2 faces can't be used, more than dataset.max_rejected=1" in last
    assert "landmarks.csv line 4: landmark 0 at (" in last


def test_workers_and_limits_are_no_part_of_what_was_prepared(
    command: Command, table: Path, tmp_path: Path
) -> None:
    limits = ("workers=3", "dataset.max_rejected=3", "dataset.strict=false")
    for folder, more in (("a", ()), ("b", limits)):
        done = command("prepare", *OWN, f"dataset.root={table}", f"data_dir={folder}", *more)
        assert done.code == 0, done.err
    first, second = ((tmp_path / f / "mine.h5").read_bytes() for f in ("a", "b"))
    assert first == second


def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    # A shell's background job ignores Ctrl-C, and hands that down to the tests and their children.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from landmark_lightning.commands.entry import prepare; prepare()"
    )
    arguments = ["dataset.source.train=100000", f"data_dir={tmp_path / 'data'}", "workers=2"]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        while process.poll() is None and not list(tmp_path.glob("data/.synthetic.h5.*")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert said.strip().splitlines()[-1] == "landmark-prepare: interrupted"
    assert "Traceback" not in said
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["workers=0"], "workers=0 must be a whole number from 1 to 1024"),
        (["dataset.max_rejected=some"], "dataset.max_rejected='some' must be a whole number"),
        (["dataset.root=/none"], "dataset.root=/none is no folder"),
        (["dataset.name=../x"], "dataset.name='../x' must be letters"),
        (["dataset.boxes=best"], "boxes='best' must be one of"),
        (["dataset.normalizer=eyes"], "normalizer='eyes' must be one of scheme ibug68"),
        (["dataset.crop.scale=0"], "dataset.crop.scale=0 must be a number between"),
        (["dataset.boxes=provided"], "it has no box"),
        (["dataset.strict=no"], "dataset.strict='no' must be true or false"),
        (["dataset.scheme=null"], "scheme is not given"),
        (
            ["dataset.scheme={name:a,landmarks:68,mirror:5,normalizers:{box:box}}"],
            "mirror must be",
        ),
        (["data_dir=/dev/null"], "/dev/null"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    command: Command, table: Path, arguments: list[str], said: str
) -> None:
    done = command("prepare", *OWN, f"dataset.root={table}", *arguments)
    assert done.code == 1
    assert said in done.err.strip().splitlines()[-1]


def test_synthetic_faces_are_the_same_for_the_same_seed(command: Command, tmp_path: Path) -> None:
    small = ("dataset.source.train=6", "dataset.source.test=3")
    for folder in ("a", "b"):
        assert command("prepare", *small, f"data_dir={folder}").code == 0
    first, second = ((tmp_path / f / "synthetic.h5").read_bytes() for f in ("a", "b"))
    assert first == second
    assert command("prepare", *small, "data_dir=c", "dataset.source.seed=1").code == 0
    assert (tmp_path / "c" / "synthetic.h5").read_bytes() != first


@pytest.mark.parametrize(("scheme", "leading"), [("aflw19", "box"), ("wflw98", "inter_ocular")])
def test_the_normalizer_is_the_scheme_s_first(
    command: Command, tmp_path: Path, scheme: str, leading: str
) -> None:
    small = ("dataset.source.train=3", "dataset.source.test=2", f"dataset.scheme={scheme}")
    done = command("prepare", *small)
    assert done.code == 0, done.err
    assert f"normalized by {leading}" in done.out
    assert FaceFile.open(tmp_path / "data/synthetic.h5").normalizers[0] == leading


def test_inspect_finds_a_changed_file(command: Command, table: Path, tmp_path: Path) -> None:
    assert command("prepare", *OWN, f"dataset.root={table}").code == 0
    path = tmp_path / "data/mine.h5"
    with h5py.File(path) as file:
        place = file["test/images"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    done = command("inspect", *OWN)
    assert done.code == 1
    assert "data/mine.h5" in done.err


def test_a_scheme_of_one_s_own_from_the_command_line(command: Command, tmp_path: Path) -> None:
    root = tmp_path / "eyes"
    root.mkdir()
    lines = ["image,split,x0,y0,x1,y1"]
    for i, split in enumerate(["train", "train", "test"]):
        Image.new("L", (60, 60), 20 * i).save(root / f"{i}.png")
        lines.append(f"{i}.png,{split},20,30,4{i},31")
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n")
    scheme = "{name:eyes2,landmarks:2,mirror:[[0,1]],normalizers:{inter_ocular:[[0],[1]]}}"
    own = ("dataset=custom", "dataset.name=eyes", f"dataset.scheme={scheme}")
    done = command("prepare", *own, f"dataset.root={root}")
    assert done.code == 0, done.err
    file = FaceFile.open(tmp_path / "data/eyes.h5")
    assert (file.scheme.landmarks, file.scheme.mirror) == (2, (1, 0))
    wrong = scheme.replace("[[0,1]]", "[[0,2]]")
    refused = command("prepare", *own[:2], f"dataset.scheme={wrong}", f"dataset.root={root}")
    assert "mirror pair [0, 2] must be two landmarks of 0..1" in refused.err


def test_a_line_break_in_a_name_leaves_a_line_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    _print_rejections(Preparation(rejections=[Rejection("photo a\nb.png", "it is torn")]))
    assert capsys.readouterr().out == "  Left out 1 faces:\n    photo a\\nb.png: it is torn\n"
