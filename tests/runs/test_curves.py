import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landmark_lightning.runs import curves as cell_curves
from landmark_lightning.runs.curves import (
    BINS,
    COVERAGES,
    calibration_curve,
    coverage_curves,
    error_quantiles,
    read_curves,
    sort_errors,
)
from landmark_lightning.runs.figures import discard_curve, summarize
from landmark_lightning.runs.predictions import write_records
from landmark_lightning.runs.results import Cell, find_runs, gather
from tests.made_runs import MakeRecords, made_records, write_run


def _cell(runs: Path) -> Cell:
    (cell,) = gather(find_runs(runs)[0])
    return cell


def test_coverage_keeps_what_the_score_trusts() -> None:
    error = torch.arange(100, 0, -1).double()
    curves = coverage_curves(error, {"signal": error, "prior": -error})
    kept = COVERAGES.index(20)
    assert curves["oracle"][kept] == curves["signal"][kept] == np.mean(range(1, 21))
    assert curves["prior"][kept] == np.mean(range(81, 101))
    assert all(curve[-1] == 50.5 for curve in curves.values())
    assert set(curves["random"]) == {50.5}
    few = coverage_curves(torch.tensor([1.0, 3.0]), {})
    assert few["oracle"][0] == 1.0


def test_the_ced_of_a_run(make_records: MakeRecords) -> None:
    records = make_records()
    quantiles = error_quantiles(records)
    assert (np.diff(quantiles) >= 0).all()
    share = np.interp(8.0, quantiles, np.arange(101))
    failed = summarize(records)["full"]["fr_0.08"]
    assert share == pytest.approx(100 - failed, abs=3)


def test_the_error_of_each_landmark(tmp_path: Path) -> None:
    made = [made_records(seed=seed) for seed in (0, 1)]
    for records in made:
        write_run(tmp_path, records)
    curves, unread = read_curves(_cell(tmp_path))
    assert curves is not None
    assert unread == []
    expected = [
        (r.prediction - r.target).norm(dim=-1).div(r.normalizer[:, :1]).mean(dim=0) for r in made
    ]
    assert np.allclose(curves.by_landmark, 100 * torch.stack(expected).mean(dim=0).numpy())


def test_runs_of_several_schemes_are_not_averaged(tmp_path: Path) -> None:
    write_run(tmp_path, made_records(dataset="same"))
    write_run(tmp_path, made_records(dataset="same", seed=1, scheme="ibug68"), normalizer="box")
    path = tmp_path / "same/bb/seed1/predictions.h5"
    records = made_records(dataset="same", seed=1, scheme="ibug68")
    order = [2, 3, 0, 1]
    info = replace(records.info, normalizers=tuple(records.info.normalizers[i] for i in order))
    write_records(path, replace(records, info=info, normalizer=records.normalizer[:, order]))
    curves, unread = read_curves(_cell(tmp_path))
    assert curves is not None
    assert curves.by_landmark.shape == (19,)
    assert unread == [f"figures: {path} has another scheme than the runs beside it"]


def test_a_run_without_test_faces_has_no_curves(tmp_path: Path) -> None:
    write_run(tmp_path, made_records(faces=0))
    assert read_curves(_cell(tmp_path)) == (None, [])


def test_calibration_of_a_signal_that_is_right(make_records: MakeRecords) -> None:
    records = make_records(faces=60)
    distance = (records.prediction - records.target).abs().sum(dim=-1)
    curve = calibration_curve(replace(records, signal=2 * distance))
    assert len(curve["signal"]) == BINS
    assert np.allclose(curve["signal"], 2 * curve["distance"])
    assert (np.diff(curve["signal"]) > 0).all()
    assert calibration_curve(make_records(model="non")) == {}
    assert calibration_curve(make_records(faces=1)) == {}
    unknown = replace(records, info=replace(records.info, distance="chessboard"))
    assert calibration_curve(unknown) == {}


def test_figure_4_of_a_run(make_records: MakeRecords) -> None:
    records = make_records()
    assert records.signal is not None
    panel = sort_errors(records)
    assert panel.signal is not None
    assert (np.diff(panel.error) >= 0).all()
    for values in (panel.error, panel.signal):
        assert (values.min(), values.max()) == (0, 1)
    error = (records.prediction - records.target).norm(dim=-1).flatten()
    largest = int(error.argmax())
    spread = records.signal.max() - records.signal.min()
    beside = (records.signal.flatten()[largest] - records.signal.min()) / spread
    assert panel.signal[-1] == pytest.approx(float(beside))
    assert panel.spearman == pytest.approx(summarize(records)["full"]["spearman"], abs=1e-4)
    without = sort_errors(make_records(model="non"))
    assert without.signal is None
    assert np.isnan(without.spearman)
    constant = replace(records, signal=torch.ones_like(records.signal))
    assert set(sort_errors(constant).signal) == {0.0}  # type: ignore[arg-type]


def test_a_cell_is_the_mean_of_its_seeds(tmp_path: Path) -> None:
    records = [made_records(seed=seed) for seed in (1, 0)]
    for each in records:
        write_run(tmp_path, each)
    curves, unread = read_curves(_cell(tmp_path))
    assert unread == []
    assert curves is not None
    assert (curves.seeds, curves.sorted_errors.seed) == (2, 0)
    for name in ("signal", "prior", "oracle", "random"):
        both = [discard_curve(each)[name].numpy() for each in records]
        assert np.allclose(curves.discard[name], np.mean(both, axis=0))
    assert curves.pooled["oracle"][0] < curves.pooled["signal"][0] < curves.pooled["random"][0]
    assert set(curves.faces) == {"signal", "prior", "oracle", "random"}


def test_a_file_that_can_t_be_used_is_named(tmp_path: Path) -> None:
    broken = write_run(tmp_path, made_records(seed=0)) / "predictions.h5"
    broken.write_bytes(b"nothing")
    write_run(tmp_path, made_records(seed=1))
    curves, (sentence,) = read_curves(_cell(tmp_path))
    assert curves is not None
    assert curves.seeds == 1
    assert str(broken) in sentence


def test_a_file_that_another_program_writes_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise BlockingIOError(f"{path} can't be read now")

    write_run(tmp_path, made_records())
    monkeypatch.setattr(cell_curves, "read_records", refuse)
    curves, (sentence,) = read_curves(_cell(tmp_path))
    assert curves is None
    assert sentence.endswith("predictions.h5 can't be read now")


def test_predictions_on_another_normalizer_are_not_used(tmp_path: Path) -> None:
    metrics = write_run(tmp_path, made_records()) / "metrics.json"
    content = json.loads(metrics.read_text()) | {"normalizer": "diag"}
    metrics.write_text(json.dumps(content))
    curves, (sentence,) = read_curves(_cell(tmp_path))
    assert curves is None
    assert "predictions.h5 is not on diag" in sentence
