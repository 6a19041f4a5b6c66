import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from landmark_lightning.metrics.signal import (
    SIGNAL_FIGURES,
    average_ranks,
    failure_auroc,
    pearson,
    signal_distance,
    signal_figures,
    sparsification_error,
    spearman,
    surprise,
)

TIED = st.lists(st.integers(-3, 3), min_size=3, max_size=60)


def _random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


@given(TIED)
def test_average_ranks_equal_scipy_s(values: list[int]) -> None:
    ranks = average_ranks(torch.tensor(values, dtype=torch.float32))
    np.testing.assert_allclose(ranks.numpy(), scipy.stats.rankdata(values))


@given(TIED, st.integers(0, 100))
def test_correlations_equal_scipy_s(values: list[int], seed: int) -> None:
    first = torch.tensor(values, dtype=torch.float32)
    second = (3 * _random(len(values), seed=seed)).round().float()
    if len(set(first.tolist())) == 1 or len(set(second.tolist())) == 1:
        assert spearman(first, second).isnan()
        assert pearson(first, second).isnan()
        return
    expected = scipy.stats.spearmanr(first.numpy(), second.numpy()).statistic
    assert spearman(first, second).item() == pytest.approx(expected, abs=1e-9)
    expected = scipy.stats.pearsonr(first.double().numpy(), second.double().numpy()).statistic
    assert pearson(first, second).item() == pytest.approx(expected, abs=1e-9)


def test_correlations_of_nothing_are_nan() -> None:
    for size in (0, 1):
        assert spearman(torch.ones(size), torch.ones(size)).isnan()
        assert pearson(torch.ones(size), torch.ones(size)).isnan()


@given(TIED, st.integers(0, 100))
def test_auroc_counts_the_pairs_in_order(values: list[int], seed: int) -> None:
    score = torch.tensor(values, dtype=torch.float32)
    nme = 16 * _random(len(values), seed=seed)
    pairs = [
        (s > t) + 0.5 * (s == t)
        for s, failed in zip(values, (nme > 8).tolist(), strict=True)
        if failed
        for t, other in zip(values, (nme > 8).tolist(), strict=True)
        if not other
    ]
    area = failure_auroc(nme, score)
    if not pairs:
        assert area.isnan()
    else:
        assert area.item() == pytest.approx(sum(pairs) / len(pairs))


def test_a_face_without_normalizer_is_left_out_of_the_auroc() -> None:
    nme, score = torch.tensor([1.0, 9.0, torch.nan]), torch.tensor([1.0, 2.0, 0.0])
    assert failure_auroc(nme, score).item() == 1
    assert failure_auroc(nme[2:], score[2:]).isnan()


def test_signal_distance() -> None:
    prediction, target = torch.tensor([[[3.0, -4.0]]]), torch.zeros(1, 1, 2)
    assert signal_distance(prediction, target, "manhattan").tolist() == [[7.0]]
    assert signal_distance(prediction, target, "euclidean").tolist() == [[5.0]]
    for name in ("chebyshev", None):
        assert signal_distance(prediction, target, name).isnan().all()


def test_sparsification_error_against_a_loop() -> None:
    error, score = _random(40, seed=0), _random(40, seed=1)

    def curve(by: Tensor) -> list[float]:
        ordered = [e for _, e in sorted(zip(by.tolist(), error.tolist(), strict=True))]
        return [float(np.mean(ordered[: 40 - k])) for k in range(40)]

    expected = (np.mean(curve(score)) - np.mean(curve(error))) / error.mean().item()
    assert sparsification_error(error, score).item() == pytest.approx(expected)


@given(st.integers(0, 200))
def test_sparsification_error_is_least_for_the_oracle(seed: int) -> None:
    error, score = _random(30, seed=seed), _random(30, seed=seed + 1)
    area = sparsification_error(error, score).item()
    assert sparsification_error(error, 7 * error).item() == pytest.approx(0)
    assert -1e-12 <= area <= sparsification_error(error, -error).item() + 1e-12


def test_sparsification_error_without_errors_is_nan() -> None:
    assert sparsification_error(torch.zeros(5), torch.ones(5)).isnan()


def test_signal_figures_take_landmarks_faces_and_normalizers_as_said() -> None:
    error, signal, gap = _random(25, 6, seed=0), _random(25, 6, seed=1), _random(25, 6, seed=2)
    normalizer = 5 + 20 * _random(25, seed=3)
    normalized = 100 * error / normalizer[:, None]
    figures = signal_figures(error, normalized, gap, signal, normalizer)
    assert tuple(figures) == SIGNAL_FIGURES
    of_landmarks = scipy.stats.spearmanr(signal.flatten(), error.flatten()).statistic
    of_faces = scipy.stats.spearmanr(signal.mean(dim=1), error.mean(dim=1)).statistic
    assert figures["spearman"].item() == pytest.approx(of_landmarks)
    assert figures["spearman_face"].item() == pytest.approx(of_faces)
    assert figures["signal_mae"].item() == pytest.approx(gap.mean().item())
    score = signal / normalizer[:, None]
    area = sparsification_error(normalized.flatten(), score.flatten())
    assert figures["ause"].item() == pytest.approx(area.item())
    area = failure_auroc(normalized.mean(dim=1), score.mean(dim=1))
    assert figures["failure_auroc"].item() == pytest.approx(area.item())


def test_surprise_is_error_above_the_signal() -> None:
    target = torch.zeros(3, 2, 2)
    prediction = torch.tensor([3.0, 4.0]).expand(3, 2, 2)
    signal = torch.tensor([[7.0, 7.0], [1.0, 3.0], [1.0, 3.0]])
    normalizer = torch.tensor([50.0, 50.0, 0.0])
    found = surprise(prediction, target, signal, normalizer, "manhattan")
    assert found.tolist() == [0.0, 10.0, -torch.inf]
    unknown = surprise(prediction, target, signal, normalizer, "chessboard")
    assert unknown.tolist() == [-4.0, 6.0, -torch.inf]
