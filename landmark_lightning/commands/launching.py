"""A command from its arguments to its end: composed with Hydra, checked, run.

A command's module, with all that it imports, is loaded when the config is already composed, so
that ``--help``, a misspelt setting and what ``checks`` knows to be wrong answer at once.
"""

import importlib
import os
import sys
from importlib.metadata import version

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from landmark_lightning.commands.checks import check_settings
from landmark_lightning.commands.help import help_of
from landmark_lightning.config.compose import as_chosen, config_folder, known_names, settings_of
from landmark_lightning.config.experiments import with_files
from landmark_lightning.config.outside import check_outside
from landmark_lightning.config.typed_paths import as_typed, readable
from landmark_lightning.ending import Ended, ended_by_signals
from landmark_lightning.errors import USER_ERRORS, no_setting, sentence, unknown_key
from landmark_lightning.terminal import steady_output


def launch(name: str) -> int:
    """Runs a command.

    Returns:
        The status to end with: 1 after an error, or as signals are counted.
    """
    if "--version" in sys.argv[1:]:
        print(f"landmark-lightning {version('landmark-lightning')}")
        return 0
    goes_on = ""
    if name == "train":
        again = " without rerun=true" if "rerun=true" in sys.argv else ""
        goes_on = f"; start the same command again{again} to go on"
    with steady_output():
        try:
            return _compose_and_run(name)
        except KeyboardInterrupt:
            _say(name, f"interrupted{goes_on}")
            return 130
        except Ended as end:
            _say(name, f"{end}{goes_on}")
            return end.status


def _compose_and_run(name: str) -> int:
    """Composes a command's config and runs it; says a user's error.

    Returns:
        The status to end with: 1 after an error, else what the command says, 0 where it says
        nothing.
    """
    in_full = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors itself, in many lines
    status = 0

    def job(config: DictConfig) -> None:
        nonlocal status
        composed = HydraConfig.get()
        try:
            settings = settings_of(name, config, composed)
            check_settings(name, settings)
            command = importlib.import_module(f"landmark_lightning.commands.{name}")
            with ended_by_signals():
                status = command.run(settings) or status
        except USER_ERRORS as error:
            if in_full:
                raise
            status = 1  # in a multirun the other runs still take their turn
            multirun = composed.mode == RunMode.MULTIRUN
            where = f" ({' '.join(composed.overrides.task)})" if multirun else ""
            _say(name, sentence(error), where)

    try:
        check_outside(sys.argv[1:])
        sys.argv[1:] = with_files(as_typed(as_chosen(name, readable(sys.argv[1:]))))
        if {"--help", "-h"} & set(sys.argv[1:]):
            print(help_of(name, [a for a in sys.argv[1:] if not a.startswith("-")]))
            return 0
        hydra.main(version_base="1.3", config_path=str(config_folder()), config_name=name)(job)()
    except USER_ERRORS as error:
        if in_full:
            raise
        message = sentence(error)
        if (key := unknown_key(error)) is not None:
            message = no_setting(key, known_names(name, sys.argv[1:]))
        _say(name, message)
        status = 1
    finally:
        if in_full is None:
            del os.environ["HYDRA_FULL_ERROR"]
    return status


def _say(name: str, message: str, where: str = "") -> None:
    print(f"landmark-{name}{where}: {message}", file=sys.stderr)
