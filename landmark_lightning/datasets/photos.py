"""Photos: names and links, decoding one safely, cutting the square crop that a FaceFile stores."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from landmark_lightning.datasets.face import fit_name
from landmark_lightning.errors import UserError

MAX_PIXELS = 64_000_000
"""Largest photo that is decoded, in pixels; a header that claims more is refused unread."""

THUMBNAIL = 16
"""Pixels of a thumbnail's sides."""

FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "BMP")

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a stored picture upright, by its EXIF orientation; 1 is upright already."""

_BACK = TURNS | {6: TURNS[8], 8: TURNS[6]}
_PLAIN = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
_DEPTHS = (8, 12, 16)
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")


class MissingPhotoError(ValueError):
    """A photo does not exist, though its name could be a photo's."""


class Photo(NamedTuple):
    """A decoded photo.

    Attributes:
        grays: (H, W) uint8.
        deep: 0 for a photo of 8 bits; for 16-bit gray the number of bits, 8, 12 or 16, that hold
            its values. They are scaled to 8 bits.
    """

    grays: NDArray[np.uint8]
    deep: int = 0


class Header(NamedTuple):
    """What a photo says of itself: its stored size in pixels, and its EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int


@dataclass(frozen=True)
class Reading:
    """How the photos of a dataset are read.

    Attributes:
        upright: Whether they are turned as their EXIF orientation says.
        follow_links: Whether they may lie outside the root, behind a symbolic link.
        max_pixels: Pixels of the largest that is decoded.
    """

    upright: bool = False
    follow_links: bool = False
    max_pixels: int = MAX_PIXELS


def photo_path(root: Path, photo: str, kind: str = "photo") -> Path:
    """The file of a photo that is named relative to the dataset's root.

    Links are followed; ``held_inside`` says whether they lead out of the root.

    Args:
        root: The root.
        photo: The name.
        kind: What to call it in messages.

    Raises:
        MissingPhotoError: No such file exists.
        UserError: The name leaves the root (by ``..`` or as an absolute path), or can't be used.
    """
    fit_name(photo, kind)
    name = Path(os.path.normpath(photo))
    path = root / name
    if name.is_absolute() or name.parts[:1] == ("..",):
        raise UserError(f"{kind} {photo[:80]!r} lies outside {root}")
    try:
        there = path.is_file()
    except OSError as error:  # too long, or a folder that may not be read
        raise UserError(f"{kind} {photo[:80]!r} is no file's name ({error.strerror})") from error
    if not there:
        links = (p for p in (path, *path.parents) if p.is_relative_to(root) and p.is_symlink())
        broken = next((link for link in links if not link.exists()), None)
        why = f": the link {broken.name} leads nowhere" if broken else ""
        raise MissingPhotoError(f"{kind} {photo!r} does not exist under {root}{why}")
    return path


def held_inside(root: Path, path: Path) -> None:
    """Refuses a photo under the root that in truth lies outside, behind a symbolic link.

    Raises:
        UserError: It lies outside; the setting that allows it is named.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"photo {str(path.relative_to(root))!r} lies outside {root}, behind a symbolic link; "
            "pass dataset.follow_links=true to allow that"
        )


def read_photo(
    path: Path | bytes,
    gray: str = "luma",
    upright: bool = False,
    max_pixels: int = MAX_PIXELS,
    setting: str = "dataset.max_pixels",
) -> Photo:
    """Decodes a photo to 8 bits of gray; of several pages or frames, the first.

    Transparent pixels are black, as is what lies outside a photo. Grays of 16 bits are scaled by
    the full range of the 8, 12 or 16 bits that hold all values of the photo.

    Args:
        path: A file of one of ``FORMATS``, or its content.
        gray: ``luma`` (ITU-R 601) or ``mean`` of red, green and blue (dlib's rule).
        upright: Whether to turn it as its EXIF orientation says; else pixels stay as stored.
        max_pixels: Pixels of the largest photo that is decoded.
        setting: What messages call ``max_pixels``.

    Raises:
        UserError: Not a photo, damaged, or larger than ``max_pixels``.
    """
    name = f"of {len(path)} bytes" if isinstance(path, bytes) else str(path)
    if Image.MAX_IMAGE_PIXELS is not None:  # Pillow's own guard, one for the whole process
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels)
    try:
        with _opened(path) as image:
            width, height = image.size
            readable = has_plain_pixels(image)
            if readable and width * height <= max_pixels:
                return to_gray(turned(image, upright), gray)
    except Image.DecompressionBombError as error:
        raise UserError(
            f"photo {name} claims too many pixels, more than {setting}={max_pixels}"
        ) from error
    except Exception as error:  # whatever Pillow's parsers meet in a damaged file
        if isinstance(error, OSError) and error.strerror:
            raise UserError(f"photo {name} can't be read ({error.strerror})") from error
        raise UserError(f"photo {name} is damaged or none of {', '.join(FORMATS)}") from error
    if not readable:
        raise UserError(
            f"photo {name} has pixels of {image.mode}; convert it to gray or RGB of 8 or 16 bits"
        )
    raise UserError(
        f"photo {name} claims {width} x {height} pixels, more than {setting}={max_pixels}"
    )


def read_header(path: Path) -> Header | None:
    """A photo's stored size and orientation without decoding it; None where it can't be read."""
    try:
        with _opened(path) as image:
            orientation = _orientation(image)
            width, height = image.size
            if isinstance(image, TiffImageFile):  # Pillow tells the size as it is after turning
                width, height = image.tag_v2[256], image.tag_v2[257]
            return Header(width, height, orientation)
    except Exception:  # whatever Pillow's parsers meet; read_photo says that it is damaged
        return None


@contextmanager
def _opened(path: Path | bytes) -> Iterator[Image.Image]:
    """The photo, opened by Pillow; of a PNG only the chunks that make its picture.

    Pillow unpacks texts and colour profiles, too, and gives up where they are large. It is given
    an open file, since it turns a TIFF wrongly that it opens by name.
    """
    with BytesIO(path) if isinstance(path, bytes) else path.open("rb") as file:
        head = file.read(len(_PNG))
        if head == _PNG:
            picture = BytesIO(_png_picture(head + file.read()))
        file.seek(0)
        formats = [name.upper() for name in FORMATS]
        with Image.open(picture if head == _PNG else file, formats=formats) as image:
            yield image


def _png_picture(content: bytes) -> bytes:
    """A PNG without the chunks that its picture does not need."""
    chunks = []
    start = len(_PNG)
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        if content[start + 4 : start + 8] in _PNG_PICTURE:
            chunks.append(content[start:end])
        start = end
    chunks.sort(key=lambda chunk: chunk[4:8] in (b"IDAT", b"IEND"))  # eXIf may follow the picture
    return _PNG + b"".join(chunks)


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a broken tag of a picture that may be well
        return 1
    return found if found in TURNS else 1


def has_plain_pixels(image: Image.Image) -> bool:
    """Whether a picture has pixels of a kind that ``to_gray`` takes."""
    return image.mode in _PLAIN or image.mode.startswith("I;16")


def turned(image: Image.Image, upright: bool) -> Image.Image:
    """The picture, upright or as it is stored."""
    orientation = _orientation(image) if upright or image.format == "TIFF" else 1
    image.load()  # Pillow turns a TIFF upright here, and nothing else
    if orientation == 1 or upright == (image.format == "TIFF"):
        return image
    return image.transpose((TURNS if upright else _BACK)[orientation])


def to_gray(image: Image.Image, gray: str) -> Photo:
    """A decoded picture in 8 bits of gray, as ``read_photo`` gives it."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        bits = next(bits for bits in _DEPTHS if int(values.max()) < 1 << bits)
        top = (1 << bits) - 1
        return Photo(((values * 255 + top // 2) // top).astype(np.uint8), bits)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    if gray == "luma":
        return Photo(np.asarray(image.convert("L")))
    red, green, blue = (np.asarray(band, np.uint16) for band in image.convert("RGB").split())
    return Photo(((red + green + blue + 1) // 3).astype(np.uint8))  # the mean, rounded


def thumbnail(grays: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A whole photo (H, W) at (16, 16), by which it is known again: means over its parts."""
    size = (THUMBNAIL, THUMBNAIL)
    return np.asarray(Image.fromarray(grays).resize(size, Image.Resampling.BOX))


def cut_crop(
    image: NDArray[np.uint8], center: tuple[float, float], extent: float, side: int
) -> NDArray[np.uint8]:
    """Cuts a square out of a gray photo and resizes it, anti-aliased; black outside the photo.

    Args:
        image: (H, W) uint8.
        center: x, y of the square's middle, pixel centres at whole numbers.
        extent: Side of the square in photo pixels.
        side: Side of the result.

    Returns:
        (side, side) uint8, related to the photo by ``geometry.crop_to_photo``.
    """
    picture, shrink = Image.fromarray(image), max(1, int(extent // (4 * side)))
    if shrink > 1:  # else a large face would take memory of the square of its extent
        picture = picture.reduce(shrink)
        center = ((center[0] + 0.5) / shrink - 0.5, (center[1] + 0.5) / shrink - 0.5)
        extent /= shrink
    # Pillow counts pixels from their upper-left corner: half a pixel more than from the centre.
    left, top = (middle + 0.5 - extent / 2 for middle in center)
    x0, y0 = int(np.floor(left)) - 1, int(np.floor(top)) - 1
    x1, y1 = int(np.ceil(left + extent)) + 1, int(np.ceil(top + extent)) + 1
    region = picture.crop((x0, y0, x1, y1))
    box = (left - x0, top - y0, left - x0 + extent, top - y0 + extent)
    return np.asarray(region.resize((side, side), Image.Resampling.BILINEAR, box=box))
