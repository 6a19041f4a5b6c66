"""Writes rendered faces in the official layouts of 300W, AFLW and WFLW, or as your own table.

So that all that reads a dataset can be rehearsed before its licence is granted:

    python -m landmark_lightning.datasets.synthetic /data/300w 300w --faces 200
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from landmark_lightning.config.limits import one_of, whole
from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.facefile import RENDERED_MARK
from landmark_lightning.datasets.synthetic.trees import aflw, table, w300, wflw
from landmark_lightning.datasets.synthetic.trees.album import Album
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import SCHEMES

_LAYOUTS = {
    "300w": ("ibug68", w300),
    "aflw": ("aflw19", aflw),
    "wflw": ("wflw98", wflw),
    "table": ("ibug68", table),
}
LAYOUTS = tuple(_LAYOUTS)
"""The layouts that can be written."""


def write_layout(
    root: Path,
    layout: str,
    *,
    faces: int | None = None,
    seed: int = 0,
    photo: int = 160,
    distinct: int = 200,
    nested: bool = False,
    scheme: str | None = None,
    progress: bool = True,
) -> list[Face]:
    """Writes a tree of rendered faces; it appears only when it is whole.

    The same arguments write the same tree, to the byte. A file in it, ``RENDERED_MARK``, says
    that the faces are rendered, so that no figure on them passes for one on photos.

    Args:
        root: The folder to write; it must be new or empty.
        layout: ``300w``, ``aflw``, ``wflw`` or ``table``.
        faces: How many, in the official proportion of folders and splits; None: the official
            counts, 3,837, 24,386 and 10,000 (1,000 for a table).
        seed: Whole number from which every random stream starts.
        photo: Width in pixels of one face's part of a photo; its height is a tenth more.
        distinct: How many faces are rendered for a split; further ones look like these in turn.
        nested: The other way in which unpacked copies look, as the layout's module says.
        scheme: Landmark scheme of a table; None: ibug68. The others have their own.
        progress: Whether to show it.

    Returns:
        The faces as a reader must read them: landmarks, boxes and the rest in zero-based pixels
        of the photo, subsets, and where under the root each is annotated.

    Raises:
        UserError: A value out of range, or a root that holds something.
    """
    one_of(*LAYOUTS).check(layout, "layout")
    own_scheme, writer = _LAYOUTS[layout]
    total = sum(writer.OFFICIAL.values()) if faces is None else faces
    whole(1).check(total, "faces")
    whole(0).check(seed, "seed")
    whole(32).check(photo, "photo")
    whole(1).check(distinct, "distinct")
    if scheme is None:
        scheme = own_scheme
    elif scheme not in SCHEMES or (layout != "table" and scheme != own_scheme):
        raise UserError(f"scheme={scheme!r} can't be written in layout {layout}")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"{root} holds something already; name a new or an empty folder")
    root.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}.") as temporary,
        tqdm(
            None, f"rendering {layout}", total, unit="face", mininterval=1.0, disable=not progress
        ) as bar,
    ):
        tree = Path(temporary) / "tree"
        tree.mkdir()
        album = Album(tree, scheme, seed=seed, photo=photo, distinct=distinct, bar=bar)
        written: list[Face] = writer.write(album, faces, nested)
        (tree / RENDERED_MARK).write_text("These faces are rendered, not photographed.\n")
        tree.replace(root)
    return written


def main(arguments: Sequence[str]) -> None:
    """Writes a tree from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m landmark_lightning.datasets.synthetic",
        description="Writes rendered faces in the official layout of a dataset.",
    )
    parser.add_argument("root", type=Path, help="the folder to write, new or empty")
    parser.add_argument("layout", choices=LAYOUTS)
    parser.add_argument("--faces", type=int, help="how many; as many as the real one if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photo", type=int, default=160, help="width of a face's photo, pixels")
    parser.add_argument("--distinct", type=int, default=200, help="how many differ in a split")
    parser.add_argument("--nested", action="store_true", help="as other unpacked copies look")
    options = vars(parser.parse_args(arguments))
    root, layout = options.pop("root"), options.pop("layout")
    try:
        written = write_layout(root, layout, **options)
    except ValueError as error:
        parser.error(str(error))
    print(f"Wrote {root} ({len(written)} faces in the layout of {layout})")
