import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from landmark_lightning import geometry
from landmark_lightning.datasets.photos import (
    MissingPhotoError,
    cut_crop,
    held_inside,
    photo_path,
    read_header,
    read_photo,
)


def test_gray_rules(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (4, 3), (200, 100, 30)).save(path)
    assert read_photo(path, "luma").grays.tolist() == [[122] * 4] * 3
    assert read_photo(path, "mean").grays.tolist() == [[110] * 4] * 3


def test_the_mean_is_rounded_to_the_nearest(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    expected = pixels.mean(axis=2).round().astype(np.uint8)
    assert np.array_equal(read_photo(tmp_path / "noise.png", "mean").grays, expected)


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (12, 256), (12, 4095), (16, 4096)])
@pytest.mark.parametrize(("suffix", "kind"), [("png", "<u2"), ("tif", "<u2"), ("tif", ">u2")])
def test_sixteen_bits_are_scaled_by_the_range_that_holds_them(
    tmp_path: Path, suffix: str, kind: str, bits: int, most: int
) -> None:
    values = np.linspace(0, most, 30).round().reshape(5, 6)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values.astype(kind)).save(path)
    photo = read_photo(path)
    assert photo.deep == bits
    assert np.abs(photo.grays - values * 255 / (2**bits - 1)).max() <= 0.5


def test_pixels_that_have_no_range_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "real.tif"
    Image.fromarray(np.full((4, 4), 0.5, dtype=np.float32)).save(path)
    with pytest.raises(ValueError, match=r"real\.tif has pixels of F; convert it to gray or RGB"):
        read_photo(path)


@pytest.mark.parametrize(
    ("suffix", "knobs"),
    [
        ("png", {}),
        ("bmp", {}),
        ("tif", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("webp", {"lossless": True}),
    ],
)
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "CMYK"])
def test_every_format_and_kind_of_pixel(
    tmp_path: Path, suffix: str, knobs: dict[str, Any], mode: str
) -> None:
    """Against the same gray picture; a palette has its 256 grays, CMYK in a TIFF alone."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    gray = Image.fromarray(pixels)
    picture = gray.convert(mode) if mode != "CMYK" else gray.convert("RGB").convert(mode)
    if mode == "CMYK" and suffix != "tif":
        suffix, knobs = "jpg", {"quality": 100, "subsampling": 0}
    path = tmp_path / f"photo.{suffix}"
    picture.save(path, **knobs)
    for rule in ("luma", "mean"):
        photo = read_photo(path, rule)
        assert photo.deep == 0
        assert np.abs(photo.grays.astype(int) - pixels).max() <= (3 if suffix == "jpg" else 1)


_MARKED: dict[str, Any] = {"transparency": 200}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_black(tmp_path: Path, mode: str) -> None:
    path, knobs = tmp_path / "cut.png", _MARKED if mode == "P" else {}
    if mode == "P":
        picture = Image.new("P", (4, 2), 100)
        picture.putpalette([level for level in range(256) for _ in range(3)])
        picture.paste(200, (2, 0, 4, 2))
    else:
        clear = (0,) if mode == "LA" else (200, 200, 0)
        picture = Image.new(mode, (4, 2), (100, *([100, 100] if mode == "RGBA" else []), 255))
        picture.paste((200, *clear), (2, 0, 4, 2))
    picture.save(path, **knobs)
    assert read_photo(path).grays.tolist() == [[100, 100, 0, 0]] * 2


@pytest.mark.parametrize(
    ("suffix", "knobs"),
    [
        ("png", {}),
        ("tif", {}),
        ("tif", {"compression": "tiff_lzw"}),
        ("webp", {"lossless": True}),
        ("jpg", {"quality": 100}),
    ],
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_upright_and_as_stored(
    tmp_path: Path, suffix: str, knobs: dict[str, Any], orientation: int
) -> None:
    """Numpy turns here what Pillow turns there, by the table of the EXIF standard."""
    stored = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    path, exif = tmp_path / f"photo.{suffix}", Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(path, exif=exif, **knobs)
    upright = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.T, 6: stored.T[:, ::-1], 7: stored[::-1, ::-1].T, 8: stored.T[::-1],
    }[orientation]  # fmt: skip
    for expected, turned in ((stored, False), (upright, True)):
        found = read_photo(path, upright=turned).grays
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= (3 if suffix == "jpg" else 1)
    assert read_header(path) == (30, 20, orientation)


def test_a_tag_after_the_picture_of_a_png_is_found(tmp_path: Path) -> None:
    path, exif = tmp_path / "late.png", Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (30, 20)).save(path, exif=exif)
    content = path.read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    tag, rest = content[start:end], content[:start] + content[end:]
    path.write_bytes(rest[:-12] + tag + rest[-12:])
    assert read_header(path) == (30, 20, 6)
    assert read_photo(path, upright=True).grays.shape == (30, 20)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_none_turns_nothing(tmp_path: Path, value: int) -> None:
    path, exif = tmp_path / "odd.jpg", Image.Exif()
    exif[0x0112] = value
    Image.new("L", (30, 20)).save(path, exif=exif)
    assert read_photo(path, upright=True).grays.shape == (20, 30)
    assert read_header(path) == (30, 20, 1)


@pytest.mark.parametrize("content", [b"", b"no photo", b"\x89PNG\r\n\x1a\n123"])
def test_what_is_no_photo_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"bad\.png is damaged or none of JPEG, PNG, WebP, TIFF, BMP"
    ):
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


@pytest.mark.parametrize("late", [False, True])
def test_large_texts_and_profiles_of_a_png_are_passed_over(tmp_path: Path, late: bool) -> None:
    """Pillow gives up at a megabyte; a text that unpacks to much more takes no memory."""
    path, info = tmp_path / "wordy.png", PngInfo()
    info.add_text("novel", "x" * 80_000_000, zip=True)
    info.add_itxt("sequel", "y" * 80_000_000, zip=True)
    Image.new("L", (4, 3), 7).save(path, pnginfo=info, icc_profile=bytes(3_000_000))
    if late:
        content = path.read_bytes()
        start, end = (content.index(kind) - 4 for kind in (b"zTXt", b"IDAT"))
        path.write_bytes(content[:start] + content[end:-12] + content[start:end] + content[-12:])
    with pytest.raises(ValueError, match="too large"), Image.open(path) as plain:
        plain.load()
    assert read_photo(path).grays.tolist() == [[7] * 4] * 3


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_photo_is_held_against_the_largest_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not against Pillow's own guard, which is made small here."""
    path = tmp_path / "large.png"
    Image.new("L", (100, 50)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for most, said in ((1000, "too many pixels"), (4999, "100 x 50 pixels")):
        with pytest.raises(ValueError, match=rf"large\.png claims {said}, more .*pixels={most}$"):
            read_photo(path, max_pixels=most)
    assert read_photo(path, max_pixels=5000).grays.shape == (50, 100)


def test_a_photo_that_may_not_be_read_is_no_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ValueError, match=r"a\.png can't be read \(Permission denied\)"):
        read_photo(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize(
    ("kind", "knobs"),
    [
        ("JPEG", {}),
        ("PNG", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
def test_whatever_is_flipped_or_cut_is_read_or_named(
    tmp_path: Path, kind: str, knobs: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    path, exif = tmp_path / "bad.img", Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(path, format=kind, exif=exif, **knobs)
    content, said = path.read_bytes(), []
    for turn in range(200):
        damaged = bytearray(content[: rng.integers(1, 2 * len(content))])
        damaged[rng.integers(0, len(damaged) if turn % 2 else min(len(damaged), 200))] ^= 255
        path.write_bytes(damaged)
        read_header(path)
        try:
            assert read_photo(path, upright=bool(turn % 3)).grays.dtype == np.uint8
        except ValueError as error:
            said.append(str(error))
    assert len(said) > 20
    assert all("bad.img" in sentence for sentence in said)


def test_names_stay_under_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.png"
    root.mkdir()
    outside.write_bytes(b"")
    (root / "a.png").write_bytes(b"")
    assert photo_path(root, "none/../a.png") == root / "a.png"
    for name in ("../outside.png", "x/../../outside.png", str(outside), str(root / "a.png")):
        with pytest.raises(ValueError, match="lies outside"):
            photo_path(root, name)
    for name in ("none.png", "", ".", "a.png/b.png"):
        with pytest.raises(MissingPhotoError, match=f"{name!r} does not exist under"):
            photo_path(root, name)
    with pytest.raises(ValueError, match=r"is no file's name \(File name too long\)"):
        photo_path(root, "x" * 5000)


@pytest.mark.parametrize("name", ["a\0b", "a\nb.png", "a\rb.png", "a\u2028b.png", "caf\udce9.png"])
def test_a_name_that_spoils_files_and_tables_is_named(tmp_path: Path, name: str) -> None:
    if "\0" not in name:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match="rename it") as raised:
        photo_path(tmp_path, name)
    assert len(str(raised.value).splitlines()) == 1
    assert str(raised.value).encode()


def test_names_in_any_script_are_taken(tmp_path: Path) -> None:
    for name in ("süß 1.jpg", "Bildschirmfoto\u202f10.png", "顔.webp", "👩\u200d🔬.bmp"):
        (tmp_path / name).write_bytes(b"")
        assert photo_path(tmp_path, name) == tmp_path / name


def test_links_out_of_the_root_are_told_from_others(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
        (folder / "a.png").write_bytes(b"")
    (root / "near.png").symlink_to("a.png")
    (root / "far.png").symlink_to(elsewhere / "a.png")
    (root / "folder").symlink_to(elsewhere)
    (tmp_path / "door").symlink_to(root)
    for base in (root, tmp_path / "door"):
        for name in ("a.png", "near.png"):
            held_inside(base, photo_path(base, name))
        for name in ("far.png", "folder/a.png"):
            with pytest.raises(ValueError, match=f"'{name}' lies outside .*follow_links=true"):
                held_inside(base, photo_path(base, name))


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "none.png")
    (tmp_path / "folder").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.png").symlink_to("again.png")
    (tmp_path / "again.png").symlink_to("round.png")
    for name, link in {
        "gone.png": "gone.png",
        "folder/a": "folder",
        "round.png": "round.png",
    }.items():
        with pytest.raises(
            MissingPhotoError, match=f"does not exist .*the link {link} leads nowhere"
        ):
            photo_path(tmp_path, name)


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
