"""Something that is no face, with a scheme of its own, through all commands."""

import json
import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.runs.predictions import read_records
from tests.conftest import dotted_faces, photographed
from tests.console import TINY, Command
from tests.rendered_hands import NAMES, write_hands

SMALL = (*(t for t in TINY if not t.startswith("dataset")), "logger.wandb=false")
OWN = ("dataset=custom", "dataset.name=hands")
OF_A_FACE = re.compile(r"\b(eyes?|yaw|ocular|inter_\w+|pupils?|nose|mouth|brows?|chin)\b", re.I)
MODELS = ("non", "nobb", "bbo", "bb", "bbs", "validated")


@pytest.mark.slow
def test_hands_go_through_all_commands(command: Command, tmp_path: Path) -> None:
    scheme = write_hands(tmp_path / "hands", {"train": 40, "test": 12})
    told = []
    for name, arguments in (
        ("prepare", (*OWN, f"dataset.root={tmp_path / 'hands'}", f"dataset.scheme={scheme}")),
        ("inspect", OWN),
        ("train", ("-m", *OWN, f"model={','.join(MODELS)}", *SMALL)),
        ("evaluate", ("run=runs/hands/bb/seed0",)),
        ("export", ("run=runs/hands/bb/seed0",)),
        ("report", ()),
    ):
        done = command(name, *arguments)
        assert done.code == 0, done.err
        assert "Warning" not in done.out
        told.append(done.out)
    written = [
        path.read_text()
        for folder in ("data", "runs", "report")
        for path in (tmp_path / folder).rglob("*")
        if path.suffix in (".json", ".html", ".md", ".tex", ".csv")
    ]
    assert len(written) > 10
    for text in (*told, *written):
        assert OF_A_FACE.search(text) is None

    page = (tmp_path / "report/index.html").read_text()
    assert all(f">{name}</text>" in page for name in NAMES)

    content = json.loads((tmp_path / "runs/hands/bb/seed0/metrics.json").read_text())
    assert content["normalizer"] == "box"
    assert set(content["subsets"]["full"]["nme_by"]) == {"box", "diag", "palm"}
    records = read_records(tmp_path / "runs/hands/bb/seed0/predictions.h5")
    assert records.info.names == NAMES
    inspected = json.loads((tmp_path / "data/hands-inspect/inspect.json").read_text())
    assert inspected["names"] == list(NAMES)
    assert "yaw" not in inspected["units"]


@pytest.mark.slow
def test_a_scheme_that_was_given_once_need_not_be_given_again(
    command: Command, tmp_path: Path
) -> None:
    """Nor anything else that the FaceFile knows; also where landmark-train itself prepared it."""
    scheme = write_hands(tmp_path / "hands", {"train": 30, "test": 8})
    given = (f"dataset.root={tmp_path / 'hands'}", f"dataset.scheme={scheme}")
    crop = ("dataset.crop.side=64", "dataset.crop.scale=2.0")
    done = command("train", *OWN, *given, *crop, *SMALL)
    assert done.code == 0, done.err
    config = OmegaConf.load(tmp_path / "runs/hands/nobb/seed0/config.yaml")
    assert config.dataset.scheme.names[0] == "wrist"
    assert config.dataset.normalizer == "box"
    for again in (OWN, (*OWN, *given), (*OWN, *crop)):
        done = command("train", *again, *SMALL)
        assert "finished already" in done.out, done.err
        done = command("train", "-m", *again, *SMALL)
        assert "Sweep of 1 cell, finished already: 1" in done.out, done.err
    done = command("train", "-m", *OWN, "seed=1,2", *SMALL)
    assert done.code == 0, done.err
    second = OmegaConf.load(tmp_path / "runs/hands/nobb/seed2/config.yaml")
    assert second.dataset.crop == config.dataset.crop
    wrong = command("train", *OWN, "dataset.scheme=aflw19", "seed=3", *SMALL)
    assert wrong.code == 1
    assert wrong.err.count("\n") == 1
    assert (
        "hands.h5 was prepared with dataset.scheme=hand21 (21 landmarks), now it is aflw19 (19 "
        "landmarks); leave dataset.scheme out"
    ) in wrong.err
    for name in ("inspect", "evaluate"):
        run = ("run=runs/hands/nobb/seed0",) if name == "evaluate" else ()
        assert command(name, *run, *OWN).code == 0
        wrong = command(name, *run, *OWN, "dataset.scheme=aflw19")
        assert "was prepared with dataset.scheme=hand21" in wrong.err
        wrong = command(name, *run, *OWN, "dataset.scheme=none.yaml")
        assert wrong.err == f"landmark-{name}: scheme=none.yaml does not exist\n"


def test_names_in_coco_make_the_scheme(command: Command, tmp_path: Path) -> None:
    names = ["left_ear", "right_ear", "snout", "paw_L", "paw_R"]
    root = tmp_path / "mice"
    for split, count in (("train", 20), ("test", 6)):
        faces = photographed(list(dotted_faces(count, split)), root)
        content = {
            "images": [{"id": i, "file_name": face.photo} for i, face in enumerate(faces)],
            "categories": [{"id": 1, "name": "mouse", "keypoints": names}],
            "annotations": [
                {
                    "image_id": i,
                    "category_id": 1,
                    "keypoints": [n for x, y in face.landmarks.tolist() for n in (x, y, 2)],
                }
                for i, face in enumerate(faces)
            ],
        }
        (root / f"{split}.json").write_text(json.dumps(content))
    own = ("dataset=custom", "dataset.name=mice")
    source = (f"dataset.root={root}", "dataset.source.format=coco")
    files = ("dataset.source.train=train.json", "dataset.source.test=test.json")
    done = command("prepare", *own, *source, *files)
    assert done.code == 0, done.err
    assert "mirror pairs left_ear - right_ear, paw_L - paw_R" in " ".join(done.out.split())
    scheme = FaceFile.open(tmp_path / "data/mice.h5").scheme
    assert (scheme.name, scheme.names, scheme.pairs) == ("mice", tuple(names), [(0, 1), (3, 4)])
    done = command("train", *own, "augmentation.mirror=0.5", *SMALL)
    assert done.code == 0, done.err
    assert command("inspect", *own).code == 0
