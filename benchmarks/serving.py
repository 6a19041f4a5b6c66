"""What a service meets: latency, memory and faces a second of ``LandmarkDetector``.

    python -m benchmarks.serving RUN [model.onnx]     # prints the table of docs/serving.md

Each row is a process of its own with so many threads. A request is the bytes of a JPEG of
480 x 480 with one face whose box is known; *batch* is 64 faces of one photo in a single call.
"""

import io
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

REQUESTS, WARM = 300, 20
BATCH, BATCHES = 64, 8


def measure(path: str, threads: int) -> dict[str, float]:
    """One row, in this process."""
    from PIL import Image

    from landmark_lightning.inference.detector import LandmarkDetector

    detector = LandmarkDetector.load(path, threads=threads)
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (24, 24), dtype=np.uint8))
    photo = coarse.resize((480, 480), Image.Resampling.BICUBIC)
    content = io.BytesIO()
    photo.save(content, "JPEG")
    request, box = content.getvalue(), np.array([[140.0, 150.0, 330.0, 360.0]])
    seconds = []
    for _ in range(WARM + REQUESTS):
        start = time.perf_counter()
        detector(request, boxes=box)
        seconds.append(time.perf_counter() - start)
    boxes = np.repeat(box, BATCH, axis=0) + rng.uniform(-9, 9, (BATCH, 4))
    grays = np.asarray(photo)
    detector(grays, boxes=boxes)
    start = time.perf_counter()
    for _ in range(BATCHES):
        detector(grays, boxes=boxes)
    spent = time.perf_counter() - start
    return {
        "p50": 1e3 * float(np.quantile(seconds[WARM:], 0.5)),
        "p99": 1e3 * float(np.quantile(seconds[WARM:], 0.99)),
        "rate": BATCH * BATCHES / spent,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(*paths: str) -> None:
    """Measures every file on one and on two threads, each in a new process."""
    print(
        "| run by | threads | one face, p50 ms | p99 ms | faces a second, batch 64 | memory, MB |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for path in paths:
        for threads in (1, 2):
            command = [sys.executable, "-m", "benchmarks.serving", "--row", path, str(threads)]
            environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
            told = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            ).stdout
            row = json.loads(told.splitlines()[-1])
            name = "onnxruntime" if path.endswith(".onnx") else "torch"
            latency = f"{row['p50']:.1f} | {row['p99']:.1f}"
            print(f"| {name} | {threads} | {latency} | {row['rate']:.0f} | {row['memory']:.0f} |")


if __name__ == "__main__":
    if sys.argv[1] == "--row":
        print(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
    else:
        main(*sys.argv[1:])
