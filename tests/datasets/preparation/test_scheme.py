import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from landmark_lightning.config.compose import compose
from landmark_lightning.datasets.preparation.scheme import scheme_of

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
