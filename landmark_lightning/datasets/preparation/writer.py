"""SplitWriter: the arrays of one split on their way into a FaceFile."""

from array import array
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from landmark_lightning.datasets.facefile_arrays import LAYOUT, OPTIONAL
from landmark_lightning.datasets.preparation.cropping import CroppedFaces

LEAST_ROWS = 256
"""A split gets room for so many faces at first, and for twice as many whenever it is full."""

CHUNK = 1024
"""Rows of a chunk of the small arrays."""

_LATE = ("subsets", "validation", "photo", "group", *OPTIONAL)
"""Arrays whose shape is known at the end; what they are made of is kept in short."""


class SplitWriter:
    """Streams a split's faces into the file; of each it keeps no more than a name or two.

    Args:
        group: The split's group in the file, empty yet.
        shapes: As ``row_shapes`` gives them; those of ``subsets`` are not asked for.
    """

    def __init__(self, group: h5py.Group, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.group, self.shapes = group, shapes
        self.count = 0
        self._stored = {
            name: group.create_dataset(
                name,
                shape=(0, *shapes[name]),
                maxshape=(None, *shapes[name]),
                dtype=kind,
                chunks=(1 if name == "images" else CHUNK, *shapes[name]),
                fletcher32=True,
            )
            for name, (kind, _) in LAYOUT.items()
            if name not in _LATE and 0 not in shapes[name]
        }
        self._names: dict[str, list[NDArray[np.bytes_]]] = {"photo": [], "group": []}
        self._detector: list[NDArray[np.float32]] = []
        self._subsets: dict[tuple[str, ...], int] = {}
        self._subset, self._validation = array("q"), array("b")

    def add(self, block: CroppedFaces, split: str) -> None:
        """Adds those faces of a block that are of the split."""
        chosen = [i for i, face in enumerate(block.faces) if face.split == split]
        if not chosen:
            return
        room = len(self._stored["images"])
        if self.count + len(chosen) > room:
            self._resize(max(LEAST_ROWS, 2 * (self.count + len(chosen))))
        for name, stored in self._stored.items():
            stored[self.count : self.count + len(chosen)] = block.rows[name][chosen]
        self._detector.append(block.rows["detector_box"][chosen])
        faces = [block.faces[i] for i in chosen]
        self._names["photo"].append(np.array([face.photo.encode() for face in faces], "S"))
        self._names["group"].append(np.array([face.group.encode() for face in faces], "S"))
        for face in faces:
            self._subset.append(self._subsets.setdefault(face.subsets, len(self._subsets)))
            self._validation.append(face.validation)
        self.count += len(chosen)

    def photos(self) -> Iterator[str]:
        """The photos of the faces, in their order."""
        return (name.decode() for names in self._names["photo"] for name in names.tolist())

    def finish(self, subsets: tuple[str, ...], without: Collection[str] = ()) -> None:
        """Writes the other arrays, when all the faces are in.

        Args:
            subsets: Names of the K subsets, in their order.
            without: Names of arrays that are left out.
        """
        self._resize(self.count)
        member = np.array([[name in of for name in subsets] for of in self._subsets], np.bool_)
        member = member.reshape(len(self._subsets), len(subsets))
        late: dict[str, NDArray[Any]] = {
            "subsets": member[np.array(self._subset, np.int64)],
            "validation": np.array(self._validation, np.bool_),
            "detector_box": np.concatenate([np.empty((0, 4), np.float32), *self._detector]),
            **{n: np.concatenate([np.empty(0, "S1"), *each]) for n, each in self._names.items()},
        }
        for name, (kind, _) in LAYOUT.items():
            if name in self._stored or name in without:
                continue
            data = late.get(name, np.empty((self.count, *self.shapes[name]), kind))
            stored = {"fletcher32": True} if data.size else {}
            self.group.create_dataset(name, data=data, **stored)

    def _resize(self, rows: int) -> None:
        for stored in self._stored.values():
            stored.resize(rows, axis=0)
