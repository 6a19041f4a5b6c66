import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from landmark_lightning import geometry
from landmark_lightning.data.photos import cut_crop, photo_path, read_photo


def test_gray_rules(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (4, 3), (200, 100, 30)).save(path)
    assert read_photo(path, "luma").tolist() == [[122] * 4] * 3
    assert read_photo(path, "mean").tolist() == [[110] * 4] * 3


def test_the_mean_is_rounded_to_the_nearest(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    expected = pixels.mean(axis=2).round().astype(np.uint8)
    assert np.array_equal(read_photo(tmp_path / "noise.png", "mean"), expected)


def test_sixteen_bits_are_refused_rather_than_cut(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 3000, dtype=np.uint16)).save(path)
    with pytest.raises(ValueError, match=r"deep\.png has pixels of I;16; convert it to 8 bits"):
        read_photo(path)


def test_exif_turns_are_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (30, 20)).save(path, exif=exif)
    assert read_photo(path).shape == (20, 30)


@pytest.mark.parametrize("content", [b"", b"no photo", b"\x89PNG\r\n\x1a\n123"])
def test_what_is_no_photo_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.png is damaged or no JPEG or PNG"):
        read_photo(path)


def test_a_cut_photo_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (100, 100), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"cut\.jpg is damaged"):
        read_photo(path)


def test_a_header_that_claims_too_much_is_refused_unread(tmp_path: Path) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    path = tmp_path / "huge.png"
    chunks = [header, b"IDAT" + zlib.compress(bytes(100))]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
            for chunk in chunks
        )
    )
    with pytest.raises(ValueError, match=r"huge\.png claims"):
        read_photo(path)


def test_text_that_unpacks_to_too_much_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wordy.png"
    info = PngInfo()
    info.add_text("novel", "x" * 5_000_000, zip=True)
    Image.new("L", (4, 4)).save(path, pnginfo=info)
    with pytest.raises(ValueError, match=r"wordy\.png is damaged or no JPEG or PNG"):
        read_photo(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_whatever_is_flipped_or_cut_is_read_or_named(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    path = tmp_path / "bad.img"
    Image.fromarray(pixels).save(path, format=kind)
    content, said = path.read_bytes(), []
    for _ in range(200):
        damaged = bytearray(content[: rng.integers(1, 2 * len(content))])
        damaged[rng.integers(0, len(damaged))] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            assert read_photo(path).dtype == np.uint8
        except ValueError as error:
            said.append(str(error))
    assert len(said) > 50
    assert all("bad.img" in sentence for sentence in said)


def test_photos_stay_under_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.png"
    root.mkdir()
    outside.write_bytes(b"")
    (root / "link.png").symlink_to(outside)
    for name in ("../outside.png", str(outside), "link.png"):
        with pytest.raises(ValueError, match="lies outside"):
            photo_path(root, name)
    with pytest.raises(ValueError, match=r"'none\.png' does not exist"):
        photo_path(root, "none.png")
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(ValueError, match="is no file's name"):
            photo_path(root, name)


@pytest.mark.parametrize(
    ("center", "extent", "side"), [((40.3, 31.7), 50.0, 64), ((20.0, 60.0), 64.0, 32)]
)
def test_a_spot_lands_where_the_map_says(
    center: tuple[float, float], extent: float, side: int
) -> None:
    spot = np.array([43.0, 38.0])
    y, x = np.mgrid[:80, :80]
    image = (255 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 8)).astype(np.uint8)
    crop = cut_crop(image, center, extent, side).astype(float)
    rows, columns = np.mgrid[:side, :side]
    found = [(columns * crop).sum() / crop.sum(), (rows * crop).sum() / crop.sum()]
    to_photo = geometry.crop_to_photo(
        torch.tensor(center, dtype=torch.float64), torch.tensor(extent).double(), side
    )
    expected = geometry.apply_affine(
        geometry.invert_affine(to_photo), torch.from_numpy(spot)[None]
    )
    assert found == pytest.approx(expected[0].tolist(), abs=0.05)


def test_a_huge_extent_takes_little_memory() -> None:
    gray = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    crop = cut_crop(gray, (99.5, 99.5), 1e6, 64)
    assert crop.shape == (64, 64)


def test_a_large_face_keeps_its_place() -> None:
    """Shrinking first moves a spot by less than a twentieth of a crop pixel."""
    y, x = np.mgrid[:1500, :1500]
    image = (255 * np.exp(-((x - 801) ** 2 + (y - 703) ** 2) / 5000)).astype(np.uint8)
    crop = cut_crop(image, (750.0, 740.0), 1400.0, 64).astype(float)
    rows, columns = np.mgrid[:64, :64]
    found = [(columns * crop).sum() / crop.sum(), (rows * crop).sum() / crop.sum()]
    expected = [(p - c) * 64 / 1400 + 31.5 for p, c in ((801, 750), (703, 740))]
    assert found == pytest.approx(expected, abs=0.05)


def test_black_outside_the_photo() -> None:
    crop = cut_crop(np.full((10, 10), 200, dtype=np.uint8), (0.0, 0.0), 20.0, 20)
    assert crop[:9, :9].max() == 0
    assert crop[11:19, 11:19].min() == 200
