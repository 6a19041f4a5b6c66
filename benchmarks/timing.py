"""Timing two ways of doing one thing, in turn: a change of the machine's speed hits both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Row:
    """A line of the table of ratios.

    Attributes:
        ours: What is measured.
        rival: What it is measured against.
        seconds: Median seconds of ours, for ``times`` goes.
        rival_seconds: Median seconds of the rival, for as many goes.
        speedup: Median over the rounds of rival / ours.
        goal: What ``speedup`` should at least be; below 1 it says how much dearer ours may be;
            None: none was set.
        times: How many goes (steps, batches) a measurement holds; the table shows one.
    """

    ours: str
    rival: str
    seconds: float
    rival_seconds: float
    speedup: float
    goal: float | None
    times: int = 1

    def __str__(self) -> str:
        ratio, cost = self.speedup, self.goal is not None and self.goal < 1
        goal, held = "", ""
        if self.goal is not None:
            asked = f"at most {1 / self.goal:.4g}" if cost else f"at least {self.goal:.4g}"
            goal, held = asked, "yes" if ratio >= self.goal else "no"
        cells = (
            self.ours,
            self.rival,
            f"{1e3 * self.seconds / self.times:.3f}",
            f"{1e3 * self.rival_seconds / self.times:.3f}",
            f"{1 / ratio:.3f} times its time" if cost else f"{ratio:.2f}x",
            goal,
            held,
        )
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| ours | rival | ours, ms | rival, ms | ratio | goal | held |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | --- |"
)


def interleaved(
    ours: Callable[[], object],
    rival: Callable[[], object],
    device: torch.device,
    rounds: int = 9,
) -> tuple[float, float, float]:
    """Times two ways in turn, after one uncounted round; who begins changes every round.

    On a CPU the clock is that of this process's own work, which others on the machine can't
    stretch; with an accelerator it is the wall's, with the device's work waited for.

    Returns:
        Median seconds of ours, of the rival, and the median over the rounds of rival / ours.
    """
    return medians(timed_rounds(ours, rival, device, rounds))


def timed_rounds(
    ours: Callable[[], object], rival: Callable[[], object], device: torch.device, rounds: int
) -> list[tuple[float, float]]:
    """The rounds of ``interleaved``: seconds of ours and of the rival."""
    seconds = []
    for number in range(-1, rounds):
        taken = {}
        for way in (ours, rival) if number % 2 else (rival, ours):
            started = _now(device)
            way()
            taken[way] = _now(device) - started
        if number >= 0:
            seconds.append((taken[ours], taken[rival]))
    return seconds


def medians(seconds: list[tuple[float, float]]) -> tuple[float, float, float]:
    """What ``interleaved`` returns, of timed rounds."""
    mine, theirs = zip(*seconds, strict=True)
    ratios = [rival / ours for ours, rival in seconds]
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()
