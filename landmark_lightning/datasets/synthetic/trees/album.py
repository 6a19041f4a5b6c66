"""An album: rendered faces, placed in photos of one size, alone or side by side."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tqdm import tqdm

from landmark_lightning.datasets.face import SPLITS, Face, visibility
from landmark_lightning.datasets.synthetic.faces import render_face
from landmark_lightning.errors import UserError

CUTS = ("", "near", "far")
"""Whole faces; ones whose left and top, or right and bottom, lie outside the photo."""

_WINDOW = 126.0  # Pixels of a rendered picture that a whole face's photo shows, in width.
_TALL = 1.1  # Height over width of a face's part of a photo.
_CUT_OFF = 0.06  # Share of the face that a cut leaves outside.
_TURNED = 6  # EXIF: the camera was held upright. The landmarks are in stored pixel order.


Faces = Sequence[tuple[str, int]]
"""Split and number of the faces of a photo, from left to right."""

Window = tuple[float, float, float]
"""Left, top and width of the part of a rendered picture that a photo shows."""


class Album:
    """Renders faces and writes photos of them under a root.

    Args:
        root: The folder of the tree.
        scheme: Name of the landmark scheme.
        seed: Whole number from which every random stream starts.
        photo: Width in pixels of one face's part of a photo.
        distinct: How many faces are rendered for a split; further ones look like these in turn.
        bar: Counts the faces.
    """

    def __init__(
        self, root: Path, scheme: str, *, seed: int, photo: int, distinct: int, bar: "tqdm[None]"
    ) -> None:
        self.root = root
        self.scheme = scheme
        self.seed = seed
        self.size = (photo, int(_TALL * photo))
        self.distinct = distinct
        self.bar = bar
        self._render = cache(partial(render_face, seed=seed))
        self._encoded: dict[tuple[str, int, str, str, bool], bytes] = {}

    def rng(self, stream: str) -> np.random.Generator:
        """The random stream of that name."""
        return np.random.default_rng([self.seed, *stream.encode()])

    def save(self, path: str, faces: Faces, *, cut: str = "", turned: bool = False) -> list[Face]:
        """Writes one photo.

        Args:
            path: The photo's path under the root.
            faces: Its faces.
            cut: One of ``CUTS``, for a photo of one face.
            turned: Whether a JPEG says in its EXIF that it is to be turned.

        Returns:
            The faces with landmarks, box and the visible landmarks in the photo; the subsets are
            the six attributes.
        """
        windows = [self._window(split, number % self.distinct, cut) for split, number in faces]
        kind = "PNG" if path.lower().endswith("png") else "JPEG"
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if len(faces) == 1:  # Faces that look alike have the same file.
            key = (faces[0][0], faces[0][1] % self.distinct, cut, kind, turned)
            if key not in self._encoded:
                self._encoded[key] = self._encode(faces, windows, kind, turned)
            target.write_bytes(self._encoded[key])
        else:
            target.write_bytes(self._encode(faces, windows, kind, turned))
        self.bar.update(len(faces))
        return [
            self._face(path, split, number, window, place)
            for place, ((split, number), window) in enumerate(zip(faces, windows, strict=True))
        ]

    def _window(self, split: str, number: int, cut: str) -> Window:
        rendered = self._render(split, number)
        height, width = rendered.image.shape
        points = rendered.points["ibug68"]
        low, high = points.min(axis=0) + 0.5, points.max(axis=0) + 0.5
        extent = float((high - low).max())
        if cut == "near":
            left, top = (float(x) for x in low + _CUT_OFF * extent)
            return left, top, min(1.1 * extent, width - left, (height - top) / _TALL)
        if cut == "far":
            right, bottom = (float(x) for x in high - _CUT_OFF * extent)
            side = min(1.1 * extent, right, bottom / _TALL)
            return right - side, bottom - self._tall(side), side
        rng = np.random.default_rng([self.seed, SPLITS.index(split), number])
        x, y = (low + high) / 2 + rng.uniform(-6, 6, 2)
        tall = self._tall(_WINDOW)
        left = float(np.clip(x - _WINDOW / 2, 0, width - _WINDOW))
        return left, float(np.clip(y - tall / 2, 0, height - tall)), _WINDOW

    def _tall(self, width: float) -> float:
        return width * self.size[1] / self.size[0]

    def _encode(self, faces: Faces, windows: Sequence[Window], kind: str, turned: bool) -> bytes:
        width, height = self.size
        picture = Image.new("RGB", (width * len(faces), height))
        shown = zip(faces, windows, strict=True)
        for place, ((split, number), (left, top, side)) in enumerate(shown):
            box = (left, top, left + side, top + self._tall(side))
            gray = Image.fromarray(self._render(split, number % self.distinct).image)
            part = gray.resize(self.size, Image.Resampling.BILINEAR, box=box)
            tint = (200 - 60 * (number % 3), 130, 100 + 30 * (number % 2))
            picture.paste(ImageOps.colorize(part, "black", "white", tint), (place * width, 0))
        written = BytesIO()
        if kind == "PNG":
            picture.save(written, kind, compress_level=1)
        else:
            exif = Image.Exif()
            if turned:
                exif[0x0112] = _TURNED
            picture.save(written, kind, quality=90, exif=exif)
        return written.getvalue()

    def _face(self, path: str, split: str, number: int, window: Window, place: int) -> Face:
        rendered = self._render(split, number % self.distinct)
        left, top, side = window
        width, height = self.size
        scale = width / side

        def placed(points: NDArray[np.float64]) -> NDArray[np.float64]:
            """Points (P, 2) of the rendered picture in pixels of the photo."""
            shown: NDArray[np.float64] = (points + 0.5 - [left, top]) * scale - 0.5
            return shown + [place * width, 0]

        nineteen = placed(rendered.points["aflw19"]) - [place * width, 0]
        inside = ((nineteen >= 0) & (nineteen <= [width - 1, height - 1])).all(axis=1)
        return Face(
            photo=path,
            split=split,
            landmarks=placed(rendered.points[self.scheme]),
            where=path,
            subsets=rendered.attributes,
            box=placed(rendered.box.reshape(2, 2)).ravel(),
            visible=visibility(rendered.visible & inside) if self.scheme == "aflw19" else None,
        )


def shares(official: Mapping[str, int], faces: int | None) -> dict[str, int]:
    """How many of ``faces`` each part gets: in the official proportion, at least one.

    None: the ``official`` count of each part.

    Raises:
        UserError: Fewer faces than parts.
    """
    if faces is None:
        return dict(official)
    if faces < len(official):
        raise UserError(f"faces={faces} are too few; the layout has {len(official)} folders")
    exact = {part: count * faces / sum(official.values()) for part, count in official.items()}
    counts = {part: max(1, int(share)) for part, share in exact.items()}
    while sum(counts.values()) < faces:
        counts[max(exact, key=lambda part: exact[part] - counts[part])] += 1
    while sum(counts.values()) > faces:
        counts[max(counts, key=counts.__getitem__)] -= 1
    return counts


def sharing(
    faces: Iterable[tuple[str, int]], rng: np.random.Generator
) -> list[list[tuple[str, int]]]:
    """Deals faces to photos: most photos have one face, some two or three, the first has two."""
    left = list(faces)
    sizes = [2, *rng.choice([1, 2, 3], size=len(left), p=[0.85, 0.11, 0.04]).tolist()]
    ends = np.cumsum(sizes).tolist()
    photos = [left[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    return [photo for photo in photos if photo]


def cut_of(photo: int, faces: int, every: int) -> str:
    """Which of ``CUTS`` photo number ``photo`` gets: one in ``every``, of single faces."""
    if faces > 1:
        return ""
    return {1: "near", 2: "far"}.get(photo % every, "")
