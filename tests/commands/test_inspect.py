import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.sources.own import annotations, read
from tests.console import Command

RENDERED = ("dataset.source.train=30", "dataset.source.test=8", "dataset.crop.side=64")
OWN = ("dataset=custom", "dataset.name=mine")
__all__ = ["annotations", "read"]  # a reader of one's own, by this module's name


@pytest.fixture
def prepared(command: Command, table: Path) -> None:
    done = command("prepare", *OWN, f"dataset.root={table}", "dataset.scheme=ibug68")
    assert done.code == 0, done.err


def test_it_prints_columns_and_names_every_file_it_wrote(command: Command, tmp_path: Path) -> None:
    assert command("prepare", *RENDERED).code == 0
    done = command("inspect", *RENDERED)
    assert done.code == 0, done.err
    folder = tmp_path / "data/synthetic-inspect"
    written = [line.removeprefix("Wrote ") for line in done.out.splitlines() if "Wrote" in line]
    assert [Path(name).name for name in written] == [
        "train.png", "test.png", "subsets.png", "outliers.png", "distributions.png",
        "landmarks.png", "inspect.json", "experiment.yaml",
    ]  # fmt: skip
    assert sorted(p.name for p in folder.iterdir()) == sorted(Path(w).name for w in written)
    for picture in folder.glob("*.png"):
        with Image.open(picture) as image:
            image.load()
    lines = done.out.splitlines()
    table = lines[next(i for i, line in enumerate(lines) if "median" in line) :][:9]
    assert len({len(line) for line in table}) == 1
    content = json.loads((folder / "inspect.json").read_text())
    assert content["faces"] == {"train": 30, "test": 8}
    median = content["measures"]["train"]["face_size"]["median"]
    assert f"{median:.1f}" in next(line for line in table if "face size" in line).split()
    for outlier in content["outliers"]:
        assert outlier["photo"] in done.out


@pytest.mark.usefixtures("prepared")
def test_a_wrong_table_is_warned_of(command: Command, tmp_path: Path) -> None:
    done = command("inspect", *OWN, "output=seen")
    assert done.code == 0, done.err
    said = [line for line in done.out.splitlines() if line.startswith("  Warning: ")]
    content = json.loads((tmp_path / "seen/inspect.json").read_text())
    assert [line.removeprefix("  Warning: ") for line in said] == content["warnings"]
    assert any("have changed places" in line or "mirrored" in line for line in said)


def test_changed_labels_of_a_reader_of_one_s_own_are_warned_of(
    command: Command, table: Path
) -> None:
    allowed = "allow_targets=[tests.]"
    source = f"dataset.source={{_target_:{__name__}.read}}"
    given = (source, f"dataset.root={table}", "dataset.scheme=ibug68", allowed)
    done = command("prepare", *OWN, *given)
    assert done.code == 0, done.err
    changed = f"Warning: the annotations under {table} have changed"
    assert changed not in command("inspect", *OWN, allowed).out
    labels = table / "landmarks.csv"
    labels.write_text(labels.read_text() + "\n")
    done = command("inspect", *OWN, allowed)
    assert done.code == 0, done.err
    assert changed in done.out


@pytest.mark.usefixtures("prepared")
def test_its_experiment_trains_from_any_folder(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = command("inspect", *OWN)
    assert done.code == 0, done.err
    assert "6 faces to train, 2 to validate: expect an NME of about" in done.out
    named = done.out.splitlines()[-1].removeprefix("  landmark-train ")
    assert named == "experiment=data/mine-inspect/experiment.yaml"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = tmp_path / "data/mine-inspect/experiment.yaml"
    small = ("network.width=4", "network.hidden=16", "phases.scale=0.05", "logger.wandb=false")
    done = command("train", f"experiment={path}", *small, "augmentation.mirror_offset=0")
    assert done.code == 0, done.err
    assert (elsewhere / "runs/mine/nobb/seed0/metrics.json").is_file()


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("faces", ["0", "2.5", "true"])
def test_a_wrong_number_of_faces_is_named(command: Command, faces: str) -> None:
    done = command("inspect", *OWN, f"faces={faces}")
    assert done.code == 1
    assert done.err.startswith("landmark-inspect: faces=")
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("prepared")
def test_counts_stand_beside_the_protocol(command: Command, tmp_path: Path) -> None:
    protocol = "{train:8,test:5,folders:{},subsets:{even:2}}"
    done = command("inspect", *OWN, f"dataset.protocol={protocol}", "output=seen")
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert ["train", "8", "8"] in lines
    assert ["test", "4", "5", "differs"] in lines
    content = json.loads((tmp_path / "seen/inspect.json").read_text())
    assert content["protocol"][2] == {"what": "even", "found": 2, "expected": 2}
    done = command("inspect", *OWN, "dataset.protocol={train:8}")
    assert done.code == 1
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("prepared")
def test_an_output_that_is_a_file_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = command("inspect", *OWN, "output=taken")
    assert done.code == 1
    assert done.err == "landmark-inspect: output=taken: taken is a file; name a folder\n"
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_file_made_from_python_says_no_settings_and_is_inspected(
    command: Command, tmp_path: Path, gappy: FaceFile
) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(gappy.path, tmp_path / "data" / "mine.h5")
    done = command("inspect", *OWN)
    assert done.code == 0, done.err
    assert "landmarks not labelled" in done.out
    assert "unlabelled (% of the landmarks)" in done.out
    assert "without a usable inter_ocular, left out of its figures" in done.out
