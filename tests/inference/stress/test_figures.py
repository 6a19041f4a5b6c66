import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.inference.stress.figures import SCORES, condition_figures
from landmark_lightning.metrics.nme import COVERED, VISIBLE
from tests.made_runs import made_records


def test_a_condition_that_does_nothing() -> None:
    records = made_records()
    figures = condition_figures(records, records.prediction, records.signal)
    assert figures["faces"] == len(records.photo)
    assert figures["rise"] == {"error": 1.0, "signal": 1.0}
    assert figures["nme"] == figures["clean"]["nme"]
    assert figures["covered"] is figures["nme_covered"] is figures["nme_uncovered"] is None
    assert figures["auroc"] == dict.fromkeys(SCORES)
    oracle, signal, prior = (
        figures[name]["30"] for name in ("discard_oracle", "discard", "discard_prior")
    )
    assert figures["closed"]["within"] == pytest.approx((prior - signal) / (prior - oracle))


@given(seed=st.integers(0, 20), share=st.floats(0.2, 0.8), missing=st.sampled_from([0.0, 0.1]))
def test_covered_and_uncovered_landmarks_make_the_whole(
    seed: int, share: float, missing: float
) -> None:
    """Landmarks that the labels call covered count in neither, missing ones in nothing."""
    records = made_records(seed=seed, faces=1, missing=missing)
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.rand(records.visible.shape, generator=generator) < share
    hidden |= records.visible == COVERED
    figures = condition_figures(records, records.prediction, records.signal, hidden=hidden)
    known = records.visible > 0
    count = (hidden & known).sum().item(), (~hidden & (records.visible == VISIBLE)).sum().item()
    parts = [figures[name] or 0.0 for name in ("nme_covered", "nme_uncovered")]
    whole = sum(n * part for n, part in zip(count, parts, strict=True)) / sum(count)
    assert whole == pytest.approx(figures["nme"])
    assert figures["covered"] == pytest.approx(count[0] / known.sum().item())


def test_errors_and_signals_under_a_cover() -> None:
    """The network errs twice as much and says so, on covered landmarks alone."""
    records = made_records()
    assert records.signal is not None
    hidden = torch.zeros(records.visible.shape, dtype=torch.bool)
    hidden[:, ::2] = True
    error = (records.prediction - records.target).nan_to_num(0) * (1 + hidden[..., None].float())
    points, signal = records.target.nan_to_num(0) + error, records.signal + 100 * hidden
    coverage = hidden.float() + 0.1 * torch.rand(hidden.shape)
    figures = condition_figures(records, points, signal, hidden=hidden, coverage=coverage)
    assert figures["nme_covered"] == pytest.approx(2 * figures["clean"]["nme_covered"], rel=1e-4)
    assert figures["nme_uncovered"] == pytest.approx(figures["clean"]["nme_uncovered"], rel=1e-4)
    assert figures["auroc"]["signal"] == figures["auroc"]["coverage"] == 1.0
    assert 1 < figures["rise"]["error"] < 2 < figures["rise"]["signal"]


def test_faces_that_can_t_be_covered_are_left_out() -> None:
    records = made_records()
    faces = torch.arange(len(records.photo)) < 10
    hidden = torch.ones(records.visible.shape, dtype=torch.bool)
    points = records.prediction.clone()
    points[10:] += 1000
    figures = condition_figures(records, points, records.signal, faces, hidden)
    assert figures["faces"] == 10
    assert figures["nme"] == figures["clean"]["nme"] == figures["nme_covered"]
    assert figures["nme_uncovered"] is figures["auroc"]["signal"] is None


def test_a_model_without_a_signal() -> None:
    records = made_records(model="non")
    hidden = torch.zeros(records.visible.shape, dtype=torch.bool)
    hidden[:, :3] = True
    figures = condition_figures(records, records.prediction, None, hidden=hidden)
    assert figures["discard"] == {"30": None}
    assert figures["closed"] == {"within": None}
    assert figures["rise"] == {"error": 1.0, "signal": None}
    assert figures["auroc"]["signal_over_prior"] is None is figures["auroc"]["coverage"]
    assert figures["auroc"]["prior"] is not None
