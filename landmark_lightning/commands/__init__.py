"""The console scripts: each composes its config with Hydra and calls ``run`` of its module.

A command's module, with all that it imports, is loaded when the config is already composed, so
that ``--help`` and a misspelt setting answer at once.
"""

import importlib
import os
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

USER_ERRORS = (ValueError, FileNotFoundError, HydraException, OmegaConfBaseException)
"""What a user can mend: said in one sentence, without a trace."""


def config_folder() -> Path:
    """The folder of the YAML files: inside the installed package, or the checkout's.

    Raises:
        FileNotFoundError: Neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf folder with train.yaml in {package} or beside it")


def sentence(error: BaseException) -> str:
    """An error as one line."""
    text = " ".join(str(error).split())
    if text.startswith("Could not override"):
        name = text.split("'")[1] if "'" in text else text
        return f"there is no setting {name!r}; --cfg job lists all of them"
    text = text.split(" Config search path:")[0]
    return text.split(" full_key: ")[0] + (
        f" (setting {text.split(' full_key: ')[1].split()[0]})" if " full_key: " in text else ""
    )


def _launch(name: str) -> None:
    """Composes a command's config and runs it; ends the process with 1 after a user's error."""
    trace_wanted = bool(os.environ.get("HYDRA_FULL_ERROR"))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors itself, in many lines

    def job(config: DictConfig) -> None:
        try:
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            importlib.import_module(f"landmark_lightning.commands.{name}").run(plain)
        except USER_ERRORS as error:
            if HydraConfig.get().mode == RunMode.MULTIRUN:  # the other cells still run
                overrides = " ".join(HydraConfig.get().overrides.task)
                print(f"landmark-{name}: {overrides}: {sentence(error)}", file=sys.stderr)
            raise

    try:
        hydra.main(version_base="1.3", config_path=str(config_folder()), config_name=name)(job)()
    except USER_ERRORS as error:
        if trace_wanted:
            raise
        print(f"landmark-{name}: {sentence(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"landmark-{name}: interrupted", file=sys.stderr)
        sys.exit(130)


def prepare() -> None:
    """landmark-prepare: from a dataset as its authors ship it to a FaceFile."""
    _launch("prepare")


def inspect() -> None:
    """landmark-inspect: checks a FaceFile and draws it."""
    _launch("inspect")


def train() -> None:
    """landmark-train: trains and tests one run, or a multirun of them."""
    _launch("train")


def evaluate() -> None:
    """landmark-evaluate: tests a trained run."""
    _launch("evaluate")


def report() -> None:
    """landmark-report: compares runs."""
    _launch("report")
