"""``python -m benchmarks.threads [busy]``: what ``threads=auto`` is worth on this machine now.

``busy`` processes (0) count beside it, each on a core. In every round ``auto`` measures anew, and
then steps are made for a second each with its choice and with every fixed number of threads, in an
order that changes. Rows are medians over the rounds; a ratio is within a round. Clocks are the
wall's: run it on a machine with nothing else to do.
"""

import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.faces import random_faces
from benchmarks.running import make_task, trainer
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.training.threads import choices, measured, step_of

ROUNDS = 7
SECONDS = 1.0
NETWORKS = {
    "width 8, batch 10": ({"side": 64, "width": 8, "hidden": 256}, 10),
    "width 24, batch 10": ({"side": 64, "width": 24, "hidden": 512}, 10),
    "width 32, batch 32": ({"side": 64, "width": 32, "hidden": 512}, 32),
    "width 64, batch 10": ({"side": 64, "width": 64, "hidden": 512}, 10),
}
COUNTING = "while True: pass"


def main() -> None:
    """Prints a table."""
    busy = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    if "OMP_NUM_THREADS" in os.environ:
        sys.exit("benchmarks.threads: OMP_NUM_THREADS is set; unset it, auto obeys it")
    for talker in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(talker).setLevel(logging.ERROR)
    cores = torch.get_num_threads()
    others = [subprocess.Popen([sys.executable, "-c", COUNTING]) for _ in range(busy)]
    try:
        print(f"{cores} threads are torch's default; {busy} busy processes beside it")
        print("| steps a second | auto | " + " | ".join(f"{n}" for n in choices(cores)), end="")
        print(" | auto / best | auto / default |\n|" + " --- |" * (len(choices(cores)) + 4))
        with tempfile.TemporaryDirectory() as folder:
            for name in NETWORKS:
                print(row(name, Path(folder), cores), flush=True)
    finally:
        for other in others:
            other.kill()
            other.wait()


def row(name: str, folder: Path, cores: int) -> str:
    """A network's line of the table."""
    settings, batch = NETWORKS[name]
    file = random_faces(folder, 100)
    module = FaceDataModule(file, batch_size=batch)
    network = {"_target_": "landmark_lightning.LandmarkNetwork", **settings}
    task = make_task(file, module, network)
    step = step_of(task, module, trainer(folder, []))
    rounds: list[dict[int, float]] = []
    for number in range(ROUNDS):
        found = measured(step, choices(cores))
        auto = max(found, key=lambda count: found[count])
        order = [0, *choices(cores)]  # 0: as auto says
        order = order[number % len(order) :] + order[: number % len(order)]
        rounds.append({count: rate(step, count or auto) for count in order})
    fixed = choices(cores)
    best = max(fixed, key=lambda count: statistics.median(r[count] for r in rounds))
    cells = [f"{statistics.median(r[count] for r in rounds):.3g}" for count in (0, *fixed)]
    ratios = [statistics.median(r[0] / r[count] for r in rounds) for count in (best, cores)]
    return f"| {name} | {' | '.join(cells)} | {ratios[0]:.2f} | {ratios[1]:.2f} |"


def rate(step: Callable[[], object], threads: int) -> float:
    """Steps a second with a number of threads."""
    torch.set_num_threads(threads)
    step()
    started, steps, taken = time.perf_counter(), 0, 0.0
    while taken < SECONDS:
        step()
        steps, taken = steps + 1, time.perf_counter() - started
    return steps / taken


if __name__ == "__main__":
    main()
