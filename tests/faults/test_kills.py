"""kill -9 while files are written: the old ones or the new ones are there, whole."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from landmark_lightning import files
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.files import finish_set
from landmark_lightning.inference.evaluate import evaluate
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.report.write import write_report
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.predictions import read_records
from landmark_lightning.runs.results import read_run
from landmark_lightning.training.checkpoints import DurableCheckpointIO
from tests.conftest import DOTS, dotted_faces
from tests.faults.kills import Killed
from tests.faults.share import share
from tests.made_runs import made_records, write_run

KILLS = 25
"""Of each writer."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")


def _contents(folder: Path) -> dict[str, bytes]:
    """All but what a killed writer left over."""
    paths = [path for path in folder.iterdir() if path.suffix != ".tmp"]
    return {path.name: path.read_bytes() for path in paths}


def _attack(folder: Path, old: Callable[[], object], new: Callable[[], object]) -> None:
    """Writes a set of files, and kills the writer of another set again and again."""
    old()
    before = _contents(folder)
    killer = Killed(new, folder)
    for kill in share(range(KILLS)):
        for name, content in before.items():
            (folder / name).write_bytes(content)
        killer.kill(kill)
        finish_set(folder)  # as whatever reads or writes the set next
        found = _contents(folder)
        assert found.keys() == before.keys(), kill
        changed = {name: found[name] != before[name] for name in before}
        assert len(set(changed.values())) == 1, f"kill {kill}: new and old beside each other"
    new()
    after = _contents(folder)
    assert {path.name for path in folder.iterdir()} == before.keys()  # nothing is left over
    assert all(after[name] != before[name] for name in before)


@pytest.fixture(autouse=True)
def _swept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FRESH_SECONDS", -1.0)


def test_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "runs/last.ckpt"

    def write(value: float) -> None:
        content = {"state_dict": {"weight": torch.full((300, 1000), value)}}
        DurableCheckpointIO().save_checkpoint(content, path)
        assert float(read_checkpoint(path)["state_dict"]["weight"].sum()) == value * 300_000

    _attack(path.parent, lambda: write(1.0), lambda: write(2.0))


def test_a_facefile(tmp_path: Path) -> None:
    path = tmp_path / "data/dots.h5"
    told: dict[str, Any] = {"name": "dots", "root": None, "scheme": DOTS, "normalizer": "box"}

    def write(count: int) -> None:
        faces = [*dotted_faces(count, "train"), *dotted_faces(10, "test")]
        prepare(faces, path, crop=CropRule(side=64), **told)
        FaceFile.open(path).verify()

    _attack(path.parent, lambda: write(40), lambda: write(50))


def test_an_evaluation(finished: RunFolder, tmp_path: Path) -> None:
    faces = FaceFile.open(finished.runs.parent / "data/synthetic.h5")
    task = load_task(finished.best)
    folder = tmp_path / "evaluated"

    def write(more: float) -> None:
        with torch.no_grad():
            next(reversed(list(task.network.parameters()))).add_(more)
        evaluate(task, faces, folder)
        records = read_records(RunFolder(folder).predictions)
        assert records.info.data == read_run(folder).word("data")

    _attack(folder, lambda: write(0.0), lambda: write(2.0))


def test_a_report(tmp_path: Path) -> None:
    for model in ("non", "bb"):
        write_run(tmp_path / model, made_records(model=model))
    folder = tmp_path / "report"
    _attack(
        folder,
        lambda: write_report(tmp_path / "non", folder),
        lambda: write_report(tmp_path / "bb", folder),
    )
