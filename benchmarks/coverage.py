"""What a bound promises, tried on test faces: coverage and width over random divisions of persons.

    python -m benchmarks.coverage RUN FACEFILE     # a finished run, and the file it was tested on

The persons (or videos; images where there are no groups) of the test split are divided into two
halves 100 times: on one the bound's quantile is measured, on the other coverage and width. The
rival is one constant for each landmark, measured likewise. The bound's shape is the run's own, of
its training faces. The interval is that of the widths' ratio, persons drawn anew 1000 times.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.calibration import (
    Answers,
    Calibration,
    bound_rates,
    conformal_quantile,
    followed,
)
from landmark_lightning.metrics.nme import landmark_error
from landmark_lightning.model.saved import read_checkpoint
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.predictions import read_records

DIVISIONS, RESAMPLES = 100, 1000
Numbers = NDArray[np.float64]


def main(run: str, facefile: str, own_shape: str = "") -> None:
    """Measures the bound of a run."""
    folder = RunFolder(Path(run))
    records = read_records(folder.predictions)
    assert records.signal is not None
    calibration = Calibration.from_dict(read_checkpoint(folder.best)["calibration"])
    named = FaceFile.open(Path(facefile)).read("test", images=False).group
    group = np.array([name or str(n) for n, name in enumerate(named)])
    error = landmark_error(records.prediction, records.target).double().numpy()
    signal = records.signal.double().numpy()
    persons = np.unique(group)
    rng = np.random.default_rng(0)
    held: dict[str, list[float]] = {"bound": [], "constant": []}
    wide: dict[str, list[float]] = {"bound": [], "constant": []}
    faces: dict[str, list[Numbers]] = {"bound": [], "constant": []}
    for _ in range(DIVISIONS):
        chosen = np.isin(group, rng.permutation(persons)[: len(persons) // 2])
        power, rates = calibration.power, np.array(calibration.rates)
        if own_shape:
            power, rates = bound_rates(
                Answers(error[chosen], signal[chosen], group[chosen].tolist()), 0.9
            )
        names, shape = group[chosen].tolist(), rates * followed(signal, power)
        constants = [
            conformal_quantile(error[chosen][:, [k]], names, 0.9) for k in range(error.shape[1])
        ]
        bounds = {
            "bound": conformal_quantile((error / shape)[chosen], names, 0.9) * shape[~chosen],
            "constant": np.broadcast_to(np.array(constants), error[~chosen].shape),
        }
        for name, bound in bounds.items():
            known = np.isfinite(error[~chosen])
            held[name].append((error[~chosen] <= bound)[known].mean())
            wide[name].append(bound.mean())
            row = np.full(len(error), np.nan)
            row[~chosen] = bound.mean(axis=1)
            faces[name].append(row)
    width = {name: np.nanmean(rows, axis=0) for name, rows in faces.items()}
    _, member = np.unique(group, return_inverse=True)
    sums = {name: np.bincount(member, values) for name, values in width.items()}
    draws = rng.integers(0, len(persons), (RESAMPLES, len(persons)))
    ratios = sums["bound"][draws].sum(axis=1) / sums["constant"][draws].sum(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    print(f"{run}: {len(error)} faces of {len(persons)} persons or images, {DIVISIONS} divisions")
    for name in held:
        print(f"  {name}: holds {np.mean(held[name]):.4f}, width {np.mean(wide[name]):.3f} px")
    ratio = sums["bound"].sum() / sums["constant"].sum()
    print(f"  width over that of a constant: {ratio:.4f} ({low:.4f} to {high:.4f})")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
