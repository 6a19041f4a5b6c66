"""Pictures as a caller has them: files, bytes, Pillow's images or arrays, in 8 bits of gray."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landmark_lightning.datasets.photos import (
    MAX_PIXELS,
    has_plain_pixels,
    read_photo,
    to_gray,
    turned,
)
from landmark_lightning.errors import UserError

Picture = str | Path | bytes | Image.Image | NDArray[np.uint8] | NDArray[np.uint16]
"""A file's name, the content of one, or a decoded picture: arrays are (H, W), or (H, W, 1, 3 or 4)
with red first and alpha last."""


def as_grays(
    picture: Picture, gray: str = "luma", max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """A picture (H, W) in gray; photos are turned as their EXIF orientation says.

    Args:
        picture: The picture.
        gray: ``luma`` or ``mean`` of red, green and blue.
        max_pixels: Pixels of the largest photo that is decoded.

    Raises:
        FileNotFoundError: No such file.
        UserError: It can't be decoded, or is an array of another kind; one sentence.
    """
    if isinstance(picture, (str, Path)):
        path = Path(picture)
        if not path.is_file():  # a pipe would be waited for
            there = "is no file" if path.exists() else "does not exist"
            raise FileNotFoundError(f"photo {path} {there}")
        return read_photo(path, gray, True, max_pixels, "max_pixels").grays
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return read_photo(bytes(picture), gray, True, max_pixels, "max_pixels").grays
    if isinstance(picture, Image.Image):
        upright = turned(picture, True)
        if not has_plain_pixels(upright):
            raise UserError(f"a picture of mode {picture.mode} can't be read; convert it to RGB")
        return to_gray(upright, gray).grays
    return _array_grays(np.asarray(picture), gray)


def _array_grays(array: NDArray[np.generic], gray: str) -> NDArray[np.uint8]:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or not array.size:
        raise UserError(
            f"an image has shape {array.shape}, expected (H, W), or (H, W, 3) or (H, W, 4) with "
            "red first"
        )
    if array.dtype not in (np.bool_, np.uint8, np.uint16):
        raise UserError(
            f"an image has numbers of type {array.dtype}, expected uint8 or uint16; multiply "
            "shares of 1 by 255"
        )
    plain: NDArray[Any] = array[..., 0] if array.ndim == 3 and channels == 1 else array
    if plain.dtype == np.bool_:
        plain = plain * np.uint8(255)
    if plain.dtype == np.uint16 and plain.ndim == 3:  # by the full range, as 16-bit photos are
        wide = next(bits for bits in (8, 12, 16) if int(plain.max()) < 1 << bits)
        plain = (plain.astype(np.uint32) * 255 // ((1 << wide) - 1)).astype(np.uint8)
    return to_gray(Image.fromarray(np.ascontiguousarray(plain)), gray).grays
