"""Timing two ways of doing one thing, in turn: a change of the machine's speed hits both."""

import statistics
import time
from collections.abc import Callable


def interleaved(
    ours: Callable[[], object], rival: Callable[[], object], rounds: int = 9
) -> tuple[float, float]:
    """Median seconds of each, after one uncounted round."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for counted in range(-1, rounds):
        for way, taken in zip((ours, rival), seconds, strict=True):
            started = time.perf_counter()
            way()
            if counted >= 0:
                taken.append(time.perf_counter() - started)
    return statistics.median(seconds[0]), statistics.median(seconds[1])
