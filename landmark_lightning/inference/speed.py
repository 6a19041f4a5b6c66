"""Faces a second of a network alone."""

from typing import Any

import torch
from torch.utils.benchmark import Timer

from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.provenance import device_name

FPS_BATCHES = (1, 64)
"""Batches at which ``frames_per_second`` measures."""

_SECONDS = 0.3


def frames_per_second(task: LandmarkTask) -> dict[str, Any]:
    """Measures how many faces a second the network alone takes, on the task's device.

    The median of what torch's Timer measures in a third of a second, at least one forward pass,
    after it has warmed up. Crops, transfers and everything else are left out.

    Returns:
        ``batch_1`` and ``batch_64`` in faces a second, ``device`` and ``precision``, as in the
        object ``fps`` of metrics.json (Table 6's runtime).
    """
    task.eval()
    device, side, threads = task.device, task.network.side, torch.get_num_threads()
    precision = next(task.network.parameters()).dtype
    generator = torch.Generator().manual_seed(0)
    rates = {}
    for batch in FPS_BATCHES:
        images = 2 * torch.rand((batch, 1, side, side), generator=generator) - 1
        given = {"network": task.network, "images": images.to(device, precision)}
        timer = Timer("network(images)", globals=given, num_threads=threads)
        with torch.inference_mode():
            seconds = timer.blocked_autorange(min_run_time=_SECONDS).median
        rates[f"batch_{batch}"] = round(batch / seconds, 1)
    kind = str(precision).removeprefix("torch.")
    return {**rates, "device": device_name(device), "precision": kind}
