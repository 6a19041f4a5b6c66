import subprocess
import sys
from pathlib import Path

import pytest

from landmark_lightning.commands.checks import checkpoint_of

PROGRAM = """
import sys
sys.argv = sys.argv[1:]
from landmark_lightning.commands import entry
try:
    getattr(entry, sys.argv[0].removeprefix("landmark-"))()
finally:
    print("torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "batch_size=0"], "batch_size=0 must be a whole number of at least 1"),
        (["train", "phases=long"], "Could not find 'phases/long'"),
        (["train", "phases.list=3"], "phases.list=3 must be a list"),
        (["train", "model=bb", "model.balancing.power=-1"], "model.balancing.power=-1 must be"),
        (["train", "dataset.name=a/b"], "dataset.name='a/b' must be letters"),
        (["train", "-m", "seed=0,-1"], "seed=-1 must be"),
        (["evaluate", "run=nowhere"], "run=nowhere is neither a checkpoint nor"),
        (["export", "run=nowhere"], "run=nowhere is neither a checkpoint nor"),
    ],
)
def test_a_wrong_setting_is_said_before_torch_is_loaded(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    command, *rest = arguments
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"landmark-{command}", *rest],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    assert not (tmp_path / "data").exists()


def test_a_run_is_a_folder_or_a_checkpoint(tmp_path: Path) -> None:
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    best.parent.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="is neither a checkpoint nor a run's folder"):
        checkpoint_of(str(tmp_path / "run"))
    best.touch()
    assert checkpoint_of(str(tmp_path / "run")) == checkpoint_of(str(best)) == best
