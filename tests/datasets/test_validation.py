from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.datasets.face import NOT_LABELLED, VISIBLE
from landmark_lightning.datasets.facefile import CropRule, FaceFile
from landmark_lightning.datasets.preparation.prepare import prepare
from landmark_lightning.datasets.validation import choose_validation, hold_out
from tests.conftest import DOTS, dotted_faces


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> FaceFile:
    """40 training faces, every fifth of them of the source's validation set; none to test."""
    path = tmp_path_factory.mktemp("own") / "own.h5"
    prepare(
        [replace(face, validation=i % 5 == 0) for i, face in enumerate(dotted_faces(40, "train"))],
        path,
        name="own",
        root=None,
        scheme=DOTS,
        normalizer=None,
        crop=CropRule(side=16),
    )
    return FaceFile.open(path)


def _photos(places: "np.typing.NDArray[np.int64]") -> list[str]:
    return [f"train/{place}.png" for place in places]


@given(
    st.lists(st.sampled_from(["", "a", "b", "c", "d", "e"]), min_size=12, max_size=60),
    st.floats(0.05, 0.5),
    st.integers(0, 5),
)
def test_groups_stay_together(group: list[str], share: float, seed: int) -> None:
    try:
        held = hold_out(group, share, seed).tolist()
    except ValueError:
        return  # a few large groups can't always be divided
    kept = sorted(set(range(len(group))) - set(held))
    assert held == sorted(set(held))
    assert 0 < len(held) < len(group) == len(held) + len(kept)
    assert not {group[i] for i in kept if group[i]} & {group[i] for i in held if group[i]}


def test_the_share_is_met_and_the_seed_decides() -> None:
    group = [f"p{i // 3}" for i in range(300)]
    held = hold_out(group, 0.1, 0)
    assert len(held) == 30
    assert held.tolist() == hold_out(group, 0.1, 0).tolist()
    assert held.tolist() != hold_out(group, 0.1, 1).tolist()


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="1 groups of 4 training faces"):
        hold_out(["a"] * 4, 0.1, 0)


@pytest.mark.parametrize("wanted", [0, 1, -0.5, True, "", ["a"]])
def test_a_wrong_setting_is_named(dots: FaceFile, wanted: object) -> None:
    with pytest.raises(ValueError, match=r"validation=.* must be a number above 0 and below"):
        choose_validation(dots, wanted, 0)  # type: ignore[arg-type]


def test_the_source_s_own_validation_set_is_the_default(own: FaceFile, dots: FaceFile) -> None:
    chosen = choose_validation(own, None, 0)
    assert chosen.held.tolist() == list(range(0, 40, 5))
    assert sorted([*chosen.held, *chosen.kept]) == list(range(40))
    assert chosen.source == "as the source says"
    none = choose_validation(dots, None, 0)
    assert none.source == "0.1 of the training faces"
    assert none.held.tolist() == hold_out(dots.read("train").group, 0.1, 0).tolist()


def test_a_share_goes_before_the_source_s_own(own: FaceFile) -> None:
    chosen = choose_validation(own, 0.2, 0)
    assert chosen.held.tolist() == hold_out(own.read("train").group, 0.2, 0).tolist()
    assert chosen.source == "0.2 of the training faces"
    assert chosen.warning is None


def test_a_subset(dots: FaceFile) -> None:
    chosen = choose_validation(dots, "rare", 0)
    assert chosen.held.tolist() == [7, 21, 35, 49]
    assert chosen.source == "subset rare"
    assert chosen.warning is not None
    assert chosen.warning.startswith("1 groups stand in the training and the validation faces")
    assert "'train17'" in chosen.warning


def test_a_text_file(dots: FaceFile, tmp_path: Path) -> None:
    path = tmp_path / "val.txt"
    path.write_text("\ufefftrain/4.png\r\n\n  train/11.png\ntrain/4.png\n", encoding="utf-8")
    chosen = choose_validation(dots, str(path), 0)
    assert chosen.held.tolist() == [4, 11]
    assert chosen.source == f"listed in {path}"
    assert _photos(chosen.held) == ["train/4.png", "train/11.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "train/4.png\ntest/4.png\n",
            r"val\.txt line 2 names no photo of the training",
        ),
        ("", r"val\.txt \(listed in .*val\.txt\) holds out none of the 60 training faces of"),
        ("\n".join(f"train/{i}.png" for i in range(60)), "holds out all of the 60 training faces"),
        ("\udcff", r"val\.txt can't be read as text"),
    ],
)
def test_a_wrong_text_file_is_one_sentence(
    dots: FaceFile, tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "val.txt"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=said):
        choose_validation(dots, str(path), 0)


def test_neither_a_subset_nor_a_file(dots: FaceFile, own: FaceFile) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"=dark is neither a subset of .*\(even, odd, rare"
    ):
        choose_validation(dots, "dark", 0)
    hopeless = replace(own, subsets=())
    with pytest.raises(FileNotFoundError, match=r"own\.h5 \(it has none\) nor a text file"):
        choose_validation(hopeless, "dark", 0)


def test_a_set_that_is_all_validation(tmp_path: Path) -> None:
    faces = [replace(face, validation=True) for face in dotted_faces(4, "train")]
    path = tmp_path / "all.h5"
    prepare(
        faces, path, name="all", root=None, scheme=DOTS, normalizer=None, crop=CropRule(side=16)
    )
    said = r"=null \(as the source says\) holds out all of the 4 training faces.*validation=0\.1"
    with pytest.raises(ValueError, match=said):
        choose_validation(FaceFile.open(path), None, 0)
    assert len(choose_validation(FaceFile.open(path), 0.5, 0).held) == 2


def test_validation_faces_that_can_t_be_measured_are_refused(tmp_path: Path) -> None:
    faces = []
    for i, face in enumerate(dotted_faces(8, "train")):
        points, visible = face.landmarks.copy(), np.full(5, VISIBLE, np.uint8)
        if i % 2 == 0:  # of subset even
            points[0], visible[0] = np.nan, NOT_LABELLED
        faces.append(replace(face, landmarks=points, visible=visible))
    path = tmp_path / "blind.h5"
    prepare(
        faces, path, name="blind", root=None, scheme=DOTS, normalizer=None, crop=CropRule(side=16)
    )
    said = r"=even \(subset even\) holds out 4 faces of which none has a usable inter_ocular"
    with pytest.raises(ValueError, match=said):
        choose_validation(FaceFile.open(path), "even", 0)
    assert len(choose_validation(FaceFile.open(path), "odd", 0).held) == 4
