import pickle
from collections.abc import Callable

import pytest
import torch
from torchmetrics import Metric, MetricCollection

from landmark_lightning.metrics.signal import SIGNAL_FIGURES
from landmark_lightning.metrics.validation import (
    DiscardError,
    NormalizedMeanError,
    SignalQuality,
    with_full,
)
from landmark_lightning.runs.figures import summarize
from landmark_lightning.runs.predictions import Records

MakeRecords = Callable[..., Records]


def _metrics(records: Records) -> list[Metric]:
    names = records.info.normalizers, records.info.subset_names
    metrics: list[Metric] = [NormalizedMeanError(*names), DiscardError(*names)]
    if records.signal is not None:
        metrics.append(SignalQuality(*names, distance=records.info.distance))
    return metrics


def _update(metric: Metric, records: Records, faces: slice = slice(None)) -> None:
    metric.update(
        prediction=records.prediction[faces],
        target=records.target[faces],
        signal=None if records.signal is None else records.signal[faces],
        normalizer=records.normalizer[faces],
        subsets=records.subsets[faces],
    )


@pytest.mark.parametrize("model", ["bb", "non"])
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_batches_give_what_the_summary_gives(
    make_records: MakeRecords, model: str, missing: float
) -> None:
    records = make_records(model=model, missing=missing)
    if missing:
        records.normalizer[3] = torch.nan
    summary = summarize(records)
    figures = {}
    for metric in _metrics(records):
        for start in range(0, 40, 7):
            _update(metric, records, slice(start, start + 7))
        figures.update(metric.compute())
    expected: dict[str, float | None] = {}
    for subset, of in summary.items():
        expected |= {f"nme/{subset}/{name}": value for name, value in of["nme_by"].items()}
        for percent in ("10", "20", "30"):
            expected[f"discard_oracle_{percent}/{subset}/box"] = of["discard_oracle"][percent]
            if model == "bb":
                expected[f"discard_{percent}/{subset}/box"] = of["discard"][percent]
        if model == "bb":
            for name in SIGNAL_FIGURES:
                unit = "box" if name in ("ause", "failure_auroc") else "pixels"
                expected[f"{name}/{subset}/{unit}"] = of[name]
    for name, value in expected.items():
        if value is None:
            assert figures[name].isnan(), name
        else:
            assert figures[name].item() == pytest.approx(value, rel=1e-4), name
    random = {name for name in figures if name.startswith("discard_") and name not in expected}
    assert set(figures) - random == set(expected)
    assert len(random) == (9 if model == "non" else 0)
    for name in random:
        nme = figures[f"nme/{name.split('/')[1]}/box"].item()
        assert figures[name].item() == pytest.approx(nme, rel=0.1, nan_ok=True)


def test_reset_merge_pickle_and_collection(make_records: MakeRecords) -> None:
    records = make_records()
    for metric in _metrics(records):
        _update(metric, records, slice(20))
        half = pickle.loads(pickle.dumps(metric)).compute()
        torch.testing.assert_close(half, metric.compute(), equal_nan=True)
        metric.reset()
        _update(metric, records)
        _update(both := metric.clone(), records)
        both.reset()
        _update(both, records, slice(20))
        _update(both, records, slice(20, None))
        torch.testing.assert_close(both.compute(), metric.compute(), equal_nan=True)
    collection = MetricCollection(_metrics(records))
    collection.update(
        records.prediction, records.target, records.signal, records.normalizer, records.subsets
    )
    figures = collection.compute()
    for metric in _metrics(records):
        _update(metric, records)
        for name, value in metric.compute().items():
            torch.testing.assert_close(figures[name], value, equal_nan=True)


def test_two_ranks_add_up(make_records: MakeRecords) -> None:
    records = make_records()
    for metric in _metrics(records):
        ranks = [metric.clone(), metric.clone()]
        for rank, faces in zip(ranks, (slice(25), slice(25, None)), strict=True):
            _update(rank, records, faces)
        ranks[0].merge_state(ranks[1])
        _update(metric, records)
        torch.testing.assert_close(
            ranks[0].compute(), metric.compute(), equal_nan=True, rtol=1e-4, atol=1e-6
        )


def test_a_face_without_a_normalizer_is_left_out_of_its_figures() -> None:
    subsets = torch.tensor([[True, False], [False, True]])
    metric = NormalizedMeanError(["box", "eyes"], ["first", "second"])
    normalizer = torch.tensor([[10.0, 10.0], [10.0, 0.0]])
    metric.update(torch.ones(2, 3, 2), torch.zeros(2, 3, 2), None, normalizer, subsets)
    figures = metric.compute()
    assert {name for name, value in figures.items() if value.isnan()} == {"nme/second/eyes"}
    assert figures["nme/full/eyes"] == figures["nme/first/eyes"]


def test_a_prediction_that_is_not_finite_is_not_passed_over() -> None:
    metric = NormalizedMeanError(["box"])
    none = torch.zeros(2, 0, dtype=torch.bool)
    prediction = torch.ones(2, 3, 2)
    prediction[1] = torch.nan
    metric.update(prediction, torch.zeros(2, 3, 2), None, torch.ones(2, 1), none)
    assert metric.compute()["nme/full/box"].isnan()


def test_wrong_names_and_shapes_are_refused(make_records: MakeRecords) -> None:
    records = make_records()
    for empty in (NormalizedMeanError, DiscardError):
        with pytest.raises(ValueError, match="at least one normalizer"):
            empty([])
    with pytest.raises(ValueError, match="at least one normalizer"):
        SignalQuality([], [], "manhattan")
    with pytest.raises(ValueError, match="percent=130"):
        DiscardError(["box"], percents=[130])
    for metric in (
        NormalizedMeanError(["box"], records.info.subset_names),
        DiscardError(records.info.normalizers, ["frontal"]),
        SignalQuality(["box"], ["frontal"], "manhattan"),
    ):
        with pytest.raises(ValueError, match="expected"):
            _update(metric, records)
    quality = SignalQuality(records.info.normalizers, records.info.subset_names, "manhattan")
    with pytest.raises(ValueError, match="needs a signal"):
        _update(quality, make_records(model="non"))


def test_with_full_puts_everything_first() -> None:
    assert with_full(torch.tensor([[False], [True]])).tolist() == [[True, False], [True, True]]
    assert with_full(torch.zeros(2, 0, dtype=torch.bool)).tolist() == [[True], [True]]
