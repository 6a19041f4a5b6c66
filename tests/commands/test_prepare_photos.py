"""One's own photos as they come: formats, EXIF, links, boxes and names that can't be."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.datasets.facefile import FaceFile
from tests.console import Command

OWN = ("dataset=custom", "dataset.name=mine", "dataset.scheme=ibug68", "dataset.crop.side=64")


def _write(root: Path, rows: list[list[str]], boxes: bool = False) -> None:
    named = ["box_x0", "box_y0", "box_x1", "box_y1"] if boxes else []
    header = ["image", "split", *named, *(f"{a}{i}" for i in range(68) for a in "xy")]
    (root / "landmarks.csv").write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")


def _row(name: str, split: str, points: np.ndarray, *box: str) -> list[str]:  # type: ignore[type-arg]
    return [name, split, *box, *(f"{value:.2f}" for value in points.ravel())]


def _refusal(command: Command, *arguments: str) -> str:
    """The one sentence that ends a command."""
    done = command(*arguments)
    assert done.code == 1
    assert "Traceback" not in done.err
    return done.err.strip().splitlines()[-1]


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    """Six tall photos, stored lying and with the tag of a phone, faces at their lower ends."""
    root, rng = tmp_path / "phone", np.random.default_rng(0)
    root.mkdir()
    exif, rows = Image.Exif(), []
    exif[0x0112] = 6
    for i in range(6):
        upright = Image.fromarray(rng.integers(0, 255, (160, 100), dtype=np.uint8))
        upright.transpose(Image.Transpose.ROTATE_90).save(root / f"{i}.png", exif=exif)
        points = rng.uniform(30, 70, (68, 2)) + [0, 70]
        rows.append(_row(f"{i}.png", "train" if i < 4 else "test", points))
        upright.save(root / f"upright{i}.png")
    _write(root, rows)
    return root


def test_photos_of_a_phone_are_turned_and_that_is_said(
    command: Command, phone: Path, tmp_path: Path
) -> None:
    done = command("prepare", *OWN, f"dataset.root={phone}")
    assert done.code == 0, done.err
    said = (
        "  EXIF turns 6 photos, such as '0.png'; the landmarks of 6 fit the upright picture alone"
    )
    assert said in done.out
    table = (phone / "landmarks.csv").read_text()
    (phone / "landmarks.csv").write_text("\n".join(
        line if line.startswith("image") else f"upright{line}" for line in table.splitlines()
    ))  # fmt: skip
    plain = command("prepare", *OWN, f"dataset.root={phone}", "data_dir=plain")
    assert "EXIF" not in plain.out
    found, expected = (FaceFile.open(tmp_path / d / "mine.h5") for d in ("data", "plain"))
    assert np.array_equal(found.read("train").images, expected.read("train").images)
    assert found.settings["exif"] == "apply"
    assert expected.settings["exif"] is None


def test_inspect_and_training_know_what_was_decided(
    command: Command, phone: Path, tmp_path: Path
) -> None:
    assert command("prepare", *OWN, f"dataset.root={phone}").code == 0
    done = command("inspect", *OWN)
    assert done.code == 0, done.err
    assert "(dataset.exif=apply)" in done.out
    (note,) = json.loads((tmp_path / "data/mine-inspect/inspect.json").read_text())["notes"]
    assert note in done.out
    tiny = ("network=small", "network.side=32", "phases.scale=0.01", "logger.wandb=false")
    assert command("train", *OWN, *tiny, "dataset.exif=apply").code == 0
    said = _refusal(command, "train", *OWN, *tiny, "dataset.exif=ignore", "rerun=true")
    assert "was prepared with dataset.exif=apply, now it is ignore" in said


def test_exif_may_be_said_outright(command: Command, phone: Path) -> None:
    applied = command("prepare", *OWN, f"dataset.root={phone}", "dataset.exif=apply")
    assert "photos are turned as EXIF says (dataset.exif=apply)" in applied.out
    ignored = _refusal(command, "prepare", *OWN, f"dataset.root={phone}", "dataset.exif=ignore")
    assert "pixels" in ignored  # landmarks lie far outside
    wrong = _refusal(command, "prepare", *OWN, "dataset.exif=maybe")
    assert "dataset.exif='maybe' must be one of apply, ignore, or null" in wrong


def test_exif_that_can_not_be_decided_is_one_sentence(command: Command, phone: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [
        _row(f"{i}.png", "train" if i < 2 else "test", rng.uniform(30, 70, (68, 2)))
        for i in range(4)
    ]
    _write(phone, rows)
    said = _refusal(command, "prepare", *OWN, f"dataset.root={phone}", "dataset.strict=false")
    assert "EXIF turns 4 photos" in said
    assert "dataset.exif=apply" in said
    assert "dataset.exif=ignore" in said


def test_photos_behind_links(command: Command, table: Path, tmp_path: Path) -> None:
    """A cluster's way: the table in one's own folder, the photos on another disk."""
    (tmp_path / "scratch").mkdir()
    for photo in table.glob("*.png"):
        photo.rename(tmp_path / "scratch" / photo.name)
        photo.symlink_to(tmp_path / "scratch" / photo.name)
    own = ("prepare", *OWN, "dataset.root=mine")
    said = _refusal(command, *own)
    assert "landmarks.csv line 2: photo '0.png' lies outside mine, behind a symbolic link" in said
    assert "dataset.follow_links=true" in said
    done = command(*own, "dataset.follow_links=true", "dataset.max_pixels=10000")
    assert done.code == 0, done.err
    assert command("inspect", *OWN).code == 0  # neither decides what a face looks like
    (tmp_path / "scratch/0.png").unlink()
    said = _refusal(command, *own, "dataset.follow_links=true")
    assert "photo '0.png' does not exist under mine: the link 0.png leads nowhere" in said


def test_the_largest_photo_is_a_setting(command: Command, table: Path) -> None:
    own = ("prepare", *OWN, f"dataset.root={table}")
    said = _refusal(command, *own, "dataset.max_pixels=9999")
    assert "0.png claims 100 x 100 pixels, more than dataset.max_pixels=9999" in said
    said = _refusal(command, *own, "dataset.max_pixels=many")
    assert "dataset.max_pixels='many' must be a whole number of at least 1" in said


@pytest.mark.parametrize("suffix", ["webp", "tif", "bmp", "jpg"])
def test_other_formats(command: Command, table: Path, suffix: str) -> None:
    for photo in table.glob("*.png"):
        with Image.open(photo) as picture:
            picture.convert("RGB").save(photo.with_suffix(f".{suffix}"))
        photo.unlink()
    text = (table / "landmarks.csv").read_text().replace(".png", f".{suffix}")
    (table / "landmarks.csv").write_text(text)
    done = command("prepare", *OWN, f"dataset.root={table}")
    assert done.code == 0, done.err


def test_sixteen_bits_are_said(command: Command, table: Path) -> None:
    for photo in table.glob("*.png"):
        with Image.open(photo) as picture:
            deep = np.asarray(picture).astype(np.uint16) * (257 if photo.stem < "2" else 16)
        Image.fromarray(deep).save(photo)
    done = command("prepare", *OWN, f"dataset.root={table}")
    assert done.code == 0, done.err
    assert "12 faces have photos of 16-bit gray, scaled to 8 bits by the full range" in done.out
    assert "12 bits for 8 faces, 16 bits for 4 faces" in done.out
    assert "12 bits for 8 faces" in command("inspect", *OWN).out


@pytest.mark.parametrize("corner", ["4000", "-4000", "999999"])
@pytest.mark.parametrize("boxes", ["landmarks", "provided"])
def test_absurd_boxes_are_one_sentence(
    command: Command, table: Path, corner: str, boxes: str
) -> None:
    rng, rows = np.random.default_rng(0), []
    for i in range(4):
        box = ["20", "20", "80", "80"]
        if i == 2:
            box = ["20", "20", corner, "80"] if corner[0] != "-" else [corner, "20", "80", "80"]
        points = rng.uniform(30, 70, (68, 2))
        rows.append(_row(f"{i}.png", ("train", "test")[i % 2], points, *box))
    _write(table, rows, boxes=True)
    own = ("prepare", *OWN, f"dataset.root={table}", f"dataset.boxes={boxes}")
    said = _refusal(command, *own)
    assert "landmarks.csv line 4: its provided box [" in said
    assert "too large for photo '2.png' of 100 x 100 pixels" in said
    done = command(*own, "dataset.strict=false")
    assert done.code == 0, done.err
    assert "Left out 1 faces:" in done.out


def test_a_photo_of_train_saved_again_for_test_is_warned_of(command: Command, table: Path) -> None:
    """Twice as large, as a JPEG, under another name; by prepare, and again by inspect."""
    y, x = np.mgrid[:100, :100]
    waves = 128 + 60 * np.sin(x / 9) * np.cos(y / 13) + 40 * np.sin(y / 31)
    picture = Image.fromarray(waves.astype(np.uint8))
    picture.save(table / "2.png")
    picture.resize((200, 200)).save(table / "9.jpg")
    lines = (table / "landmarks.csv").read_text().splitlines()
    points = [2 * float(cell) + 0.5 for cell in lines[3].split(",")[4:]]
    lines[10] = ",".join(["9.jpg", *lines[10].split(",")[1:4], *(f"{v:.2f}" for v in points)])
    (table / "landmarks.csv").write_text("\n".join(lines) + "\n")
    done = command("prepare", *OWN, f"dataset.root={table}")
    assert done.code == 0, done.err
    said = "1 test faces repeat the picture of a training face, such as 9.jpg that of 2.png; the"
    assert f"  Warning: {said}" in done.out
    assert f"  Warning: {said}" in command("inspect", *OWN).out


@pytest.mark.parametrize("name", ["3\u2028.png", "3\x07.png"])
def test_odd_names_of_photos_are_one_sentence(command: Command, table: Path, name: str) -> None:
    (table / "3.png").rename(table / name)
    text = (table / "landmarks.csv").read_text().replace("3.png", name)
    (table / "landmarks.csv").write_text(text)
    said = _refusal(command, "prepare", *OWN, f"dataset.root={table}")
    assert "has a line break, a control character or no UTF-8 in its name; rename it" in said
    done = command("prepare", *OWN, f"dataset.root={table}", "dataset.strict=false")
    assert done.code == 0, done.err
    assert "Left out 1 faces:" in done.out
