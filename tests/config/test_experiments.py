from pathlib import Path

import pytest

from landmark_lightning.config.compose import compose
from landmark_lightning.config.experiments import with_files
from landmark_lightning.errors import UserError

CONTENT = """# @package _global_
defaults:
  - override /network: small
  - override /augmentation: mild
batch_size: 17
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b/mine, ö.yaml").write_text(CONTENT)
    (tmp_path / "mine.yml").write_text(CONTENT.replace("17", "18"))
    return tmp_path


def test_a_file_anywhere_is_an_experiment(here: Path) -> None:
    for name in ("a b/mine, ö.yaml", f"{here}/a b/mine, ö.yaml", "a b/../a b/mine, ö.yaml"):
        config = compose(f"experiment={name}")
        assert (config.batch_size, config.network["width"]) == (17, 16)
        assert config.augmentation.shift == 0.08
    config = compose("experiment=mine.yml", "batch_size=5")
    assert (config.batch_size, config.network["width"]) == (5, 16)


def test_own_faces_need_a_name_alone() -> None:
    config = compose("experiment=own", "dataset.name=mine")
    assert config.dataset.source["_target_"] == "landmark_lightning.read_own"
    assert config.augmentation.occlusion == 0
    assert sum(phase.epochs for phase in config.phases.list) * config.phases.scale == 80


@pytest.mark.usefixtures("here")
def test_other_arguments_and_names_stay() -> None:
    arguments = ["experiment=demo,own", "experiment=own.yaml", "data_dir=mine.yml", "-m", "=", ""]
    assert with_files(arguments) == arguments
    several = with_files(["experiment=demo,mine.yml"])[0].split(",")
    assert several[0] == "experiment=demo"
    assert several[1].startswith("mine_")


@pytest.mark.usefixtures("here")
def test_what_is_no_experiment(here: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"experiment=there/none.yaml does not exist"):
        with_files(["experiment=there/none.yaml"])
    (here / "wrong.yaml").write_text("- a")
    with pytest.raises(UserError, match=r"experiment=wrong.yaml must be a mapping"):
        with_files(["experiment=wrong.yaml"])
    (here / "wrong.yaml").write_text("a: [")
    with pytest.raises(UserError, match=r"wrong.yaml can't be used: it is no"):
        with_files(["experiment=wrong.yaml"])
