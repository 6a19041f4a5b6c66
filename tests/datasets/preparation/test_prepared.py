from dataclasses import replace
from pathlib import Path

import pytest

from landmark_lightning.config.compose import compose
from landmark_lightning.config.schema import Crop
from landmark_lightning.datasets.preparation.dataset import prepare_dataset
from landmark_lightning.datasets.preparation.prepared import (
    as_prepared,
    for_training,
    open_prepared,
)
from tests.rendered_hands import write_hands

OWN = ("dataset=custom", "dataset.name=hands")


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """A folder with the FaceFile of a few hands, prepared with a wide crop; gives the folder."""
    scheme = write_hands(tmp_path / "hands", {"train": 3, "test": 2})
    given = (
        f"dataset.root={tmp_path / 'hands'}", f"dataset.scheme={scheme}", "dataset.crop.side=32",
        "dataset.crop.scale=2.2", "dataset.normalizer=palm", "dataset.subsets=[even]",
    )  # fmt: skip
    prepare_dataset(compose(*OWN, *given).dataset, tmp_path, workers=1)
    return tmp_path


def test_what_nobody_gave_is_the_facefile_s(hands: Path) -> None:
    dataset = as_prepared(compose(*OWN).dataset, hands)
    assert dataset.crop == Crop(scale=2.2, margin=2.0, side=32, gray="luma")
    assert dataset.scheme["names"][0] == "wrist"
    assert (dataset.normalizer, dataset.subsets) == ("palm", ["even"])
    assert dataset.root is None
    assert dataset.strict is True
    assert as_prepared(dataset, hands) == dataset
    file = open_prepared(dataset, hands)
    assert file.normalizers == ("palm", "box", "diag")
    training = for_training(compose(*OWN, f"data_dir={hands}")).dataset
    assert training == replace(dataset, content=file.content, sets=file.sets)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("dataset.crop.scale=1.2", r"was prepared with dataset\.crop\.scale=2\.2, now it is 1\.2"),
        (
            "dataset.crop={scale:1.2,margin:2.0,side:32,gray:luma}",
            r"crop\.scale=2\.2, now it is 1\.2",
        ),
        ("++dataset.crop.scale=1.2", r"crop\.scale=2\.2, now it is 1\.2"),
        (
            "dataset.boxes=provided",
            r"was prepared with dataset\.boxes=landmarks, now it is provided",
        ),
        ("dataset.normalizer=box", r"was prepared with dataset\.normalizer=palm, now it is box"),
        ("dataset.source.table=b.csv", r"dataset\.source\.table=landmarks\.csv, now it is b\.csv"),
        (
            "dataset.scheme=ibug68",
            r"dataset\.scheme=hand21 \(21 landmarks\), now it is ibug68 \(68 landmarks\); leave",
        ),
    ],
)
def test_what_was_given_must_be_the_same(hands: Path, given: str, said: str) -> None:
    """Also where it is the default, which is then no longer what nobody gave."""
    dataset = as_prepared(compose(*OWN, given).dataset, hands)
    with pytest.raises(ValueError, match=said) as raised:
        open_prepared(dataset, hands)
    assert "\n" not in str(raised.value)


def test_what_an_experiment_says_is_given(hands: Path, tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "wide.yaml").write_text("# @package _global_\ndataset:\n  crop:\n    margin: 1.5\n")
    own = (*OWN, "experiment=wide", f"hydra.searchpath=[file://{tmp_path}]")
    with pytest.raises(ValueError, match=r"dataset\.crop\.margin=2\.0, now it is 1\.5"):
        open_prepared(as_prepared(compose(*own).dataset, hands), hands)


def test_the_same_scheme_may_be_given_again_in_any_form(hands: Path) -> None:
    for scheme in (
        f"dataset.scheme={hands / 'hands/hand21.yaml'}",
        "dataset.scheme={name:hand21,landmarks:21,mirror:[],"
        f"normalizers:{{box:box,diag:diag,palm:[[0],[9]]}},names:{_names(hands)}}}",
    ):
        config = for_training(compose(*OWN, scheme, f"data_dir={hands}"))
        open_prepared(config.dataset, hands)
        assert config.dataset.scheme["landmarks"] == 21
    wrong = scheme.replace("wrist", "palm")
    config = for_training(compose(*OWN, wrong, f"data_dir={hands}"))
    with pytest.raises(
        ValueError, match=r"dataset\.scheme\.names\.0=wrist, now it is palm; leave"
    ):
        open_prepared(config.dataset, hands)


def _names(hands: Path) -> str:
    line = (hands / "hands/hand21.yaml").read_text().splitlines()[-1]
    return line.removeprefix("names: ").replace(" ", "")


def test_without_a_facefile_nothing_is_known(tmp_path: Path) -> None:
    dataset = compose(*OWN).dataset
    assert as_prepared(dataset, tmp_path) == dataset
    (tmp_path / "hands.h5").write_bytes(b"broken")
    assert as_prepared(dataset, tmp_path) == dataset


def test_rendered_faces_are_what_their_settings_say(tmp_path: Path) -> None:
    small = ("dataset.source.train=2", "dataset.source.test=1", f"data_dir={tmp_path}")
    prepare_dataset(compose(*small).dataset, tmp_path, workers=1)
    with pytest.raises(ValueError, match=r"dataset\.source\.test=1, now it is 500"):
        open_prepared(for_training(compose(*small[::2])).dataset, tmp_path)
    given = as_prepared(compose().dataset, tmp_path)  # to inspect or evaluate, it will do
    assert open_prepared(given, tmp_path).faces == {"train": 2, "test": 1}


def test_a_scheme_s_file_that_is_not_there(tmp_path: Path) -> None:
    given = ("dataset.scheme=none.yaml", f"data_dir={tmp_path}")
    with pytest.raises(FileNotFoundError, match=r"^scheme=none\.yaml does not exist$"):
        for_training(compose(*OWN, *given))


def test_the_source_of_a_facefile_is_taken_as_a_whole(tmp_path: Path) -> None:
    """Also where it is one of one's own, which takes other settings than ``read_own``."""
    rendered = {"_target_": "landmark_lightning.read_synthetic", "train": 2, "test": 1, "seed": 0}
    source = "dataset.source={_target_:landmark_lightning.read_synthetic,train:2,test:1,seed:0}"
    config = compose(*OWN, "dataset.scheme=ibug68", source)
    prepare_dataset(config.dataset, tmp_path, workers=1)
    dataset = as_prepared(compose(*OWN).dataset, tmp_path)
    assert dataset.source == rendered
    assert open_prepared(dataset, tmp_path).faces == {"train": 2, "test": 1}
