from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from landmark_lightning.config.compose import compose
from landmark_lightning.files import write_json, write_text
from landmark_lightning.runs.folder import RunFolder, checkpoint_of, run_of

CONFIG: dict[str, Any] = {"phases": {"scale": 1.0, "list": [{"lr": 0.1}]}, "rerun": False}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    write_text(tmp_path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(CONFIG)))
    return RunFolder(tmp_path)


def test_the_same_settings_pass(folder: RunFolder) -> None:
    assert folder.clash(CONFIG | {"rerun": True, "data_dir": "elsewhere"}) is None


def test_another_setting_is_named(folder: RunFolder) -> None:
    changed = {"scale": 0.5, "list": [{"lr": 0.1}]}
    said = folder.clash(CONFIG | {"phases": changed})
    assert said is not None
    assert "phases.scale=1.0, now it is 0.5" in said


def test_only_streaming_that_reads_ahead_changes_what_lpbb_draws(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)

    def clash(before: str, now: str, refresh: str, prefetch: int) -> bool:
        config: dict[str, Any] = {"model": {"balancing": {"refresh": refresh}}}
        for residency in (before, now):
            config["data"] = {"residency": residency, "prefetch": prefetch}
            if residency == before:
                write_text(folder.config, OmegaConf.to_yaml(OmegaConf.create(config)))
        return folder.clash(config) is not None

    assert clash("host", "stream", "online", 2)
    assert clash("stream", "auto", "rescore", 2)
    assert not clash("host", "stream", "online", 0)
    assert not clash("host", "stream", "none", 2)
    assert not clash("device", "host", "online", 2)


def test_what_is_left_to_the_facefile_is_no_clash(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    known: dict[str, Any] = {"scheme": {"name": "hand21"}, "normalizer": "box", "boxes": "x"}
    write_text(folder.config, OmegaConf.to_yaml(OmegaConf.create({"dataset": known})))
    left = known | {"scheme": None, "normalizer": None}
    assert folder.clash({"dataset": left}) is None
    assert folder.clash({"dataset": known}) is None
    said = folder.clash({"dataset": known | {"normalizer": "palm"}})
    assert said is not None
    assert "dataset.normalizer=box, now it is palm" in said
    write_text(folder.config, OmegaConf.to_yaml(OmegaConf.create({"dataset": left})))
    assert folder.clash({"dataset": known}) is None


def test_clear_leaves_what_others_wrote(folder: RunFolder) -> None:
    write_json(folder.metrics, {"nme": 1.0})
    write_json(folder.evaluations / "other" / "metrics.json", {"nme": 1.0})
    folder.onnx.write_bytes(b"of the old run")
    (folder.path / "notes.txt").write_text("mine")
    folder.clear()
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]


def test_a_damaged_config_is_named(folder: RunFolder) -> None:
    folder.config.write_text("a: [1")
    said = folder.clash(CONFIG)
    assert said is not None
    assert "config.yaml is damaged" in said


def test_the_folder_of_a_run_s_settings() -> None:
    named = ("dataset=300w", "model=bb", "seed=2")
    assert RunFolder.of(compose(*named)).path == Path("runs/300w/bb/seed2")
    assert RunFolder.of(compose(*named, "runs_dir=2024")).path == Path("2024/300w/bb/seed2")


def test_a_run_is_a_folder_or_a_checkpoint(tmp_path: Path) -> None:
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    best.parent.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="is neither a checkpoint nor a run's folder"):
        checkpoint_of(tmp_path / "run")
    best.touch()
    assert checkpoint_of(tmp_path / "run") == checkpoint_of(best) == best
    assert run_of(tmp_path / "run").path == run_of(best).path == tmp_path / "run"
    assert run_of(tmp_path / "lone.ckpt").path == tmp_path
