"""A video's file: its frames, decoded ahead in a thread, and the annotated copy of it."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landmark_lightning.datasets.photos import MAX_PIXELS, to_gray
from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing
from landmark_lightning.inference.detector import REJECTED, Landmarks
from landmark_lightning.plots.overlays import color_top, overlay

Grays = NDArray[np.uint8]

AHEAD = 8
"""Frames that are decoded before they are asked for."""

USUAL_RATE = Fraction(25)
"""Frames a second of a video that does not tell."""

MISSING_SECONDS = 0.5
"""A video that ends so much earlier than its header says is a truncated one."""

SETTLING = 30
"""Frames with faces that decide about the colours of an annotated video."""

HELD_PIXELS = 100_000_000
"""Pixels of the frames that wait for that, at most."""

CLOCK = 90_000
"""Ticks a second in an annotated video."""


class Frame(NamedTuple):
    """A frame of a video.

    Attributes:
        number: Its place among the frames, from 0.
        time: Seconds from the first frame.
        grays: (H, W) it, upright.
    """

    number: int
    time: float
    grays: Grays


def pyav() -> Any:  # noqa: ANN401
    """The package av.

    Raises:
        UserError: It is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(
            "a video needs PyAV, which is not installed; pip install 'landmark-lightning[video]'"
        ) from error
    return av


class Video:
    """The frames of a video, once; a context that closes the file.

    A part that can't be decoded is passed over; when the frames are through, ``problem`` says so.

    Args:
        name: The file.
        gray: ``luma`` or ``mean`` of red, green and blue.
        max_pixels: Pixels of the largest frame that is decoded.

    Attributes:
        rate: Frames a second, on average.
        frames: Number of frames as far as the header tells it, else None.
        problem: What could not be decoded, in one sentence; None: nothing so far.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It holds no video, or too large a one, or PyAV is not installed.
    """

    def __init__(self, name: str, gray: str = "luma", max_pixels: int = MAX_PIXELS) -> None:
        av = pyav()
        self.name, self.gray = name, gray
        self._error = av.FFmpegError
        self._pool = ThreadPoolExecutor(1, "video")
        if not Path(name).is_file():
            raise FileNotFoundError(f"video {name} is no file")
        try:
            self._container = av.open(name)
        except av.FFmpegError as error:
            if isinstance(error, OSError) and error.strerror:  # no right to read it
                raise UserError(f"video {name} can't be read ({error.strerror})") from error
            raise UserError(f"video {name} is damaged or no video") from error
        if not self._container.streams.video:
            self.close()
            raise UserError(f"video {name} has no pictures; name a file that has")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        width, height = self._stream.codec_context.width, self._stream.codec_context.height
        if width * height > max_pixels:
            self.close()
            raise UserError(
                f"video {name} claims {width} x {height} pixels, more than max_pixels={max_pixels}"
            )
        self.rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or USUAL_RATE)
        self._seconds = self._told_seconds()
        told = self._stream.frames or round((self._seconds or 0) * self.rate)
        self.frames = told if told > 0 else None
        self.problem: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file, once the thread has left it."""
        self._pool.shutdown(cancel_futures=True)
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """The frames in their order; ``AHEAD`` of them are decoded in a thread meanwhile."""
        frames = self._decoded()
        waiting = deque(self._pool.submit(next, frames, None) for _ in range(AHEAD))
        while (frame := waiting.popleft().result()) is not None:
            waiting.append(self._pool.submit(next, frames, None))
            yield frame

    def _decoded(self) -> Iterator[Frame]:
        number = lost = 0
        first: float | None = None
        end = 0.0
        for decoded in self._answers():
            if decoded is None:
                lost += 1
                continue
            told = decoded.time
            first = told if first is None else first
            time = number / float(self.rate) if told is None or first is None else told - first
            ticks = decoded.duration * (decoded.time_base or 0) if decoded.duration else 0
            end = max(end, time + float(ticks or 1 / self.rate))
            if decoded.is_corrupt:
                lost += 1
            else:
                picture = to_gray(decoded.to_image(), self.gray).grays
                # The rotation is counterclockwise, as numpy's.
                upright = np.rot90(picture, round(decoded.rotation / 90))
                yield Frame(number, time, np.ascontiguousarray(upright))
            number += 1
        short = self._seconds is not None and end < self._seconds - MISSING_SECONDS
        if lost or short or not number:
            ends = f"it ends after {end:.1f} of {self._seconds:.1f} seconds" if short else ""
            parts = f"{lost} of its frames can't be decoded" if lost else ""
            why = " and ".join(filter(None, (parts, ends))) or "it has no frame"
            self.problem = f"video {self.name} is damaged: {why}"

    def _answers(self) -> Iterator[Any]:
        """What the decoder gives for the packets: frames, None for a packet that it can't take."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except self._error:  # nothing more can be read; some may still be decoded
                with suppress(self._error):
                    yield from self._stream.decode(None)
                yield None
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except self._error:
                yield None

    def _told_seconds(self) -> float | None:
        """How long the pictures go on as the header tells; None where it does not."""
        stream, container = self._stream, self._container
        if stream.duration is not None:
            return float(stream.duration * stream.time_base)
        with suppress(KeyError, ValueError):  # Matroska: 00:01:02.500000000
            hours, minutes, seconds = stream.metadata["DURATION"].split(":")
            return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
        if len(container.streams) == 1 and container.duration:
            return float(container.duration / 1e6)
        return None


class Annotated:
    """A copy of a video with its landmarks plotted, as H.264 in an MP4 file; a context.

    The colours mean the same in all frames: the scale is that of the first ``SETTLING`` frames
    with faces, which wait until it is known. The file appears when the context ends without an
    error; none does where there was no frame.

    Args:
        path: The file to write.
        rate: Frames a second; the times of the frames are kept where they are irregular.

    Raises:
        UserError: PyAV has no H.264 encoder.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        self.path, self.rate, self._av = path, rate, pyav()
        try:
            self._av.codec.Codec("h264", "w")
        except self._av.codec.codec.UnknownCodecError as error:
            raise UserError(
                "draw=true needs an encoder of H.264, which this PyAV lacks; pip install av, "
                "whose wheels have one"
            ) from error
        self._files = ExitStack()
        self._held: list[tuple[Frame, Landmarks]] = []
        self._top: float | None = None
        self._container: Any = None
        self._stream: Any = None
        self._tick = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._files:
            if error is not None:
                raise error  # so that the half-written file goes
            self._settle()
            if self._container is not None:
                self._container.mux(self._stream.encode(None))

    def add(self, frame: Frame, faces: Landmarks) -> None:
        """Appends a frame with its faces; those of a validity below ``REJECTED`` are gray."""
        if self._top is not None:
            self._write(frame, faces)
            return
        self._held.append((frame, faces))
        pixels = sum(frame.grays.size for frame, _ in self._held)
        if sum(len(f) > 0 for _, f in self._held) >= SETTLING or pixels > HELD_PIXELS:
            self._settle()

    def _settle(self) -> None:
        """Decides about the colours, and writes what has waited."""
        if self._top is None:
            shown = [f.predicted_error[~(f.validity < REJECTED)].ravel() for _, f in self._held]
            self._top = color_top(np.concatenate([*shown, np.empty(0)]))
        held, self._held = self._held, []
        for each in held:
            self._write(*each)

    def _write(self, frame: Frame, faces: Landmarks) -> None:
        picture = overlay(
            frame.grays, faces.points, faces.predicted_error, faces.kept, faces.box,
            faces.validity < REJECTED, self._top, faces.covered,
        )  # fmt: skip
        if self._container is None:
            self._open(*picture.size)
        size = (self._stream.width, self._stream.height)
        even = Image.new("RGB", size)  # H.264 has even sizes; frames of another size are cut
        even.paste(picture)
        made = self._av.VideoFrame.from_image(even)
        self._tick = max(self._tick + 1, round(frame.time * CLOCK))
        made.pts, made.time_base = self._tick, Fraction(1, CLOCK)
        self._container.mux(self._stream.encode(made))

    def _open(self, width: int, height: int) -> None:
        temporary = self._files.enter_context(replacing(self.path))
        options = {"movflags": "faststart"}
        self._container = self._av.open(str(temporary), "w", format="mp4", options=options)
        self._files.callback(self._container.close)
        self._stream = self._container.add_stream(
            "h264", rate=self.rate, options={"preset": "veryfast"}
        )
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, CLOCK)
