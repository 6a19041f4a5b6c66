"""Faces a second of a network alone."""

import statistics
import time
from typing import Any

import torch
from torch import Tensor

from landmark_lightning.model.task import LandmarkTask

FPS_BATCHES = (1, 64)
"""Batches at which ``frames_per_second`` measures."""

_FPS_SECONDS, _FPS_REPEATS = 0.5, 50


def frames_per_second(task: LandmarkTask) -> dict[str, Any]:
    """Measures how many faces a second the network alone takes, on the task's device.

    The median of up to 50 forward passes, or of as many as half a second allows (at least 3),
    after one to warm up. Crops, transfers and everything else are left out.

    Returns:
        ``batch_1`` and ``batch_64`` in faces a second, ``device`` and ``precision``, as in the
        object ``fps`` of metrics.json (Table 6's runtime).
    """
    task.eval()
    device, side = task.device, task.network.side
    precision = next(task.network.parameters()).dtype
    generator = torch.Generator().manual_seed(0)
    rates = {}
    for batch in FPS_BATCHES:
        images = 2 * torch.rand((batch, 1, side, side), generator=generator) - 1
        images = images.to(device, precision)
        seconds: list[float] = []
        with torch.inference_mode():
            _timed(task, images)
            while len(seconds) < 3 or (
                sum(seconds) < _FPS_SECONDS and len(seconds) < _FPS_REPEATS
            ):
                seconds.append(_timed(task, images))
        rates[f"batch_{batch}"] = round(batch / statistics.median(seconds), 1)
    threads = torch.get_num_threads()
    name = f"CPU, {threads} {'thread' if threads == 1 else 'threads'}"
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return {**rates, "device": name, "precision": str(precision).removeprefix("torch.")}


def _timed(task: LandmarkTask, images: Tensor) -> float:
    started = time.perf_counter()
    task.network(images)
    if images.device.type == "cuda":
        torch.cuda.synchronize(images.device)
    return time.perf_counter() - started
