"""A run belongs to the faces that it was made on, and a FaceFile to what it was prepared from."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.evaluate import evaluate
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.predictions import read_records
from landmark_lightning.training import fit
from tests.console import TINY, Command, Outcome

MINE = ("dataset=custom", "dataset.name=mine", "dataset.scheme=ibug68", "dataset.crop.side=64")
RUN = (
    "dataset=custom", "dataset.name=mine", "model=nobb", "logger.wandb=false",
    *(setting for setting in TINY if not setting.startswith("dataset.")),
)  # fmt: skip
FOLDER = Path("runs/mine/nobb/seed0")


def _mend(table: Path, line: int = 3) -> None:
    """Moves the first landmark of a face by ten pixels."""
    lines = (table / "landmarks.csv").read_text().splitlines()
    cells = lines[line].split(",")
    cells[4] = str(float(cells[4]) + 10)
    lines[line] = ",".join(cells)
    (table / "landmarks.csv").write_text("\n".join(lines) + "\n")


def _prepare(command: Command, root: Path | str) -> Outcome:
    done = command("prepare", *MINE, f"dataset.root={root}")
    assert done.code == 0, done.err
    return done


def _said(outcome: Outcome) -> str:
    """The one sentence that a command ended with."""
    assert outcome.code == 1
    assert outcome.err.count("landmark-train: ") == 1
    return outcome.err.strip().splitlines()[-1]


def _cut(command: Command, *settings: str) -> None:
    """A run that ends in its third epoch."""

    def stop(task: LandmarkTask) -> None:
        if task.current_epoch == 2:
            raise RuntimeError("power cut")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LandmarkTask, "on_train_epoch_start", stop)
        with pytest.raises(RuntimeError, match="power cut"):
            command("train", *RUN, "phases.scale=0.1", *settings)
    assert (FOLDER / "checkpoints/last.ckpt").is_file()


@pytest.mark.parametrize("given", [True, False])
def test_a_table_that_was_mended_is_to_be_prepared_again(
    command: Command, table: Path, given: bool
) -> None:
    _prepare(command, table)
    _mend(table)
    root = [f"dataset.root={table}"] if given else []
    said = _said(command("train", *RUN, *root))
    assert f"the annotations under {table} have changed since data/mine.h5 was prepared" in said
    assert said.endswith("run landmark-prepare again")
    assert _said(command("train", "-m", *RUN, *root, "seed=0,1")) == said, "before its first run"
    assert not FOLDER.exists()
    _prepare(command, table)
    assert command("train", *RUN, *root).code == 0


def test_a_photo_that_was_replaced_is_noticed_by_its_size(command: Command, table: Path) -> None:
    _prepare(command, table)
    Image.new("L", (100, 100)).save(table / "5.png")
    assert f"the photos under {table} have changed since" in _said(command("train", *RUN))


@pytest.mark.slow
def test_photos_that_are_gone_are_not_missed(command: Command, table: Path) -> None:
    _prepare(command, table)
    shutil.rmtree(table)
    for root in ([], [f"dataset.root={table}"]):
        assert command("train", *RUN, *root, "rerun=true").code == 0


@pytest.mark.parametrize("kind", ["other", "missing", "empty", "moved"])
def test_another_root_is_compared(
    command: Command, table: Path, tmp_path: Path, kind: str
) -> None:
    _prepare(command, table)
    root = tmp_path / "B"
    if kind == "empty":
        root.mkdir()
    elif kind != "missing":
        shutil.copytree(table, root)
    if kind == "other":
        _mend(root)
    done = command("train", *RUN, f"dataset.root={root}")
    if kind == "moved":
        assert done.code == 0, done.err
        return
    why = {
        "other": f"the annotations under {root} are others",
        "missing": f"dataset.root={root} is no folder",
        "empty": f"the annotations are not under {root}",
    }
    said = _said(done)
    assert f"data/mine.h5 was prepared from {table}, and {why[kind]}" in said
    assert not FOLDER.exists()


def test_a_finished_run_on_other_faces_is_not_finished(
    command: Command, table: Path, tmp_path: Path
) -> None:
    _prepare(command, table)
    assert command("train", *RUN).code == 0
    before = (FOLDER / "metrics.json").read_bytes()
    _prepare(command, table)
    again = command("train", *RUN)
    assert (again.code, "finished already" in again.out) == (0, True)
    _mend(table)
    said = _said(command("train", *RUN))
    assert "run landmark-prepare again" in said, "before it is said to be finished"
    _prepare(command, table)
    said = _said(command("train", *RUN))
    assert f"{FOLDER} holds a run on other faces (content " in said
    assert said.endswith("pass rerun=true to replace it or runs_dir=... to keep both")
    assert (FOLDER / "metrics.json").read_bytes() == before
    sweep = command("train", "-m", *RUN, "seed=0,1")
    assert sweep.code == 1
    assert "finished already: 0" in sweep.out
    assert "holds a run on other faces" in sweep.err
    assert (FOLDER / "metrics.json").read_bytes() == before
    assert FOLDER.with_name("seed1").joinpath("metrics.json").is_file()
    assert command("train", *RUN, "rerun=true").code == 0
    content = json.loads((FOLDER / "metrics.json").read_text())["data"]
    assert content == FaceFile.open(tmp_path / "data/mine.h5").content
    assert content != json.loads(before)["data"]


@pytest.mark.slow
def test_a_finished_run_knows_its_faces_subsets(command: Command, table: Path) -> None:
    _prepare(command, table)
    assert command("train", *RUN).code == 0
    lines = (table / "landmarks.csv").read_text().replace("11.png,test,even", "11.png,test,odd")
    (table / "landmarks.csv").write_text(lines)
    _prepare(command, table)
    assert "holds a run on faces of other subsets or groups" in _said(command("train", *RUN))


def test_a_cut_run_does_not_go_on_over_other_faces(command: Command, table: Path) -> None:
    _prepare(command, table)
    kept = Path("data/mine.h5").read_bytes()
    _cut(command)
    _mend(table)
    _prepare(command, table)
    last = (FOLDER / "checkpoints/last.ckpt").read_bytes()
    said = _said(command("train", *RUN, "phases.scale=0.1"))
    assert f"{FOLDER} holds a run on other faces (content " in said
    assert (FOLDER / "checkpoints/last.ckpt").read_bytes() == last
    Path("data/mine.h5").write_bytes(kept)
    (table / "landmarks.csv").unlink()
    done = command("train", *RUN, "phases.scale=0.1")
    assert done.code == 0, done.err
    assert "goes on from" in done.out


@pytest.mark.slow
def test_a_cut_run_whose_settings_are_gone_does_not_go_on(command: Command, table: Path) -> None:
    _prepare(command, table)
    _cut(command)
    (FOLDER / "config.yaml").rename("aside.yaml")
    said = _said(command("train", *RUN, "phases.scale=0.1"))
    assert "last.ckpt has no config.yaml that says how it was made" in said
    Path("aside.yaml").rename(FOLDER / "config.yaml")
    assert command("train", *RUN, "phases.scale=0.1").code == 0


@pytest.mark.slow
def test_a_cut_run_goes_on_with_other_subsets(command: Command, table: Path) -> None:
    _prepare(command, table)
    _cut(command)
    lines = (table / "landmarks.csv").read_text().replace("11.png,test,even", "11.png,test,odd")
    (table / "landmarks.csv").write_text(lines)
    _prepare(command, table)
    done = command("train", *RUN, "phases.scale=0.1")
    assert done.code == 0, done.err
    assert "odd" in json.loads((FOLDER / "metrics.json").read_text())["subsets"]


@pytest.mark.parametrize("residency", ["host", "stream"])
def test_a_file_that_is_replaced_while_training_is_not_tested_on(
    command: Command, table: Path, residency: str
) -> None:
    _prepare(command, table)
    old, rows = Path("data/mine.h5").read_bytes(), (table / "landmarks.csv").read_text()
    _mend(table, line=10)
    assert command("prepare", *MINE, f"dataset.root={table}", "data_dir=other").code == 0
    new, mended = Path("other/mine.h5").read_bytes(), (table / "landmarks.csv").read_text()

    def put(file: bytes, table_rows: str) -> None:
        (table / "landmarks.csv").write_text(table_rows)
        Path("data/new.h5").write_bytes(file)
        Path("data/new.h5").replace("data/mine.h5")

    tested = evaluate

    def replaced(*given: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        put(new, mended)
        return tested(*given, **more)

    put(old, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "evaluate", replaced)
        said = _said(command("train", *RUN, f"data.residency={residency}"))
    assert "data/mine.h5 was replaced by another file while this one was in use" in said
    assert not (FOLDER / "metrics.json").exists()
    said = _said(command("train", *RUN, f"data.residency={residency}"))
    assert f"{FOLDER} holds a run on other faces" in said
    put(old, rows)
    done = command("train", *RUN, f"data.residency={residency}")
    assert done.code == 0, done.err
    assert (FOLDER / "metrics.json").is_file(), "only the test was left to do"


def test_all_that_a_run_leaves_says_on_which_faces(
    command: Command, table: Path, tmp_path: Path
) -> None:
    _prepare(command, table)
    faces = FaceFile.open(tmp_path / "data/mine.h5")
    assert command("train", *RUN).code == 0
    assert json.loads((FOLDER / "metrics.json").read_text())["data"] == faces.content
    assert read_records(FOLDER / "predictions.h5").info.data == faces.content
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    assert config["dataset"]["content"] == faces.content
    assert config["dataset"]["sets"] == faces.sets
    task = load_task(FOLDER / "checkpoints/best.ckpt")
    assert task.run["dataset"]["content"] == faces.content


@pytest.mark.slow
def test_rendered_faces_are_known_too(command: Command, tmp_path: Path) -> None:
    tiny = (*TINY, "model=nobb", "logger.wandb=false")
    assert command("train", *tiny).code == 0
    again = command("train", *tiny)
    assert "finished already" in again.out
    path = tmp_path / "data/synthetic.h5"
    content = FaceFile.open(path).content
    run = Path("runs/synthetic/nobb/seed0")
    assert json.loads((run / "metrics.json").read_text())["data"] == content
    assert yaml.safe_load((run / "config.yaml").read_text())["dataset"]["content"] == content


def test_an_evaluation_on_other_faces_says_so(command: Command, table: Path) -> None:
    _prepare(command, table)
    assert command("train", *RUN).code == 0
    trained = json.loads((FOLDER / "metrics.json").read_text())["data"]
    plain = command("evaluate", f"run={FOLDER}")
    assert plain.code == 0
    assert "Warning" not in plain.out
    _mend(table)
    stale = command("evaluate", f"run={FOLDER}")
    assert f"Warning: the annotations under {table} have changed" in stale.out
    _prepare(command, table)
    other = command("evaluate", f"run={FOLDER}")
    assert other.code == 0
    assert "holds other faces (content " in other.out
    tested = json.loads((FOLDER / "evaluations/mine/metrics.json").read_text())["data"]
    assert tested == FaceFile.open(Path("data/mine.h5")).content != trained
    assert command("export", f"run={FOLDER}").code == 0
    assert "have changed since" not in command("inspect", *MINE).out
    _mend(table)
    assert f"Warning: the annotations under {table} have" in command("inspect", *MINE).out
