"""``python -m landmark_lightning.commands.rank``: one of the processes that train a run together.

``launching`` starts it: the configuration comes as JSON from the standard input, and the place
among the processes from the environment.
"""

import importlib
import json
import os
import sys
import threading
import time

from landmark_lightning.ending import leave_signals_to_parent
from landmark_lightning.terminal import steady_output
from landmark_lightning.user_errors import USER_ERRORS, sentence


def main() -> None:
    """Trains along; ends with 1 after an error, or when the process that started it is gone."""
    leave_signals_to_parent()
    threading.Thread(target=_outlive_not, args=(os.getppid(),), daemon=True).start()
    with steady_output():
        try:
            train = importlib.import_module("landmark_lightning.commands.train")  # seconds
            train.run(json.load(sys.stdin))
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
