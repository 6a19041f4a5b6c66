"""Whatever a file of annotations holds, a reader gives faces, rejections or one sentence."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from landmark_lightning.datasets.face import Face, Rejection
from landmark_lightning.datasets.sources import aflw, own, w300, wflw
from landmark_lightning.schemes import SCHEMES, Scheme
from tests.conftest import DOTS
from tests.datasets.sources import written

Read = Callable[[Path, bytes], Iterable[Face | Rejection]]

MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "delete", "repeat"]),
        st.floats(0, 1),
        st.one_of(
            st.binary(min_size=1, max_size=4),
            st.sampled_from(
                [b'"', b",", b";", b"\n", b"\r", b"\0", b"nan", b"1e400", b"-1", b"1e12", b"{"]
                + [b"}", b"[", b"null", b"\xff", b"'", b"<", b"&", b"\\ud800", b"\\n", b"../"]
                + [b"9" * 500, b"-", b"0", b"v", b"image", "\u2028".encode(), b"=", b"/", b"x"]
            ),
        ),
    ),
    max_size=6,
)
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _mutated(content: bytes, mutations: list[tuple[str, float, bytes]]) -> bytes:
    for kind, share, piece in mutations:
        place = int(share * len(content))
        before, after = content[:place], content[place:]
        if kind == "insert":
            content = before + piece + after
        elif kind == "replace":
            content = before + piece + after[len(piece) :]
        elif kind == "delete":
            content = before + after[len(piece) :]
        else:
            content = before + before[-40:] + after
    return content


def _own(form: str, root: Path) -> tuple[bytes, Read]:
    given = written.FORMS[form](root, written.faces(2, 1))
    name = {"table": "landmarks.csv", "pts": "train/face 00.pts"}.get(form) or given["train"]

    def read(root: Path, content: bytes) -> Iterable[Face | Rejection]:
        (root / name).write_bytes(content)
        try:
            own.landmark_names(root, format=form, **given)
        except ValueError as error:
            _sentence(str(error))
        return own.read(root, DOTS, format=form, **given)

    return (root / name).read_bytes(), read


def _official(root: Path, name: str, content: str, scheme: str) -> tuple[bytes, Read]:
    def read(root: Path, content: bytes) -> Iterable[Face | Rejection]:
        (root / name).write_bytes(content)
        reader: Any = {"ibug68": w300, "wflw98": wflw}[scheme]
        return reader.read(root, SCHEMES[scheme])

    return content.encode(), read


def _w300(root: Path) -> tuple[bytes, Read]:
    (root / "afw").mkdir()
    Image.new("L", (9, 9)).save(root / "afw/a.png")
    rows = "".join(f"{i + 1}.5 {i + 2}\n" for i in range(68))
    text = f"version: 1\nn_points: 68\n{{\n{rows}}}\n"
    return _official(root, "afw/a.pts", text, "ibug68")


def _wflw(root: Path) -> tuple[bytes, Read]:
    folder = root / "WFLW_annotations" / wflw.LISTS
    folder.mkdir(parents=True)
    (root / "WFLW_images").mkdir()
    Image.new("L", (9, 9)).save(root / "WFLW_images/a.png")
    line = " ".join(["1.5"] * 196 + ["0 0 9 9 0 1 0 0 0 1", "a.png"]) + "\n"
    for split in ("train", "test"):
        (folder / f"list_98pt_rect_attr_{split}.txt").write_text(line)
    name = f"WFLW_annotations/{wflw.LISTS}/list_98pt_rect_attr_train.txt"
    return _official(root, name, 2 * line, "wflw98")


def _sentence(text: str) -> None:
    text.encode()
    assert "\n" not in text
    assert "\0" not in text


def _check(found: Callable[[], Iterable[Face | Rejection]], scheme: Scheme) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            faces = list(found())
        except ValueError as error:
            _sentence(str(error))
            return
    for face in faces:
        if isinstance(face, Rejection):
            _sentence(str(face))
            continue
        _sentence(face.where)
        _sentence("".join([face.photo, face.group, *face.subsets]))
        visible = np.full(scheme.landmarks, 2) if face.visible is None else face.visible
        assert face.landmarks.shape == (scheme.landmarks, 2)
        assert np.isfinite(face.landmarks[visible > 0]).all()
        assert np.isnan(face.landmarks[visible == 0]).all()
        assert face.box is None or (face.box[2:] > face.box[:2]).all()


SOURCES = (*written.FORMS, "w300", "wflw")


@pytest.mark.parametrize("source", SOURCES)
def test_whatever_is_changed_in_a_file(tmp_path: Path, source: str) -> None:
    if source in written.FORMS:
        (content, read), scheme = _own(source, tmp_path), DOTS
    elif source == "w300":
        (content, read), scheme = _w300(tmp_path), SCHEMES["ibug68"]
    else:
        (content, read), scheme = _wflw(tmp_path), SCHEMES["wflw98"]

    @FEW
    @given(MUTATIONS)
    def changed(mutations: list[tuple[str, float, bytes]]) -> None:
        _check(lambda: read(tmp_path, _mutated(content, mutations)), scheme)

    @FEW
    @given(st.binary(max_size=300))
    def random(noise: bytes) -> None:
        _check(lambda: read(tmp_path, noise), scheme)

    changed()
    random()


@FEW
@given(data=st.data())
def test_whatever_numbers_and_names_aflw_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    (tmp_path / "flickr").mkdir(exist_ok=True)
    Image.new("L", (9, 9)).save(tmp_path / "flickr/a.jpg")
    (tmp_path / "AFLWinfo_release.mat").write_bytes(b"")
    some = st.one_of(st.just(5.0), st.floats(), st.sampled_from([0.0, -1.0, 1e12, 3.5]))
    arrays = {
        "nameList": np.array([data.draw(st.one_of(st.just("a.jpg"), st.text())) for _ in "123"]),
        "ra": np.array([[2, 3, 1]]),
    }
    for name, columns in (("bbox", 4), ("data", 38), ("mask_new", 19)):
        values = np.tile(np.arange(1.0, columns + 1)[:, None], 3).T
        for _ in range(data.draw(st.integers(0, 3))):
            row, column = data.draw(st.integers(0, 2)), data.draw(st.integers(0, columns - 1))
            values[row, column] = data.draw(some)
        arrays[name] = values
    monkeypatch.setattr(aflw, "read_arrays", lambda paths, names: [arrays])
    _check(lambda: aflw.read(tmp_path, SCHEMES["aflw19"]), SCHEMES["aflw19"])
