"""``python -m landmark_lightning.training.rank``: one of the processes that train a run together.

``processes`` starts it: the configuration comes as JSON from the standard input, and the place
among the processes from the environment.
"""

import importlib
import json
import os
import sys
import threading
import time

from landmark_lightning.config.read import read
from landmark_lightning.config.schema import Train
from landmark_lightning.ending import leave_signals_to_parent
from landmark_lightning.errors import USER_ERRORS, sentence
from landmark_lightning.terminal import steady_output


def main() -> None:
    """Trains along; ends with 1 after an error, or when the process that started it is gone."""
    leave_signals_to_parent()
    threading.Thread(target=_outlive_not, args=(os.getppid(),), daemon=True).start()
    with steady_output():
        try:
            fit = importlib.import_module("landmark_lightning.training.fit")  # seconds
            fit.attend(read(Train, json.load(sys.stdin)))
        except USER_ERRORS as error:
            rank = os.environ["LOCAL_RANK"]
            print(f"landmark-train (process {rank}): {sentence(error)}", file=sys.stderr)
            sys.exit(1)


def _outlive_not(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


if __name__ == "__main__":
    main()
