"""Small videos for the tests, as av writes them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def write_clip(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    rate: int = 25,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes gray frames (H, W); ``rotation`` is what a phone notes, counterclockwise."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("h264", rate=rate, options={"crf": "5", "g": "5"})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number, gray in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.repeat(gray[..., None], 3, axis=2), "rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(times[number] * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
