"""A source by its settings; one of one's own, whose mistakes are said in one sentence."""

import json
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from landmark_lightning.config.compose import compose
from landmark_lightning.datasets.preparation.source import scheme_of
from tests.conftest import DOTS, dotted_faces, photographed
from tests.console import TINY, Command

DATASET = compose("dataset=custom", "dataset.name=mine").dataset


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with a reader, and with ``landmark_names`` beside it where a test adds some."""
    module = ModuleType("a_source")

    def read(root: Path, scheme: object, *, table: str) -> None:
        raise AssertionError("not read for its names")

    read.__module__ = "a_source"
    module.read = read  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_source", module)
    return module


def _bring(source: ModuleType, *names: str) -> None:
    def landmark_names(root: Path, *, table: str) -> tuple[str, ...]:
        assert (root, table) == (Path("/data"), "a.json")
        return names

    source.landmark_names = landmark_names  # type: ignore[attr-defined]


def test_names_of_the_source_make_the_scheme(source: ModuleType) -> None:
    read = partial(source.read, table="a.json")
    _bring(source, "nose", "left_eye", "right_eye", "earL", "earR")
    scheme, told = scheme_of(DATASET, read, Path("/data"))
    assert (scheme.name, scheme.pairs) == ("mine", [(1, 2), (3, 4)])
    assert scheme.names[0] == "nose"
    assert list(scheme.normalizers) == ["box", "diag"]
    assert told is not None
    assert " ".join(told.split()) == (
        "scheme mine of the landmarks' names in the source; left and right in them make the "
        "mirror pairs left_eye - right_eye, earL - earR"
    )
    given, told = scheme_of(replace(DATASET, scheme="ibug68"), read, Path("/data"))
    assert (given.name, told) == ("ibug68", None)


def test_names_without_left_and_right_are_said_to_have_none(source: ModuleType) -> None:
    _bring(source, "wrist", "thumb")
    scheme, told = scheme_of(DATASET, partial(source.read, table="a.json"), Path("/data"))
    assert scheme.pairs == []
    assert told is not None
    assert "no left and right in them, so no mirror pairs" in " ".join(told.split())


def test_without_names_a_scheme_must_be_given(source: ModuleType) -> None:
    read = partial(source.read, table="a.json")
    with pytest.raises(ValueError, match=r"^dataset\.scheme is not given; name one of ibug68"):
        scheme_of(DATASET, read, Path("/data"))
    _bring(source)
    with pytest.raises(ValueError, match=r"^dataset\.scheme is not given"):
        scheme_of(DATASET, read, Path("/data"))


READER = """
import numpy as np

from landmark_lightning import Face


def read(root, scheme, part="all"):
    for number, line in enumerate((root / "labels.txt").read_text().splitlines(), 1):
        photo, split, *values = line.split()
        points = np.array(values, dtype=float).reshape(-1, 2)
        yield Face(photo=photo, split=split, landmarks=points, where=f"labels.txt line {number}")


def annotations(root, part="all"):
    return ["labels.txt"]
"""
SOURCE = ("dataset=custom", "dataset.name=mine", "dataset.source={_target_:mine.read,part:all}")
TRUSTED = "allow_targets=[mine.]"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos and labels.txt, beside it the reader ``mine``."""
    folder = tmp_path / "faces"
    faces = photographed([*dotted_faces(8, "train"), *dotted_faces(4, "test")], folder)
    lines = [
        " ".join([face.photo, face.split, *map(str, np.round(face.landmarks, 3).ravel())])
        for face in faces
    ]
    (folder / "labels.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "mine.py").write_text(READER)
    (tmp_path / "dots.yaml").write_text(json.dumps(DOTS.to_dict()))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return folder


def _prepare(command: Command, root: Path) -> tuple[int, str, str]:
    done = command("prepare", *SOURCE, "dataset.scheme=dots.yaml", f"dataset.root={root}", TRUSTED)
    return done.code, done.out, done.err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "landmarks=points,",
            "landmarks=points.tolist(),",
            r"labels\.txt line 1, photo 'train/0\.png': landmarks=\[\[.* must be an array of",
        ),
        (
            "split=split,",
            'split="val",',
            r"labels\.txt line 1, photo 'train/0\.png': split='val' must be train or test",
        ),
        (
            "landmarks=points,",
            "landmarks=points[:4],",
            r"labels\.txt line 1, photo 'train/0\.png': it has 4 landmarks, scheme dots5 has 5;",
        ),
        (
            "yield Face(",
            "yield dict(",
            r"the source gives \{'photo'.* must be a Face or a",
        ),
        ("part=", "subset=", r"dataset\.source .*unexpected keyword argument 'part'"),
        ("def read(root, scheme, part=", "def read(root, part=", r"mine\.read: .* root, scheme"),
        ("annotations(root, part=", "annotations(root, kind=", r"mine\.annotations: .*'part'"),
    ],
)
def test_a_mistake_of_a_reader_is_one_sentence(
    command: Command, root: Path, old: str, new: str, told: str
) -> None:
    text = (root.parent / "mine.py").read_text()
    assert old in text
    (root.parent / "mine.py").write_text(text.replace(old, new, 1))
    code, _, err = _prepare(command, root)
    assert code == 1
    assert "Traceback" not in err
    assert re.search(f"^landmark-prepare: .*{told}", err, re.MULTILINE), err
    assert not (root.parent / "data/mine.h5").exists()


def test_labels_that_cannot_be_compared_are_told(command: Command, root: Path) -> None:
    code, _, err = _prepare(command, root)
    assert code == 0, err
    tiny = (setting for setting in TINY if not setting.startswith("dataset."))
    run = ("dataset=custom", "dataset.name=mine", "model=nobb", "logger.wandb=false", *tiny)
    (root / "labels.txt").write_text((root / "labels.txt").read_text() + "\n")
    done = command("train", *run)
    assert done.code == 0, done.err
    [line] = [line for line in done.out.splitlines() if "can't be seen" in line]
    assert "whether the annotations of data/mine.h5 have changed" in line
    assert "'mine.read' is not of a trusted package; allow it with 'allow_targets=[mine.]'" in line
    trusted = command("train", *run, TRUSTED)
    assert trusted.code == 1
    assert "the annotations under" in trusted.err
    assert "can't be seen" not in trusted.out
