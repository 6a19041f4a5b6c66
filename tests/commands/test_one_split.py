import json
from pathlib import Path

import pytest

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.runs.predictions import read_records
from tests.console import TINY, Command
from tests.rendered_hands import write_hands

SMALL = (*(t for t in TINY if not t.startswith("dataset")), "logger.wandb=false")


def _prepare(command: Command, name: str, splits: dict[str, int], root: Path) -> tuple[str, ...]:
    """Prepares hands of some splits; gives what names them on the command line."""
    scheme = write_hands(root / name, splits)
    own = ("dataset=custom", f"dataset.name={name}")
    given = (f"dataset.root={root / name}", f"dataset.scheme={scheme}", "dataset.crop.side=64")
    done = command("prepare", *own, *given)
    assert done.code == 0, done.err
    return own


@pytest.mark.slow
def test_a_set_to_train_on_alone(command: Command, tmp_path: Path) -> None:
    own = _prepare(command, "mine", {"train": 30}, tmp_path)
    assert FaceFile.open(tmp_path / "data/mine.h5").faces == {"train": 30, "test": 0}
    seen = command("inspect", *own)
    assert seen.code == 0, seen.err
    assert "no faces in split 'test': a run on it ends with the figures of its val" in seen.out
    assert not (tmp_path / "data/mine-inspect/test.png").exists()

    done = command("train", "-m", *own, "model=nobb,bb", *SMALL)
    assert done.code == 0, done.err
    assert "27 faces to train, 3 to validate (0.1 of the training faces), none to test" in done.out
    run = tmp_path / "runs/mine/bb/seed0"
    content = json.loads((run / "metrics.json").read_text())
    assert content["validation_nme"] > 0
    full = content["subsets"]["full"]
    assert (full["faces"], full["nme"], full["discard"]["30"]) == (0, None, None)
    assert (
        f"no test faces; NME of the validation faces {content['validation_nme']:.2f}" in done.out
    )
    records = read_records(run / "predictions.h5")
    assert records.prediction.shape == (0, 21, 2)
    assert records.prior.isfinite().all()
    assert not (run / "faces.png").exists()
    assert (run / "most_drawn.png").is_file()
    assert json.loads((run / "state.json").read_text())["state"] == "done"
    again = command("train", "-m", *own, "model=nobb,bb", *SMALL)
    assert "Sweep of 2 cells, finished already: 2" in again.out

    refused = command("evaluate", f"run={run}")
    assert refused.code == 1
    assert "data/mine.h5 has no faces in split 'test', so there is nothing to test" in refused.err
    assert refused.err.count("\n") == 1
    assert command("export", f"run={run}").code == 0
    report = command("report")
    assert report.code == 0, report.err
    tables = (tmp_path / "report/tables.md").read_text()
    assert "Left out" not in tables
    assert f"{content['validation_nme']:.2f}" in tables
    assert "landmarks discarded" not in tables
    assert not (tmp_path / "report/discard.png").exists()


def test_a_set_to_test_on_alone(command: Command, tmp_path: Path) -> None:
    own = _prepare(command, "mine", {"train": 30, "test": 8}, tmp_path)
    assert command("train", *own, *SMALL).code == 0
    other = _prepare(command, "other", {"test": 12}, tmp_path)
    assert FaceFile.open(tmp_path / "data/other.h5").faces == {"train": 0, "test": 12}
    seen = command("inspect", *other)
    assert seen.code == 0, seen.err
    assert "no faces in split 'train': other runs can be tested on it" in seen.out
    done = command("evaluate", "run=runs/mine/nobb/seed0", *other)
    assert done.code == 0, done.err
    content = json.loads(
        (tmp_path / "runs/mine/nobb/seed0/evaluations/other/metrics.json").read_text()
    )
    assert content["subsets"]["full"]["faces"] == 12
    assert content["subsets"]["full"]["nme"] > 0
    refused = command("train", *other, *SMALL)
    assert refused.code == 1
    assert "data/other.h5 has no faces in split 'train', so there is nothing to" in refused.err
    assert refused.err.count("Traceback") == 0
    assert not (tmp_path / "runs/other").exists()


def test_the_source_s_validation_set_is_used_and_said(command: Command, tmp_path: Path) -> None:
    own = _prepare(command, "mine", {"train": 24, "val": 7, "test": 8}, tmp_path)
    seen = command("inspect", *own)
    assert ["of", "them", "to", "validate", "7"] in [
        line.split() for line in seen.out.splitlines()
    ]
    assert json.loads((tmp_path / "data/mine-inspect/inspect.json").read_text())["validation"] == 7
    done = command("train", *own, *SMALL)
    assert "24 faces to train, 7 to validate (as the source says), 8 to test" in done.out
    share = command("train", *own, "data.validation=0.2", "runs_dir=share", *SMALL)
    assert "25 faces to train, 6 to validate (0.2 of the training faces), 8 to test" in share.out
    subset = command("train", *own, "data.validation=even", "runs_dir=subset", *SMALL)
    assert "15 faces to train, 16 to validate (subset even), 8 to test" in subset.out
    (tmp_path / "val.txt").write_text("train3.png\ntrain5.png\n")
    listed = command("train", *own, "data.validation=val.txt", "runs_dir=listed", *SMALL)
    assert "29 faces to train, 2 to validate (listed in val.txt), 8 to test" in listed.out


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            "none",
            "data.validation=none is neither a subset of data/mine.h5 (even) nor a text file",
        ),
        ("2", "data.validation=2 must be a number above 0 and below 1, the name of a subset, a"),
        ("list.txt", "data.validation=list.txt line 1 names no photo of the training"),
    ],
)
def test_a_wrong_validation_set_is_one_sentence(
    command: Command, tmp_path: Path, wanted: str, said: str
) -> None:
    own = _prepare(command, "mine", {"train": 12, "test": 4}, tmp_path)
    (tmp_path / "list.txt").write_text("test0.png\n")
    done = command("train", *own, f"data.validation={wanted}", *SMALL)
    assert done.code == 1
    assert done.err.startswith(f"landmark-train: {said}")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_run_does_not_go_on_with_other_validation_faces(
    command: Command, tmp_path: Path
) -> None:
    own = _prepare(command, "mine", {"train": 24, "test": 4}, tmp_path)
    listed = (*own, "data.validation=val.txt", *SMALL)
    (tmp_path / "val.txt").write_text("train3.png\ntrain5.png\n")
    assert command("train", *listed).code == 0
    (tmp_path / "runs/mine/nobb/seed0/metrics.json").unlink()
    (tmp_path / "val.txt").write_text("train3.png\ntrain6.png\n")
    done = command("train", *listed)
    assert done.code == 1
    last = done.err.strip().splitlines()[-1]
    assert "the validation faces (listed in val.txt) are not those that the run began with" in last
