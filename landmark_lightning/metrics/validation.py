"""The torchmetrics of validation: the mean error, discarding and the signal, batch by batch.

All take the same batch, in which the target of a landmark that is not labelled is NaN, and leave a
face out of the figures of a normalizer that it does not have. They answer with a flat dict of
scalars named ``<figure>/<subset>/<normalizer>``, or ``<figure>/<subset>/pixels`` for a figure in
input pixels. The formulas stand with the pure functions that they call.
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
    """What the metrics share: the batch that they take, the names of normalizers and subsets."""

    is_differentiable = False
    full_state_update = False

    def __init__(self, normalizers: Sequence[str], subset_names: Sequence[str]) -> None:
        super().__init__()
        if not normalizers:
            raise ValueError("normalizers=() must name at least one normalizer")
        self.normalizers = tuple(normalizers)
        self.subset_names = ("full", *subset_names)

    def update(
        self,
        prediction: Tensor,
        target: Tensor,
        signal: Tensor | None,
        normalizer: Tensor,
        subsets: Tensor,
    ) -> None:
        """Adds a batch: (B, L, 2), (B, L, 2), (B, L) or None, (B, R), (B, K) bool."""
        for name, tensor, width in (
            ("normalizer", normalizer, len(self.normalizers)),
            ("subsets", subsets, len(self.subset_names) - 1),
        ):
            if tensor.dim() != 2 or tensor.shape[1] != width:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected (B, {width})")
        self._add(*self._of_faces(prediction, target, signal, normalizer), with_full(subsets))

    def _of_faces(
        self, prediction: Tensor, target: Tensor, signal: Tensor | None, normalizer: Tensor
    ) -> tuple[Tensor, ...]:
        """What is kept of each face of a batch."""
        raise NotImplementedError

    def _add(self, *states: Tensor) -> None:
        """Keeps what ``_of_faces`` gives, and behind it (B, 1 + K) who is in which subset."""
        raise NotImplementedError


class _FaceMean(_BySubset):
    """Means over the faces of every subset, kept as sums so that ranks and batches add up.

    ``_of_faces`` gives (B, F) figures, and in (B, F) or (B, 1) whether a face has them.
    """

    higher_is_better = False
    total: Tensor
    faces: Tensor

    def _name(self, figures: Sequence[tuple[str, str]]) -> None:
        """Names the F figures, each with the normalizer that it is on."""
        self._figures = figures
        for state in ("total", "faces"):
            nothing = torch.zeros(len(self.subset_names), len(figures))
            self.add_state(state, nothing, dist_reduce_fx="sum")

    def _add(self, *states: Tensor) -> None:
        figures, measured, subsets = states
        member = subsets[..., None] & measured[:, None]
        self.total += torch.where(member, figures[:, None], 0).sum(dim=0)
        self.faces += member.expand(-1, *self.faces.shape).sum(dim=0)

    def compute(self) -> dict[str, Tensor]:
        """The means so far."""
        means = self.total / self.faces
        return {
            f"{figure}/{subset}/{normalizer}": means[k, i]
            for k, subset in enumerate(self.subset_names)
            for i, (figure, normalizer) in enumerate(self._figures)
        }


class NormalizedMeanError(_FaceMean):
    """NME in percent for every subset and normalizer, as ``nme/<subset>/<normalizer>``.

    Args:
        normalizers: Names of the R normalizers.
        subset_names: Names of the K subsets; ``full`` is added.

    Raises:
        ValueError: No normalizer, or a batch with other normalizers or subsets than named.

    Examples:
        >>> metric = NormalizedMeanError(["box"])
        >>> prediction, target = torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2)
        >>> none = torch.zeros(1, 0, dtype=torch.bool)
        >>> metric.update(prediction, target, None, torch.tensor([[50.0]]), none)
        >>> metric.compute()
        {'nme/full/box': tensor(10.)}
    """

    def __init__(self, normalizers: Sequence[str], subset_names: Sequence[str] = ()) -> None:
        super().__init__(normalizers, subset_names)
        self._name([("nme", normalizer) for normalizer in normalizers])

    def _of_faces(
        self, prediction: Tensor, target: Tensor, signal: Tensor | None, normalizer: Tensor
    ) -> tuple[Tensor, ...]:
        lengths = normalizer.unbind(dim=1)
        nme = [normalized_mean_error(prediction, target, length) for length in lengths]
        return torch.stack(nme, dim=1), measurable(target, normalizer)


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

    Examples:
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
        super().__init__(normalizers, subset_names)
        for percent in percents:
            discard_count(1, percent)
        self.percents = tuple(percents)
        kinds = ("discard", "discard_oracle")
        self._name([(f"{kind}_{p}", normalizers[0]) for kind in kinds for p in self.percents])

    def _of_faces(
        self, prediction: Tensor, target: Tensor, signal: Tensor | None, normalizer: Tensor
    ) -> tuple[Tensor, ...]:
        error = normalized_error(prediction, target, normalizer[:, 0])
        if signal is None:
            by_signal = random_discard_error(error, self.percents)
        else:
            by_signal = discard_error(error, signal, self.percents)
        oracle = discard_error(error, error, self.percents)
        return torch.cat([by_signal, oracle], dim=1), measurable(target, normalizer[:, :1])


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

    _STATES = ("error", "normalized", "gap", "signal", "normalizer", "subsets")

    def __init__(
        self, normalizers: Sequence[str], subset_names: Sequence[str], distance: str | None
    ) -> None:
        super().__init__(normalizers, subset_names)
        self.distance = distance
        for state in self._STATES:
            self.add_state(state, [], dist_reduce_fx="cat")

    def _of_faces(
        self, prediction: Tensor, target: Tensor, signal: Tensor | None, normalizer: Tensor
    ) -> tuple[Tensor, ...]:
        if signal is None:
            raise ValueError("SignalQuality needs a signal; a model without one has no quality")
        primary = normalizer[:, 0]
        gap = (signal - signal_distance(prediction, target, self.distance)).abs()
        error = landmark_error(prediction, target)
        return error, normalized_error(prediction, target, primary), gap, signal, primary

    def _add(self, *states: Tensor) -> None:
        for name, state in zip(self._STATES, states, strict=True):
            getattr(self, name).append(state)

    def compute(self) -> dict[str, Tensor]:
        """The figures of the faces so far."""
        # On the CPU, since not every accelerator has float64.
        *tensors, member = (dim_zero_cat(getattr(self, name)).cpu() for name in self._STATES)
        figures = {}
        for k, subset in enumerate(self.subset_names):
            chosen = (tensor[member[:, k]] for tensor in tensors)
            for name, value in signal_figures(*chosen).items():
                in_normalizer = name in ("ause", "failure_auroc")
                unit = self.normalizers[0] if in_normalizer else "pixels"
                figures[f"{name}/{subset}/{unit}"] = value.float().to(self.device)
        return figures
