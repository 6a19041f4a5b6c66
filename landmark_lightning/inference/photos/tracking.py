"""Faces from frame to frame of a video: where each is next, and which number it has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.boxes import overlap
from landmark_lightning.inference.detector import REJECTED, LandmarkDetector, Landmarks
from landmark_lightning.inference.photos.stream import Found, Moment
from landmark_lightning.inference.photos.video import Grays, Video

Numbers = NDArray[np.float64]

SEARCH_SECONDS = 1.0
"""The face detector is asked again at least so often: new faces are seen then."""

SAME = 0.3
"""A face that is detected is a known one where their squares share this much of their union."""

ONE = 0.5
"""Two tracks whose squares share this much are one face."""


@dataclass(frozen=True)
class _Track:
    """A face that is followed.

    Attributes:
        number: Its number.
        faces: What was found in this frame, ``Landmarks`` of one face.
        square: (3,) centre x, y and side of the square to cut it by in the next frame.
    """

    number: int
    faces: Landmarks
    square: Numbers

    @property
    def validity(self) -> float:
        """The validity of the face; NaN where none was measured."""
        return float(self.faces.validity[0])


class Tracker:
    """Follows the faces of a video: each is cut around its landmarks of the frame before.

    A face detector finds them in the first frame, every ``SEARCH_SECONDS`` and when the validity
    of a face falls below ``REJECTED``. A face that it finds again goes on from where it found it;
    one that is neither found again nor valid is over. Known faces keep their numbers, which
    count up from 0 and are never given twice; of two tracks on one face the older number stays,
    with the landmarks of the higher validity.

    Args:
        detector: The detector.
        passes: How often a face is cut where the face detector found it; elsewhere once.
    """

    def __init__(self, detector: LandmarkDetector, passes: int | None = None) -> None:
        self.detector, self.passes = detector, passes
        self._tracks: list[_Track] = []
        self._next_number = 0
        self._next_search = -np.inf

    def __call__(self, grays: Grays, time: float) -> tuple[Landmarks, NDArray[np.int64]]:
        """The faces of the next frame (H, W) at a time in seconds, and their numbers (F,)."""
        before = {track.number: track.square for track in self._tracks}
        self._tracks = self._seen(grays, before, 1)
        if time >= self._next_search or any(t.validity < REJECTED for t in self._tracks):
            self._next_search = time + SEARCH_SECONDS
            self._search(grays, before)
        self._unite()
        faces = [track.faces for track in self._tracks]
        faces.append(self.detector.predict([grays], [np.empty((0, 3))], "detector"))
        joined = [np.concatenate([getattr(f, e.name) for f in faces]) for e in fields(Landmarks)]
        return Landmarks(*joined), np.array([track.number for track in self._tracks], np.int64)

    def _seen(
        self, grays: Grays, squares: Mapping[int, Numbers], passes: int | None
    ) -> list[_Track]:
        """The tracks of faces at squares (3,) by their numbers."""
        if not squares:
            return []
        found = self.detector.predict([grays], [np.array([*squares.values()])], "detector", passes)
        around = self.detector.around(found.points)
        one = [
            Landmarks(*(getattr(found, each.name)[f : f + 1] for each in fields(found)))
            for f in range(len(found))
        ]
        return [_Track(*each) for each in zip(squares, one, around, strict=True)]

    def _search(self, grays: Grays, before: Mapping[int, Numbers]) -> None:
        """Asks the face detector, with the squares that the tracks were cut by in this frame."""
        valid = {track.number: track.validity >= REJECTED for track in self._tracks}
        places = {
            t.number: t.square if valid[t.number] else before[t.number] for t in self._tracks
        }
        anew: dict[int, Numbers] = {}  # squares to cut faces by once more, or for the first time
        for square in self.detector.squares(grays, "detector"):
            shared = {number: _shared(square, place) for number, place in places.items()}
            best = max(shared, key=shared.__getitem__, default=None)
            if best is None or shared[best] < SAME:
                anew[self._next_number] = square
                self._next_number += 1
            else:
                del places[best]
                if not valid[best]:
                    anew[best] = square
        kept = [track for track in self._tracks if valid[track.number]]
        again = [*kept, *self._seen(grays, anew, self.passes)]
        self._tracks = sorted(again, key=lambda track: track.number)

    def _unite(self) -> None:
        """Makes one of two tracks that are on one face."""
        kept: list[_Track] = []
        for track in self._tracks:  # the oldest first
            shared = [_shared(track.square, other.square) for other in kept]
            twin = int(np.argmax(shared)) if shared else 0
            if not shared or shared[twin] < ONE:
                kept.append(track)
            elif track.validity > kept[twin].validity:
                kept[twin] = replace(track, number=kept[twin].number)
        self._tracks = kept


def _shared(one: Numbers, other: Numbers) -> float:
    """The share of their union that two squares (3,) have in common."""
    first, second = (np.concatenate([s[:2] - s[2] / 2, s[:2] + s[2] / 2]) for s in (one, other))
    return overlap(first, second)


def find_in_video(
    detector: LandmarkDetector, video: Video, whole: bool = False, passes: int | None = None
) -> Iterator[Found]:
    """Predicts the faces of a video, frame after frame.

    Args:
        detector: The detector.
        video: The video.
        whole: Whether each frame is the crop of a face; else the faces are followed (``Tracker``).
        passes: How often a face is cut where its box is not that of the frame before.

    Yields:
        What became of each frame; at the end, where something could not be decoded, the reason.
    """
    track = Tracker(detector, passes)
    for frame in video:
        if whole:
            square = detector.squares(frame.grays, "whole")
            faces = detector.predict([frame.grays], [square], "true", passes)
            numbers = np.zeros(1, np.int64)
        else:
            faces, numbers = track(frame.grays, frame.time)
        moment = Moment(frame.number, frame.time, numbers)
        yield Found(video.name, faces, frame.grays, moment=moment)
    if video.problem is not None:
        yield Found(video.name, reason=video.problem)
