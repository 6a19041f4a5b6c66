"""Many photos: decoded and searched in parallel, predicted in batches, given in their order."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.errors import UserError
from landmark_lightning.inference.detector import LandmarkDetector, Landmarks
from landmark_lightning.inference.photos.pictures import as_grays

Squares = NDArray[np.float64]


@dataclass(frozen=True)
class Moment:
    """Where in a video faces were found.

    Attributes:
        frame: The frame, from 0.
        time: Seconds from the first frame.
        numbers: (F,) the numbers of its faces, which they keep from frame to frame.
    """

    frame: int
    time: float
    numbers: NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """What became of one photo, or of one frame of a video.

    Attributes:
        name: Its name.
        faces: Its faces; None where it can't be read.
        grays: The photo (H, W).
        reason: Why it can't be read.
        moment: The frame of a video; None for a photo.
    """

    name: str
    faces: Landmarks | None = None
    grays: NDArray[np.uint8] | None = None
    reason: str = ""
    moment: Moment | None = None


def find_all(
    detector: LandmarkDetector,
    names: Sequence[str],
    boxes: Callable[[str], str | Squares],
    kind: str,
    *,
    passes: int | None = None,
    batch_size: int = 64,
    workers: int = 2,
    max_pixels: int,
) -> Iterator[Found]:
    """Predicts the faces of many photos; one that can't be read is told and passed over.

    Args:
        detector: The detector.
        names: The photos' files.
        boxes: The boxes of a photo by its name, as ``LandmarkDetector.squares`` takes them.
        kind: ``detector`` or ``true``: which boxes these are.
        passes: How often a face is cut.
        batch_size: Faces in a batch.
        workers: Threads that decode photos and find faces.
        max_pixels: Pixels of the largest photo that is decoded.

    Yields:
        What became of each photo, in their order.
    """

    def read(name: str) -> tuple[NDArray[np.uint8], Squares] | str:
        try:
            grays = as_grays(name, detector.card.gray, max_pixels)
            return grays, detector.squares(grays, boxes(name))
        except (UserError, OSError, MemoryError) as error:
            return " ".join(str(error).split()) or type(error).__name__

    pool = ThreadPoolExecutor(workers, "photos")
    waiting: deque[tuple[str, Future[tuple[NDArray[np.uint8], Squares] | str]]] = deque()
    ready: list[tuple[str, tuple[NDArray[np.uint8], Squares] | str]] = []
    left = iter(names)
    try:
        while True:
            while len(waiting) < 4 * workers and (name := next(left, None)) is not None:
                waiting.append((name, pool.submit(read, name)))
            if waiting:
                name, future = waiting.popleft()
                ready.append((name, future.result()))
            faces = sum(len(one[1]) for _, one in ready if not isinstance(one, str))
            if faces >= batch_size or len(ready) >= 4 * batch_size or not waiting:
                yield from _predicted(detector, ready, kind, passes, batch_size)
                ready = []
            if not waiting:
                return
    finally:
        pool.shutdown(cancel_futures=True)


def _predicted(
    detector: LandmarkDetector,
    ready: Sequence[tuple[str, tuple[NDArray[np.uint8], Squares] | str]],
    kind: str,
    passes: int | None,
    batch_size: int,
) -> Iterator[Found]:
    readable = [(name, one) for name, one in ready if not isinstance(one, str)]
    photos = [grays for _, (grays, _) in readable]
    squares = [found for _, (_, found) in readable]
    answers = detector.predict(photos, squares, kind, passes, batch_size)
    place = 0
    for name, one in ready:
        if isinstance(one, str):
            yield Found(name, reason=one)
        else:
            yield Found(name, answers.of(place), one[0])
            place += 1
