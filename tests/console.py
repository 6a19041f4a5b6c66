"""Running the console scripts as a user does, in this process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from landmark_lightning.commands import entry
from landmark_lightning.runs.state import read_states


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]

TINY = (
    "dataset.source.train=30", "dataset.source.test=8", "network.width=4", "network.hidden=16",
    "network.side=32", "dataset.crop.side=64", "phases.scale=0.05", "batch_size=10",
)  # fmt: skip
"""Settings that make a run of seconds."""


def states(runs: Path) -> dict[str, str]:
    """The state of every run below a folder, by model."""
    return {state.model: state.state for state in read_states(runs)}


def figures(runs: Path) -> dict[str, Any]:
    """metrics.json of every run below a folder, without what a clock says and their seals."""
    found = {}
    for path in sorted(runs.rglob("metrics.json")):
        content = json.loads(path.read_text())
        found[str(path.relative_to(runs))] = {
            key: value
            for key, value in content.items()
            if not key.endswith(("seconds", "fps", "sha256"))
        }
    return found


def weights(runs: Path) -> dict[str, dict[str, Any]]:
    """The bytes of all that was trained, by run: of last.ckpt, from which a run goes on."""
    return {
        str(path.relative_to(runs)): {
            name: value.numpy().tobytes()
            for name, value in torch.load(path, weights_only=True)["state_dict"].items()
        }
        for path in sorted(runs.rglob("last.ckpt"))
    }


def start(module: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":  # noqa: ANN401
    """A process of its own that runs a module of the tests or the package."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        **options,
    )


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Calls a console script by its name with arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def call(name: str, *arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", [f"landmark-{name}", *arguments])
        capsys.readouterr()
        code = 0
        try:
            getattr(entry, name)()
        except SystemExit as end:
            code = int(end.code or 0)
        shown = capsys.readouterr()
        return Outcome(code, shown.out, shown.err)

    return call


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with 12 photos and landmarks.csv of 68 landmarks."""
    root = tmp_path / "mine"
    root.mkdir()
    rng = np.random.default_rng(0)
    header = ["image", "split", "subset", "group", *(f"{a}{i}" for i in range(68) for a in "xy")]
    lines = [",".join(header)]
    for i in range(12):
        gray = rng.integers(0, 255, (100, 100), dtype=np.uint8)
        Image.fromarray(gray).save(root / f"{i}.png")
        points = rng.uniform(30, 70, 136).round(2).tolist()
        split = "train" if i < 8 else "test"
        row = [f"{i}.png", split, "even" if i % 2 else "", f"g{i // 2}", *points]
        lines.append(",".join(str(cell) for cell in row))
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n")
    return root
