"""Offsets of labels: by how much all of them lie beside the point, to the same side.

Vectors are in **percent** of the face's normalizer, x to the right and y down. A landmark that is
not labelled has a target of NaN and counts in nothing.

Along x a mirror shows them. Annotators who put every label b to the right of the point do so on a
mirrored picture, too, and so does the network that learned from them: on a mirrored face it errs
by its own b and by that of the labels, which the mirror has turned to the left.
"""

import torch
from torch import Tensor

from landmark_lightning.metrics.nme import normalized_mean_error


def error_vectors(prediction: Tensor, target: Tensor, normalizer: Tensor) -> Tensor:
    """Mean vector from a face's labels to its predictions, in percent of its normalizer.

    Args:
        prediction: (N, L, 2) in any pixels.
        target: (N, L, 2) in the same pixels.
        normalizer: (N,) length of each face in the same pixels.

    Returns:
        (N, 2) x and y; NaN where the length is not finite and positive, or no landmark labelled.

    Examples:
        >>> error_vectors(torch.tensor([[[3.0, 4.0]]]), torch.zeros(1, 1, 2), torch.tensor([50.0]))
        tensor([[6., 8.]])
    """
    usable = normalizer.isfinite() & (normalizer > 0)
    length = torch.where(usable, normalizer, torch.nan)
    return 100 * (prediction - target).nanmean(dim=1) / length[:, None]


def error_less_mean(prediction: Tensor, target: Tensor, normalizer: Tensor) -> Tensor:
    """NME of each face in percent, less the mean vector.

    All predictions are moved by the same share of the normalizer, the mean of ``error_vectors``:
    what is left compares a network with labels whose makers put the points at another place.

    Args:
        prediction: (N, L, 2) in any pixels.
        target: (N, L, 2) in the same pixels.
        normalizer: (N,) length of each face in the same pixels.

    Returns:
        (N,); NaN as in ``normalized_mean_error``.

    Examples:
        >>> prediction = torch.tensor([[[3.0, 4.0]], [[3.0, 2.0]]])
        >>> error_less_mean(prediction, torch.zeros(2, 1, 2), torch.tensor([50.0, 50.0]))
        tensor([2., 2.])
    """
    mean = error_vectors(prediction, target, normalizer).nanmean(dim=0) / 100
    moved = prediction - mean * normalizer[:, None, None]
    return normalized_mean_error(moved, target, normalizer)


def mean_and_error(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of (N,) values and its standard error, NaN left out.

    Examples:
        >>> mean_and_error(torch.tensor([1.0, 3.0, torch.nan, 1.0, 3.0]))
        (tensor(2.), tensor(0.5774))
    """
    known = values[~values.isnan()]
    mean, count = known.mean(), len(known)
    return mean, ((known - mean).square().sum() / (count - 1) / count).sqrt()


def label_offset(
    prediction: Tensor, mirrored: Tensor, target: Tensor, normalizer: Tensor
) -> Tensor:
    """How far a face's labels lie to the right of where picture and mirrored picture say.

    Whatever offset the network has learned itself, the mean of its two answers is without it.

    Args:
        prediction: (N, L, 2) predictions in any pixels.
        mirrored: (N, L, 2) those of the mirrored faces, taken back to the faces as they are.
        target: (N, L, 2) in the same pixels.
        normalizer: (N,) length of each face in the same pixels.

    Returns:
        (N,) in percent of the normalizer; NaN as in ``error_vectors``.

    Examples:
        >>> found, mirrored = torch.tensor([[[31.0, 9.0]]]), torch.tensor([[[29.0, 9.0]]])
        >>> label_offset(found, mirrored, torch.tensor([[[31.0, 9.0]]]), torch.tensor([50.0]))
        tensor([2.])
    """
    return -error_vectors((prediction + mirrored) / 2, target, normalizer)[:, 0]
