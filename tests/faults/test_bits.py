"""One flipped bit in a file: it is noticed in one sentence, or changes nothing."""

import random
import shutil
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landmark_lightning.config.difference import leaves
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.errors import UserError
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.report.balancing import read_effects
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.predictions import read_records
from landmark_lightning.runs.results import gather, read_run
from landmark_lightning.training.checkpoints import DurableCheckpointIO
from tests.conftest import DOTS, dotted_faces
from tests.faults.share import share

FLIPS = 200
"""Of each file."""


def _faces(path: Path) -> object:
    file = FaceFile.open(path)
    splits = [file.read(split) for split in ("train", "test")]
    return file.scheme.to_dict(), file.marks, file.settings, _plain([vars(s) for s in splits])


def _resumed(path: Path) -> object:
    return _plain(DurableCheckpointIO().load_checkpoint(path, weights_only=True))


def _effects(path: Path) -> object:
    effects, unread = read_effects(gather([read_run(path.parent)]))
    if unread:
        raise UserError(unread[0])
    return [_figures(effect.cell.runs[0].content) for effect in effects]


def _figures(content: dict[str, Any]) -> dict[str, Any]:
    """All but a seal whose own name was changed."""
    return {key: value for key, value in content.items() if (len(key), len(str(value))) != (6, 64)}


def _plain(content: object) -> object:
    """Tensors and arrays as their bytes, so that all can be compared."""
    if isinstance(content, torch.Tensor):
        content = content.numpy()
    if isinstance(content, np.ndarray):
        return content.dtype, content.shape, content.tobytes()
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return content


READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "synthetic.h5": (_faces, "run landmark-prepare again"),
    "checkpoints/best.ckpt": (lambda path: _plain(read_checkpoint(path)), "rerun=true"),
    "checkpoints/last.ckpt": (_resumed, "rerun=true"),
    "metrics.json": (
        lambda path: _figures(read_run(path.parent).content),
        "landmark-evaluate again",
    ),
    "predictions.h5": (
        lambda path: _plain([vars(r := read_records(path)) | {"info": astuple(r.info)}]),
        "landmark-evaluate writes it again",
    ),
    "balancing.json": (_effects, ""),
    "config.yaml": (lambda path: dict(leaves(RunFolder(path.parent).read_config())), ""),
}
"""How each file is read, and the remedy where it is damaged."""


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> Path:
    """A copy of the run and of a FaceFile of which structure is the larger part."""
    shutil.copytree(finished.path, tmp_path / "seed0")
    told: dict[str, Any] = {"name": "dots", "root": None, "scheme": DOTS, "normalizer": "box"}
    faces = [*dotted_faces(12, "train"), *dotted_faces(6, "test")]
    prepare(faces, tmp_path / "seed0/synthetic.h5", crop=CropRule(side=32), **told)
    return tmp_path / "seed0"


@pytest.mark.parametrize("name", READERS)
def test_a_flipped_bit_is_noticed_or_changes_nothing(copy: Path, name: str) -> None:
    path, (read, remedy) = copy / name, READERS[name]
    sound, expected = path.read_bytes(), read(path)
    noticed = 0
    for flip in share(range(FLIPS), least=10):
        draw = random.Random(f"{name} {flip}")
        place, bit = draw.randrange(len(sound)), 1 << draw.randrange(8)
        path.write_bytes(sound[:place] + bytes([sound[place] ^ bit]) + sound[place + 1 :])
        said, content = "", expected
        try:
            content = read(path)
        except UserError as error:
            said = str(error)
            noticed += 1
        assert content == expected, f"bit {bit} of byte {place} was used without a word"
        if said:
            assert path.name in said, f"bit {bit} of byte {place}"
            assert remedy in said
            assert "\n" not in said
    assert noticed
