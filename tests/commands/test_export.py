import json
from pathlib import Path

import onnx

from landmark_lightning.inference.export import session
from tests.console import TINY, Command


def test_a_run_becomes_a_model_that_runs_by_itself(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=nobb", "logger.wandb=false", *TINY).code == 0
    run = tmp_path / "runs/synthetic/nobb/seed0"
    done = command("export", f"run={run}")
    assert done.code == 0, done.err
    assert "agree on 8 faces" in done.out
    assert f"Wrote {run / 'model.onnx'}" in done.out
    told = {entry.key: entry.value for entry in onnx.load(run / "model.onnx").metadata_props}
    card = json.loads(told["landmark_lightning"])
    assert (card["dataset"], card["model"], card["seed"]) == ("synthetic", "nobb", 0)
    assert session(run / "model.onnx").get_inputs()[0].type == "tensor(uint8)"

    wrong = command("export", f"run={run}", f"output={run / 'metrics.json'}")
    assert wrong.code == 1
    assert "metrics.json must end in .onnx" in wrong.err
    assert (run / "metrics.json").read_text().startswith("{")

    (tmp_path / "data/synthetic.h5").rename(tmp_path / "elsewhere.h5")
    missing = command("export", f"run={run}", "output=again.onnx")
    assert missing.code == 1
    assert "does not exist; pass the data_dir that has it, or check=false" in missing.err
    assert command("export", f"run={run}", "output=again.onnx", "check=false").code == 0
    assert (tmp_path / "again.onnx").is_file()


def test_errors_are_one_sentence(command: Command, tmp_path: Path) -> None:
    assert "run is not given" in command("export").err
    assert "neither a checkpoint nor a run's folder" in command("export", "run=none").err
