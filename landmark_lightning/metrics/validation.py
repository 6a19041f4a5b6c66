"""The torchmetrics of validation: the mean error, discarding and the signal, batch by batch.

All take the same batch, in which the target of a landmark that is not labelled is NaN, and leave a
face out of the figures of a normalizer that it does not have. They answer with a flat dict of
scalars named
``<figure>/<subset>/<normalizer>``, or ``<figure>/<subset>/pixels`` for a figure in input pixels.
The formulas stand with the pure functions that they call.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from landmark_lightning.metrics.discarding import (
    DISCARD_PERCENTS,
    discard_count,
    discard_error,
    random_discard_error,
)
from landmark_lightning.metrics.nme import (
    landmark_error,
    measurable,
    normalized_error,
    normalized_mean_error,
)
from landmark_lightning.metrics.signal import signal_distance, signal_figures


def with_full(subsets: Tensor) -> Tensor:
    """Puts the whole set, ``full``, before the subsets: (N, K) bool to (N, K + 1) bool."""
    return torch.cat([subsets.new_ones(len(subsets), 1), subsets], dim=1)


class _BySubset(Metric):
    """What the metrics share: the names of their normalizers and subsets."""

    is_differentiable = False
    full_state_update = False

    def __init__(self, normalizers: Sequence[str], subset_names: Sequence[str]) -> None:
        super().__init__()
        if not normalizers:
            raise ValueError("normalizers=() must name at least one normalizer")
        self.normalizers = tuple(normalizers)
        self.subset_names = ("full", *subset_names)

    def _check(self, normalizer: Tensor, subsets: Tensor) -> None:
        for name, tensor, width in (
            ("normalizer", normalizer, len(self.normalizers)),
            ("subsets", subsets, len(self.subset_names) - 1),
        ):
            if tensor.dim() != 2 or tensor.shape[1] != width:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected (B, {width})")


class _FaceMean(_BySubset):
    """Means over the faces of every subset, kept as sums so that ranks and batches add up."""

    higher_is_better = False
    total: Tensor
    faces: Tensor

    def __init__(
        self, normalizers: Sequence[str], subset_names: Sequence[str], figures: int
    ) -> None:
        super().__init__(normalizers, subset_names)
        shape = (len(self.subset_names), figures)
        self.add_state("total", torch.zeros(shape), dist_reduce_fx="sum")
        self.add_state("faces", torch.zeros(shape), dist_reduce_fx="sum")

    def _add(self, figures: Tensor, subsets: Tensor, measured: Tensor) -> None:
        """Adds (B, F) figures of faces of (B, K) subsets, where (B, F) or (B, 1) says so."""
        member = with_full(subsets)[..., None] & measured[:, None]
        self.total += torch.where(member, figures[:, None], 0).sum(dim=0)
        self.faces += member.expand(-1, *self.faces.shape).sum(dim=0)

    def _means(self) -> Tensor:
        return self.total / self.faces


class NormalizedMeanError(_FaceMean):
    """NME in percent for every subset and normalizer, as ``nme/<subset>/<normalizer>``.

    Args:
        normalizers: Names of the R normalizers.
        subset_names: Names of the K subsets; ``full`` is added.

    Raises:
        ValueError: No normalizer, or a batch with other normalizers or subsets than named.

    Example:
        >>> metric = NormalizedMeanError(["box"])
        >>> prediction, target = torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2)
        >>> none = torch.zeros(1, 0, dtype=torch.bool)
        >>> metric.update(prediction, target, None, torch.tensor([[50.0]]), none)
        >>> metric.compute()
        {'nme/full/box': tensor(10.)}
    """

    def __init__(self, normalizers: Sequence[str], subset_names: Sequence[str] = ()) -> None:
        super().__init__(normalizers, subset_names, figures=len(normalizers))

    def update(
        self,
        prediction: Tensor,
        target: Tensor,
        signal: Tensor | None,
        normalizer: Tensor,
        subsets: Tensor,
    ) -> None:
        """Adds a batch: (B, L, 2), (B, L, 2), unused, (B, R), (B, K) bool."""
        self._check(normalizer, subsets)
        lengths = normalizer.unbind(dim=1)
        nme = [normalized_mean_error(prediction, target, length) for length in lengths]
        self._add(torch.stack(nme, dim=1), subsets, measurable(target, normalizer))

    def compute(self) -> dict[str, Tensor]:
        """The means so far."""
        means = self._means()
        return {
            f"nme/{subset}/{normalizer}": means[k, r]
            for k, subset in enumerate(self.subset_names)
            for r, normalizer in enumerate(self.normalizers)
        }


class DiscardError(_FaceMean):
    """NME in percent after discarding, on the first normalizer.

    Named ``discard_<percent>/<subset>/<normalizer>`` by the signal (at random for a model without
    one) and ``discard_oracle_<percent>/<subset>/<normalizer>`` by the true error.

    Args:
        normalizers: Names of the R normalizers.
        subset_names: Names of the K subsets; ``full`` is added.
        percents: P shares of each face's landmarks to discard, in percent.

    Raises:
        ValueError: No normalizer, a percent outside 0..100, or a batch with other normalizers or
            subsets than named.

    Example:
        >>> metric = DiscardError(["box"], percents=[50])
        >>> prediction = torch.tensor([[[0.0, 1.0], [0.0, 3.0]]])
        >>> none = torch.zeros(1, 0, dtype=torch.bool)
        >>> signal, normalizer = torch.tensor([[2.0, 1.0]]), torch.tensor([[100.0]])
        >>> metric.update(prediction, torch.zeros(1, 2, 2), signal, normalizer, none)
        >>> metric.compute()
        {'discard_50/full/box': tensor(3.), 'discard_oracle_50/full/box': tensor(1.)}
    """

    def __init__(
        self,
        normalizers: Sequence[str],
        subset_names: Sequence[str] = (),
        percents: Sequence[float] = DISCARD_PERCENTS,
    ) -> None:
        super().__init__(normalizers, subset_names, figures=2 * len(percents))
        for percent in percents:
            discard_count(1, percent)
        self.percents = tuple(percents)

    def update(
        self,
        prediction: Tensor,
        target: Tensor,
        signal: Tensor | None,
        normalizer: Tensor,
        subsets: Tensor,
    ) -> None:
        """Adds a batch: (B, L, 2), (B, L, 2), (B, L) or None, (B, R), (B, K) bool."""
        self._check(normalizer, subsets)
        error = normalized_error(prediction, target, normalizer[:, 0])
        if signal is None:
            by_signal = random_discard_error(error, self.percents)
        else:
            by_signal = discard_error(error, signal, self.percents)
        oracle = discard_error(error, error, self.percents)
        figures = torch.cat([by_signal, oracle], dim=1)
        self._add(figures, subsets, measurable(target, normalizer[:, :1]))

    def compute(self) -> dict[str, Tensor]:
        """The means so far."""
        means = self._means()
        names = [f"{kind}_{p}" for kind in ("discard", "discard_oracle") for p in self.percents]
        return {
            f"{name}/{subset}/{self.normalizers[0]}": means[k, i]
            for k, subset in enumerate(self.subset_names)
            for i, name in enumerate(names)
        }


class SignalQuality(_BySubset):
    """``signal_figures`` for every subset, as ``<figure>/<subset>/<unit>``.

    The unit is the first normalizer for ``ause`` and ``failure_auroc``, else ``pixels``.

    Args:
        normalizers: Names of the R normalizers.
        subset_names: Names of the K subsets; ``full`` is added.
        distance: What the signal is trained for; see ``signal_distance``.

    Raises:
        ValueError: No normalizer, a batch with other normalizers or subsets than named, or one
            without signal.
    """

    error: list[Tensor]
    normalized: list[Tensor]
    gap: list[Tensor]
    signal: list[Tensor]
    normalizer: list[Tensor]
    subsets: list[Tensor]

    def __init__(
        self, normalizers: Sequence[str], subset_names: Sequence[str], distance: str | None
    ) -> None:
        super().__init__(normalizers, subset_names)
        self.distance = distance
        for state in ("error", "normalized", "gap", "signal", "normalizer", "subsets"):
            self.add_state(state, [], dist_reduce_fx="cat")

    def update(
        self,
        prediction: Tensor,
        target: Tensor,
        signal: Tensor | None,
        normalizer: Tensor,
        subsets: Tensor,
    ) -> None:
        """Adds a batch: (B, L, 2), (B, L, 2), (B, L), (B, R), (B, K) bool."""
        if signal is None:
            raise ValueError("SignalQuality needs a signal; a model without one has no quality")
        self._check(normalizer, subsets)
        primary = normalizer[:, 0]
        self.error.append(landmark_error(prediction, target))
        self.normalized.append(normalized_error(prediction, target, primary))
        self.gap.append((signal - signal_distance(prediction, target, self.distance)).abs())
        self.signal.append(signal)
        self.normalizer.append(primary)
        self.subsets.append(with_full(subsets))

    def compute(self) -> dict[str, Tensor]:
        """The figures of the faces so far."""
        states = (self.error, self.normalized, self.gap, self.signal, self.normalizer)
        # On the CPU, since not every accelerator has float64.
        tensors = [dim_zero_cat(state).cpu() for state in states]
        member = dim_zero_cat(self.subsets).cpu()
        figures = {}
        for k, subset in enumerate(self.subset_names):
            chosen = (tensor[member[:, k]] for tensor in tensors)
            for name, value in signal_figures(*chosen).items():
                in_normalizer = name in ("ause", "failure_auroc")
                unit = self.normalizers[0] if in_normalizer else "pixels"
                figures[f"{name}/{subset}/{unit}"] = value.float().to(self.device)
        return figures
