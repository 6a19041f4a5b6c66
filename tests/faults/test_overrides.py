"""Wrong command lines, refused before a dataset is read, rendered or trained on.

``overrides.txt`` has them: the command, what is wrong, an arrow, and what the sentence must hold.
Behind ``=>`` the sentence comes without torch; behind ``~>`` it takes what a ``_target_`` needs.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytorch_lightning as pl

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation import dataset
from tests.console import Command
from tests.faults.share import share

TABLE = Path(__file__).with_name("overrides.txt")
LINES = [line for line in TABLE.read_text().splitlines() if line and line[0] != "#"]
STAND_INS = {"RUN": "run.ckpt", "FILE": "file", "FOLDER": "folder"}


def told(line: str) -> tuple[list[str], str]:
    """A line's command with its arguments, and what the sentence must hold."""
    typed, _, sentence = re.split(" (=>|~>) ", line)
    words = re.sub("RUN|FILE|FOLDER", lambda found: STAND_INS[found[0]], typed).split()
    return words, sentence


def stand_in(folder: Path) -> None:
    """Writes the files that the lines speak of."""
    (folder / "folder").mkdir()
    for name in ("run.ckpt", "file"):
        (folder / name).write_text("x")


@pytest.mark.parametrize("line", share(LINES))
def test_a_wrong_override_is_refused_before_the_work(
    line: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worked(*_: Any, **__: Any) -> NoReturn:  # noqa: ANN401
        raise AssertionError(f"{line}: the work has begun")

    for owner, name in ((dataset, "prepare"), (FaceFile, "read"), (pl.Trainer, "fit")):
        monkeypatch.setattr(owner, name, worked)
    stand_in(tmp_path)
    words, sentence = told(line)
    done = command(*words)
    assert done.code == 1, done.err
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "runs").exists()


PROGRAM = """
import sys
sys.modules["torch"] = None  # whoever imports it fails
from landmark_lightning.commands import entry
for line in sys.stdin:
    sys.argv = line.split()
    print(line, end="", file=sys.stderr)
    try:
        getattr(entry, sys.argv[0])()
    except SystemExit:
        pass
"""


def test_what_needs_no_package_is_said_without_torch(tmp_path: Path) -> None:
    light = [told(line) for line in share(LINES) if " => " in line]
    typed = "".join(f"{' '.join(words)}\n" for words, _ in light)
    stand_in(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path, input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert len(said) == 2 * len(light), done.stderr
    for (words, sentence), line, error in zip(light, said[::2], said[1::2], strict=True):
        assert line.split() == words
        assert sentence in error, line


def test_there_are_enough_of_them() -> None:
    assert len({tuple(told(line)[0]) for line in LINES}) == len(LINES) > 300
    assert {told(line)[0][0] for line in LINES} == {
        "prepare", "inspect", "train", "evaluate", "report", "export", "predict", "calibrate",
    }  # fmt: skip
