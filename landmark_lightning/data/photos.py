"""Photos: decoding one safely, and cutting the square crop that a FaceFile stores."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 64_000_000
"""Largest photo that is decoded, in pixels; a header that claims more is refused unread."""

GRAY_RULES = ("luma", "mean")


class MissingPhotoError(ValueError):
    """A photo that does not exist, under a name that could be one."""


def photo_path(root: Path, photo: str, kind: str = "photo") -> Path:
    """The file of a photo named relative to the dataset's root.

    Args:
        root: The root.
        photo: The name.
        kind: What to call it in messages.

    Raises:
        MissingPhotoError: No such file exists.
        ValueError: The name leaves the root (by ``..``, a link or an absolute path).
    """
    try:
        path = (root / photo).resolve()
        inside, there = path.is_relative_to(root.resolve()), path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a circle of links, a NUL
        raise ValueError(f"{kind} {photo[:80]!r} is no file's name") from error
    if not inside:
        raise ValueError(f"{kind} {photo!r} lies outside {root}")
    if not there:
        raise MissingPhotoError(f"{kind} {photo!r} does not exist under {root}")
    return path


def read_photo(path: Path, gray: str = "luma") -> NDArray[np.uint8]:
    """Decodes a JPEG or PNG photo to gray, in stored pixel order (EXIF turns are not applied).

    Args:
        path: The file.
        gray: ``luma`` (ITU-R 601) or ``mean`` of red, green and blue (dlib's rule).

    Returns:
        (H, W) uint8.

    Raises:
        ValueError: Not a photo, damaged, or larger than ``MAX_PIXELS``.
    """
    try:
        with Image.open(path, formats=["JPEG", "PNG"]) as image:
            mode, (width, height) = image.mode, image.size
            if width * height <= MAX_PIXELS and not mode.startswith(("I", "F")):
                return _gray(image, gray)
    except Image.DecompressionBombError as error:
        raise ValueError(f"photo {path} claims too many pixels") from error
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's words for what it can't read
        raise ValueError(f"photo {path} is damaged or no JPEG or PNG") from error
    if width * height > MAX_PIXELS:
        raise ValueError(f"photo {path} claims {width} x {height} pixels")
    raise ValueError(f"photo {path} has pixels of {mode}; convert it to 8 bits")


def _gray(image: Image.Image, gray: str) -> NDArray[np.uint8]:
    if gray == "luma":
        return np.asarray(image.convert("L"))
    red, green, blue = (np.asarray(band, np.uint16) for band in image.convert("RGB").split())
    return ((red + green + blue + 1) // 3).astype(np.uint8)  # the mean, rounded


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
