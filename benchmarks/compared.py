"""Two models on the same test faces, clean and covered: what differs, and whether that is real.

    python -m benchmarks.compared FACEFILE runs/ytfaces/validated runs/ytfaces/nobb mask hand

Both are folders of a model's runs, seed0 and so on, with the same seeds. Printed for each
condition and figure: mean and deviation over the seeds, the difference with its 95% interval over
persons and seeds (``metrics.intervals``), and the ratio of the means. Covered landmarks are told
by coverage where a network has it, else by the signal over the static prior.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.stress.conditions import Condition
from landmark_lightning.inference.stress.running import StressedFaces
from landmark_lightning.loading.faces import faces_from
from landmark_lightning.metrics.discarding import (
    closed_face,
    discard_error,
    labelled_mean,
    share_closed,
)
from landmark_lightning.metrics.intervals import Figure, interval
from landmark_lightning.metrics.nme import VISIBLE, normalized_error
from landmark_lightning.metrics.offset import error_less_mean
from landmark_lightning.metrics.signal import auroc, failure_auroc
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.predictions import Records, read_records

DRAWS, DRAWS_OF_AUROC, BATCH = 500, 100, 64
CLEAN, AUROC = "clean", "AUROC of covered"


class Seen(NamedTuple):
    """What one network says of N faces; ``hidden`` says what the condition covers."""

    records: Records
    points: Tensor
    signal: Tensor | None
    logit: Tensor | None
    hidden: Tensor
    possible: Tensor

    @property
    def error(self) -> Tensor:
        """(N, L) in percent of the primary normalizer."""
        primary = self.records.normalizer[:, 0].double()
        return normalized_error(self.points.double(), self.records.target.double(), primary)


def main(facefile: str, ours: str, theirs: str, *covers: str) -> None:
    """Compares two models."""
    file = FaceFile.open(Path(facefile))
    runs = [sorted(Path(folder).glob("seed*")) for folder in (ours, theirs)]
    if not runs[0] or [run.name for run in runs[0]] != [run.name for run in runs[1]]:
        sys.exit(f"{ours} and {theirs} must have the same seeds, at least one")
    groups = file.read("test", images=False).group
    print(f"{ours} against {theirs}: {len(groups)} test faces, {len(runs[0])} seeds")
    print("| faces | figure | it | rival | difference (95%) | ratio |\n|" + " --- |" * 6)
    for name, seen in _conditions(file, [*runs[0], *runs[1]], covers):
        half, measured = len(runs[0]), [figures(one) for one in seen]
        for subset, rows in _subsets(seen[0], name).items():
            for figure in [name for name in measured[0] if name in measured[half]]:
                values = [_on(rows, each[figure]) for each in measured]
                _print(f"{name}{subset}", figure, values[:half], values[half:], groups)


def _subsets(seen: Seen, condition: str) -> dict[str, NDArray[np.bool_]]:
    """All faces that the condition could be put on; of clean ones those of each subset, too."""
    records, every = seen.records, {"": seen.possible.numpy()}
    if condition != CLEAN:
        return every
    members = records.subsets.numpy().T
    return every | {
        f", {k}": m for k, m in zip(records.info.subset_names, members, strict=True) if m.any()
    }


def _on(chosen: NDArray[np.bool_], figure: Figure) -> Figure:
    return lambda rows: figure(rows[chosen[rows]])


def figures(seen: Seen) -> dict[str, Figure]:
    """What is measured of rows of the faces; what each face adds to a mean is computed once."""
    error, records, signal = seen.error, seen.records, seen.signal
    normalizer = records.normalizer[:, 0].double()
    nme = error.nanmean(dim=1)
    found: dict[str, Figure] = {"NME": lambda rows: float(nme[rows].nanmean())}
    clean = not bool(seen.hidden.any())
    if clean:
        rest = error_less_mean(seen.points, records.target, normalizer.float())
        found["NME less the mean vector"] = lambda rows: float(rest[rows].nanmean())
    if signal is None:
        return found
    prior = records.prior.double().expand_as(error)
    by_prior, by_signal, oracle = (
        discard_error(error, score, (30,))[:, 0] for score in (prior, signal.double(), error)
    )
    score = labelled_mean(signal.double(), error)

    def within(rows: NDArray[np.int64]) -> float:
        return float(
            share_closed(*(each[rows].nanmean() for each in (by_prior, by_signal, oracle)))
        )

    found["closed within"] = within
    found["closed face"] = lambda rows: float(
        closed_face(error[rows], signal[rows].double(), normalizer[rows])
    )
    found["failure AUROC"] = lambda rows: float(
        failure_auroc(nme[rows], score[rows] / normalizer[rows])
    )
    if not clean:
        told = signal / prior if seen.logit is None else seen.logit
        # As the stress test: against what the condition leaves free and the labels call visible.
        known = ~error.isnan() & (seen.hidden | (records.visible == VISIBLE))

        def covered(rows: NDArray[np.int64]) -> float:
            return float(auroc(seen.hidden[rows][known[rows]], told[rows][known[rows]]))

        found[AUROC] = covered
    return found


def _conditions(
    file: FaceFile, runs: Sequence[Path], covers: Sequence[str]
) -> Iterator[tuple[str, list[Seen]]]:
    """What all runs say of the test faces as they are, then under each cover."""
    records = [read_records(RunFolder(run).predictions) for run in runs]
    for run, each in zip(runs, records, strict=True):
        if each.info.data != file.content:
            sys.exit(f"{run} was tested on other faces than those of {file.path}")
    hidden = torch.zeros_like(records[0].visible, dtype=torch.bool)
    every = torch.ones(len(hidden), dtype=torch.bool)
    yield (
        CLEAN,
        [Seen(each, each.prediction, each.signal, None, hidden, every) for each in records],
    )
    tasks = [load_task(RunFolder(run).best).eval() for run in runs]
    faces = StressedFaces(tasks[0], faces_from(file, "test"), file.scheme.parts, 0)
    for cover in covers:
        answers: list[list[Tensor]] = [[] for _ in runs]
        under, could = [], []
        for rows in torch.arange(len(faces.faces)).split(BATCH):
            images, covered, possible = faces.images(Condition(cover), rows)
            under.append(covered)
            could.append(possible)
            with torch.inference_mode():
                for task, said in zip(tasks, answers, strict=True):
                    said.append(task(images))
        yield (
            cover,
            [
                _seen(task, each, torch.cat(said), torch.cat(under), torch.cat(could))
                for task, each, said in zip(tasks, records, answers, strict=True)
            ],
        )


def _seen(
    task: LandmarkTask, records: Records, said: Tensor, hidden: Tensor, possible: Tensor
) -> Seen:
    points, signal = task.split_output(said)
    logit = said[..., 3] if said.shape[-1] > 3 else None
    return Seen(records, points, signal, logit, hidden, possible)


def _print(
    where: str, figure: str, ours: list[Figure], theirs: list[Figure], groups: Sequence[str]
) -> None:
    every = np.arange(len(groups))
    ours_, theirs_ = (np.array([each(every) for each in side]) for side in (ours, theirs))
    found = interval(ours, groups, theirs, draws=DRAWS_OF_AUROC if figure == AUROC else DRAWS)
    told = [f"{side.mean():.3f} ± {side.std(ddof=1):.3f}" for side in (ours_, theirs_)]
    difference = f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    ratio = f"{ours_.mean() / theirs_.mean():.3f}"
    print(f"| {where} | {figure} | {' | '.join(told)} | {difference} | {ratio} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
