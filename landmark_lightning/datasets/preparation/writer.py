"""SplitWriter: the arrays of one split on their way into a FaceFile."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import h5py
import numpy as np

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile_arrays import LAYOUT
from landmark_lightning.datasets.preparation.cropping import CroppedFaces, Rows

LEAST_ROWS = 256
"""A split gets room for so many images at first, and for twice as many whenever it is full."""


class SplitWriter:
    """Streams a split's images into the file; keeps the small arrays until the end.

    Args:
        group: The split's group in the file, empty yet.
        side: Pixels C of a crop.
    """

    def __init__(self, group: h5py.Group, side: int) -> None:
        self.group = group
        self.images = group.create_dataset(
            "images",
            shape=(0, side, side),
            maxshape=(None, side, side),
            dtype="u1",
            chunks=(1, side, side),
            fletcher32=True,
        )
        self.rows: list[Rows] = []
        self.faces: list[Face] = []

    def add(self, block: CroppedFaces, split: str) -> None:
        """Adds those faces of a block that are of the split."""
        chosen = [i for i, face in enumerate(block.faces) if face.split == split]
        if not chosen:
            return
        rows = {name: row[chosen] for name, row in block.rows.items()}
        images, count = rows.pop("images"), len(self.faces)
        if count + len(images) > len(self.images):
            self.images.resize(max(LEAST_ROWS, 2 * (count + len(images))), axis=0)
        self.images[count : count + len(images)] = images
        self.rows.append(rows)
        # Without the rendered pictures, which are in the file by now.
        self.faces += [replace(block.faces[i], image=None) for i in chosen]

    def finish(
        self,
        subsets: tuple[str, ...],
        shapes: Mapping[str, tuple[int, ...]],
        without: Collection[str] = (),
    ) -> None:
        """Writes the small arrays, when all the faces are in.

        Args:
            subsets: Names of the K subsets, in their order.
            shapes: As ``row_shapes`` gives them.
            without: Names of arrays that are left out.
        """
        self.images.resize(len(self.faces), axis=0)
        of_faces = {
            "subsets": [[name in face.subsets for name in subsets] for face in self.faces],
            "validation": [face.validation for face in self.faces],
            "photo": [face.photo.encode() for face in self.faces],
            "group": [face.group.encode() for face in self.faces],
        }
        for name, (kind, _) in LAYOUT.items():
            if name == "images" or name in without:
                continue
            if name in of_faces:
                array = np.array(of_faces[name], kind).reshape(len(self.faces), *shapes[name])
            else:
                none = np.empty((0, *shapes[name]), kind)
                array = np.concatenate([none, *(rows[name] for rows in self.rows)])
            stored = {"fletcher32": True} if array.size else {}
            self.group.create_dataset(name, data=array, **stored)
