"""Marks what lies in this folder, so that ``pytest -m faults`` finds it; a run to be broken."""

from pathlib import Path

import pytest

from landmark_lightning.config.compose import compose
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.training.fit import train
from tests.console import TINY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of bb on 38 drawn faces, to be read only; its FaceFile is ``data/synthetic.h5``."""
    folder = tmp_path_factory.mktemp("finished")
    places = (f"data_dir={folder / 'data'}", f"runs_dir={folder / 'runs'}")
    train(compose("model=bb", "logger.wandb=false", *TINY, *places))
    return RunFolder(folder / "runs/synthetic/bb/seed0")
