"""Objective: coordinate loss of the phase, validation loss of Eq. 3; and the loss of coverage."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from landmark_lightning.config.instantiate import FUNCTIONS, build
from landmark_lightning.config.read import speaking_of
from landmark_lightning.errors import UserError, did_you_mean
from landmark_lightning.geometry import euclidean, manhattan

Distance = Callable[[Tensor, Tensor], Tensor]
"""(B, L, 2), (B, L, 2) -> (B, L) distances in pixels."""


def l2(residual: Tensor) -> Tensor:
    """r^2 / 2, the conventional loss of section 4; its descent direction is Eq. 2."""
    return residual.square() / 2


def l1(residual: Tensor) -> Tensor:
    """|r|."""
    return residual.abs()


def wing(residual: Tensor, w: float = 10.0, epsilon: float = 2.0) -> Tensor:
    """Wing loss: w ln(1 + |r| / epsilon) below w, |r| - C from w on (Feng et al., CVPR 2018).

    Args:
        residual: Any shape, input pixels.
        w: Where the logarithm ends, input pixels.
        epsilon: Limits the curvature near 0, input pixels.
    """
    size = residual.abs()
    offset = w - w * math.log1p(w / epsilon)
    return torch.where(size < w, w * torch.log1p(size / epsilon), size - offset)


COORDINATE_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {"l2": l2, "l1": l1, "wing": wing}
DISTANCES: dict[str, Distance] = {"manhattan": manhattan, "euclidean": euclidean}


def _one_of(
    known: Mapping[str, Callable[..., Tensor]],
    value: "str | Mapping[str, Any] | Callable[..., Tensor]",
    name: str,
    allow: Sequence[str],
) -> Callable[..., Tensor]:
    """A function by its name, by ``_target_`` (with ``_partial_: true``), or as it is."""
    if isinstance(value, str):
        if value not in known:
            raise UserError(
                f"{name}={value!r} must be one of {', '.join(known)}, or a mapping with a "
                f"_target_{did_you_mean(value, known)}"
            )
        return known[value]
    try:
        found = value
        if isinstance(value, Mapping):
            with speaking_of(name):
                found = build(value, kind=nn.Module, function=FUNCTIONS, allow=allow)
    except UserError as error:
        if isinstance(value, Mapping) and "_target_" in value and "_partial_" not in value:
            raise UserError(f"{error}; a function needs _partial_:true beside it") from error
        raise
    if not callable(found):
        raise UserError(f"{name}={value!r} makes nothing that can be called")
    return found


def loss_name(value: str | Mapping[str, Any] | None) -> str | None:
    """What files call a loss or a distance: its name or its ``_target_``; None without one."""
    return value["_target_"] if isinstance(value, Mapping) else value


class Objective:
    """Loss of each face, summed over its landmarks.

    For a landmark with target (gx, gy), prediction (ex, ey) and validation signal v it is
    c(gx - ex) + c(gy - ey) + (d - v)^2 / 2 with d = distance((ex, ey), (gx, gy)). The distance is
    detached: no gradient reaches x and y through it, so with c = l2 the gradient is Eq. 3 with the
    sign of descent.

    A landmark whose target is NaN is not labelled: it costs nothing and has no gradient, neither
    of x and y nor of v.

    Args:
        coordinate: l2, l1, wing, or any callable on residuals in input pixels that gives each
            its loss; by ``_target_`` (with ``_partial_: true``) in a configuration.
        distance: manhattan, euclidean, any callable (B,L,2), (B,L,2) -> (B,L), or None: no
            validation signal.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        UserError: An unknown name, or something that can't be called.
    """

    def __init__(
        self,
        coordinate: "str | Mapping[str, Any] | Callable[[Tensor], Tensor]",
        distance: str | Mapping[str, Any] | Distance | None,
        allow_targets: Sequence[str] = (),
    ) -> None:
        self.coordinate = _one_of(COORDINATE_LOSSES, coordinate, "loss", allow_targets)
        self.distance: Distance | None = None
        if distance is not None:
            self.distance = _one_of(DISTANCES, distance, "validation", allow_targets)

    def parts(self, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The coordinates' and the validation signal's loss of each face.

        Args:
            prediction: (B, L, 3), or (B, L, 2) without validation, input pixels.
            target: (B, L, 2) input pixels; NaN where a landmark is not labelled.

        Returns:
            (B,) and (B,), the second 0 without validation.
        """
        # In float32 whatever the network ran in: also a distance of the user's own.
        with torch.autocast(target.device.type, enabled=False):
            points = prediction[..., :2]
            missing = target.isnan()
            # A distance of one's own is not asked what lies between a point and nowhere.
            known = torch.where(missing, points.detach(), target)
            coordinates = self.coordinate(points - known)
            coordinates = coordinates.masked_fill(missing, 0).sum(dim=(-2, -1))
            if self.distance is None:
                return coordinates, torch.zeros_like(coordinates)
            expected = self.distance(points.detach(), known)
            validation = l2(prediction[..., 2] - expected)
            return coordinates, validation.masked_fill(missing[..., 0], 0).sum(dim=-1)

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """(B,) loss of each face; arguments as for ``parts``."""
        coordinates, validation = self.parts(prediction, target)
        return coordinates + validation


def drawing_losses(losses: Tensor, target: Tensor) -> Tensor:
    """(B,) losses by which LPBB draws faces (Eq. 1).

    A face's loss is a sum over its labelled landmarks; here it is their mean times L, so that a
    face is not drawn less often because little of it is labelled.

    Args:
        losses: (B,) of an Objective, or its coordinates' part alone.
        target: (B, L, 2); NaN where a landmark is not labelled.
    """
    labelled = (~target[..., 0].isnan()).sum(dim=-1)
    return losses * (target.shape[-2] / labelled.clamp(min=1))


def coverage_losses(logit: Tensor, covered: Tensor, target: Tensor) -> Tensor:
    """(B,) binary cross-entropy of which landmarks are covered, summed over a face's landmarks.

    Args:
        logit: (B, L) logits of a landmark being covered.
        covered: (B, L) bool, whether it is.
        target: (B, L, 2); NaN where a landmark is not labelled, which costs nothing.
    """
    with torch.autocast(target.device.type, enabled=False):
        losses = functional.binary_cross_entropy_with_logits(
            logit, covered.to(logit.dtype), reduction="none"
        )
        return losses.masked_fill(target[..., 0].isnan(), 0).sum(dim=-1)
