"""The console scripts: each composes its config with Hydra and calls ``run`` of its module.

A command's module, with all that it imports, is loaded when the config is already composed, so
that ``--help``, a misspelt setting and what ``checks`` knows to be wrong answer at once.
"""

import importlib
import os
import sys
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from landmark_lightning.commands.checks import CHECKS
from landmark_lightning.commands.composing import config_folder, for_training
from landmark_lightning.user_errors import USER_ERRORS, sentence


def _launch(name: str) -> None:
    """Composes a command's config and runs it; ends the process with 1 after a user's error."""
    wanted = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors itself, in many lines
    failed = 0

    def job(config: DictConfig) -> None:
        nonlocal failed
        try:
            plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
            if name in CHECKS:
                CHECKS[name](plain)
            if name == "train":
                plain = for_training(plain, HydraConfig.get().overrides.task)
            importlib.import_module(f"landmark_lightning.commands.{name}").run(plain)
        except USER_ERRORS as error:
            if wanted:
                raise
            failed += 1  # in a multirun the other runs still take their turn
            overrides = " ".join(HydraConfig.get().overrides.task)
            where = f" ({overrides})" if HydraConfig.get().mode == RunMode.MULTIRUN else ""
            print(f"landmark-{name}{where}: {sentence(error)}", file=sys.stderr)

    try:
        hydra.main(version_base="1.3", config_path=str(config_folder()), config_name=name)(job)()
    except USER_ERRORS as error:
        if wanted:
            raise
        print(f"landmark-{name}: {sentence(error)}", file=sys.stderr)
        failed += 1
    except KeyboardInterrupt:
        again = " without rerun=true" if "rerun=true" in sys.argv else ""
        goes_on = f"; start the same command again{again} to go on" if name == "train" else ""
        print(f"landmark-{name}: interrupted{goes_on}", file=sys.stderr)
        sys.exit(130)
    finally:
        if wanted is None:
            del os.environ["HYDRA_FULL_ERROR"]
    if failed:
        sys.exit(1)


def prepare() -> None:
    """landmark-prepare: from a dataset as its authors ship it to a FaceFile."""
    _launch("prepare")


def inspect() -> None:
    """landmark-inspect: checks a FaceFile and draws it."""
    _launch("inspect")


def train() -> None:
    """landmark-train: trains and tests one run, or a sweep of them."""
    _launch("train")


def evaluate() -> None:
    """landmark-evaluate: tests a trained run."""
    _launch("evaluate")


def report() -> None:
    """landmark-report: compares runs."""
    _launch("report")


def export() -> None:
    """landmark-export: a trained run as an ONNX model."""
    _launch("export")
