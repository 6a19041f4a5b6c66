"""Small trees, written once a session: every test that changes one copies it first."""

from pathlib import Path

import pytest

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.synthetic.trees.write import write_layout

Tree = tuple[Path, list[Face]]

FACES = {"300w": 60, "aflw": 40, "wflw": 40, "table": 20}


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tree]:
    """A tree of each layout and its faces as they were written."""
    folder = tmp_path_factory.mktemp("trees")
    return {
        layout: (
            folder / layout,
            write_layout(
                folder / layout, layout, faces=faces, photo=48, distinct=20, progress=False
            ),
        )
        for layout, faces in FACES.items()
    }
