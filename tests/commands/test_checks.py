import subprocess
import sys
from pathlib import Path

import pytest

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
        (["train", "batch_size=0"], "batch_size=0 must be a whole number from 1 to 100000"),
        (["train", "phases=long"], "Could not find 'phases/long'"),
        (["train", "phases.list=3"], "phases.list=3 must be a list of mappings"),
        (["train", "model=bb", "model.balancing.power=-1"], "model.balancing.power=-1 must be"),
        (["train", "dataset.name=a/b"], "dataset.name='a/b' must be letters"),
        (["train", "-m", "seed=0,-1"], "seed=-1 must be"),
        (["evaluate", "run=nowhere"], "run=nowhere is neither a checkpoint nor"),
        (["train", "trainer.precision=16-mixed"], "must be one of 32-true, bf16-mixed"),
        (["train", "runs_dir=null"], "runs_dir=None must be a path"),
        (["evaluate", "run=x", "allow_targets=torch."], "allow_targets='torch.' must be a list"),
        (["export", "run=3"], "run=3 is neither a checkpoint nor"),
        (["prepare", "workers=0"], "workers=0 must be a whole number from 1 to 1024"),
        (["report", "runs=nowhere"], "runs=nowhere is no folder; landmark-train writes runs"),
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
