"""Running the console scripts as a user does, in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.commands import entry


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
