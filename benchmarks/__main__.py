"""make bench, make bench-gpu: prints the table of ratios and writes it to RESULTS.md.

A row's module has ``measure(device) -> Iterator[Row]``; it is named in ``MODULES`` below.
"""

import argparse
import importlib.metadata
import logging
import platform
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks import augmentation, balancing, data_path, exported, rescoring, training
from benchmarks.timing import HEAD
from landmark_lightning.files import write_text

MODULES = (data_path, augmentation, balancing, training, rescoring, exported)
VERSIONS = ("torch", "pytorch-lightning", "kornia")


def main() -> None:
    """Measures everything with one thread."""
    names = {module.__name__.rpartition(".")[2]: module for module in MODULES}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("only", nargs="*", metavar="row", help=f"of {', '.join(names)}; all")
    chosen = parser.parse_args()
    if wrong := sorted(set(chosen.only) - set(names)):
        parser.error(f"there is no row {wrong[0]}; choose of {', '.join(names)}")
    if chosen.device == "cuda" and not torch.cuda.is_available():
        sys.exit("benchmarks: torch sees no CUDA device here; make bench measures the CPU")
    torch.set_num_threads(1)
    for talker in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(talker).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    device = torch.device(chosen.device)
    lines = [_conditions(device), "", HEAD]
    print("\n".join(lines), flush=True)
    for name, module in names.items():
        if chosen.only and name not in chosen.only:
            continue
        for row in module.measure(device):
            lines.append(str(row))
            print(row, flush=True)
    if not chosen.only:
        path = Path(__file__).parent / ("RESULTS.md" if device.type == "cpu" else "RESULTS-gpu.md")
        write_text(path, "# Speed ratios\n\n" + "\n".join(lines) + "\n")
        print(f"Wrote {path}")


def _conditions(device: torch.device) -> str:
    """Where, when and with what it was measured."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    return (
        f"{versions}, Python {platform.python_version()}; {_processor(device)}; one thread; "
        f"{datetime.now(UTC):%Y-%m-%d}. Each ratio was measured in one process, ours and the "
        "rival in turn, medians of at least 7 rounds"
        + ("." if device.type == "cuda" else "; time is that of the process on the processor.")
    )


def _processor(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
