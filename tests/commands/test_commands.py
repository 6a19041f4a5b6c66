"""What all commands share: help, config folder, installation from a wheel."""

import subprocess
import sys
import tomllib
import venv
from importlib.metadata import version
from pathlib import Path

import pytest

from landmark_lightning.config.compose import config_folder
from tests.console import Command

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "prepare", "inspect", "train", "evaluate", "report", "export", "predict", "calibrate",
)  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_groups_and_examples(command: Command, name: str) -> None:
    done = command(name, "--help")
    assert done.code == 0
    assert done.out.startswith(f"landmark-{name} ")
    examples = [line for line in done.out.splitlines() if line.startswith(f"  landmark-{name}")]
    assert len(examples) >= 3


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("train", ("model=bb", "phases=paper", "dataset=300w")),
        ("train", ("model=non", "network=small", "augmentation=mild", "trainer=ddp")),
        ("train", ("model=bbs", "dataset=custom")),
        ("train", ("model=validated",)),
        ("prepare", ("dataset=aflw",)),
        ("inspect", ("dataset=wflw",)),
        ("evaluate", ()),
        ("report", ()),
        ("export", ()),
    ],
)
def test_help_explains_every_setting(
    command: Command, name: str, choices: tuple[str, ...]
) -> None:
    lines = command(name, *choices, "--help").out.splitlines()
    settings = lines[1 + next(k for k, line in enumerate(lines) if line.startswith("All set")) :]
    explained_above = (
        "train:", "test:", "helen", "lfpw", "afw", "ibug", "common", "challenging", "blur:",
        "expression", "illumination", "makeup", "occlusion:", "pose", "folders", "subsets:",
        "data:", "dataset:", "model:", "balancing:", "network:", "phases:", "optimizer:",
        "augmentation:", "trainer:", "logger:", "schedules:", "300w:", "wflw:",
    )  # fmt: skip
    bare = [s for s in settings if "# " not in s and not s.strip().startswith(explained_above)]
    assert bare == []
    for choice in choices:
        group, _, chosen = choice.partition("=")
        assert any(li.startswith(f"  {group}=") and chosen in li.split() for li in lines) or (
            any(f"{group}={chosen} " in li for li in lines)
        )
    assert "base" not in " ".join(li for li in lines if li.startswith("  dataset="))


def test_every_command_is_a_console_script() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {
        f"landmark-{name}": f"landmark_lightning.commands.entry:{name}" for name in COMMANDS
    }


def test_help_needs_none_of_the_heavy_imports() -> None:
    code = (
        "import sys; sys.argv = ['landmark-train', '--help']\n"
        "from landmark_lightning.commands.entry import train\n"
        "try: train()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'pytorch_lightning', 'wandb', 'kornia', 'h5py'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_config_folder_holds_every_command() -> None:
    assert {f"{name}.yaml" for name in COMMANDS} <= {p.name for p in config_folder().iterdir()}


@pytest.mark.slow
def test_a_wheel_brings_its_configs(tmp_path: Path) -> None:
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(wheel, check=True, capture_output=True)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--no-deps", *map(str, tmp_path.glob("*.whl"))]
    subprocess.run(install, check=True, capture_output=True)
    site = next((tmp_path / "venv").rglob("site-packages"))
    assert (site / "landmark_lightning" / "conf" / "train.yaml").is_file()
    # The tests' own environment lends the dependencies; the package comes from the wheel.
    own = next(path for path in sys.path if path.endswith("site-packages"))
    code = (
        f"import sys; sys.path.append({own!r}); sys.argv = ['landmark-train', '--help']\n"
        "import landmark_lightning; print(landmark_lightning.__file__, file=sys.stderr)\n"
        "from landmark_lightning.commands.entry import train\ntrain()"
    )
    done = subprocess.run(
        [str(python), "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert str(site) in done.stderr
    assert "landmark-train trains" in done.stdout


def test_the_version_is_ours_not_hydras(command: Command) -> None:
    done = command("train", "--version")
    assert (done.code, done.out) == (0, f"landmark-lightning {version('landmark-lightning')}\n")
