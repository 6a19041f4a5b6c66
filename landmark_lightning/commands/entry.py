"""The console scripts: each composes its config with Hydra and calls ``run`` of its module.

Loaded in a moment, so that Ctrl-C never shows a trace.
"""

import sys
from functools import partial

from landmark_lightning.exiting import ExitsAtOnce


def _launch(name: str) -> None:
    """Runs a command; ends the process with 1 after an error, or as signals are counted."""
    with ExitsAtOnce(f"landmark-{name}"):
        from landmark_lightning.commands.launching import launch

        status = launch(name)
    if status:
        sys.exit(status)


COMMANDS = {
    "prepare": "from a dataset as its authors ship it to a FaceFile",
    "inspect": "checks a FaceFile, and plots what is in it",
    "train": "trains and tests one run, or a sweep of them",
    "evaluate": "tests a trained run",
    "report": "compares runs",
    "export": "a trained run as an ONNX model",
    "predict": "landmarks of the faces in photos, and which of them to trust",
    "calibrate": "measures the bound of a trained run again",
}
"""What each console script does; it is called as the function of its name."""

prepare, inspect, train, evaluate, report, export, predict, calibrate = (
    partial(_launch, name) for name in COMMANDS
)
