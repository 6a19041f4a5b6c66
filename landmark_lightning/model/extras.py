"""Extras: the user's own augmentations, refused where they would part image and landmarks."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from kornia.augmentation import AugmentationSequential, GeometricAugmentationBase2D
from kornia.augmentation.auto.operations.base import OperationBase
from kornia.augmentation.base import _BasicAugmentationBase
from kornia.augmentation.container.base import ImageSequentialBase
from torch import nn

from landmark_lightning.config.instantiate import build
from landmark_lightning.config.read import speaking_of
from landmark_lightning.errors import UserError

# Elastic, thin-plate and fisheye warps leave the landmarks where they were; a flip swaps left and
# right without renaming the landmarks (``mirror`` does both); the mixes join two faces.
REFUSED = (
    "Elastic", "ThinPlate", "Fisheye", "Flip", "MixUp", "CutMix", "Mosaic", "Jigsaw", "Transplant",
)  # fmt: skip


def extras(
    modules: Sequence[nn.Module | Mapping[str, Any]], allow: Sequence[str], side: int
) -> AugmentationSequential | None:
    """The user's own augmentations as one module on (image, landmarks).

    Args:
        modules: kornia's, or mappings with a ``_target_``; one of another kind must leave the
            image where it is.
        allow: Prefixes of ``_target_`` to trust besides the usual.
        side: Pixels S of the images.

    Returns:
        The module, on (B, 1, S, S) in [0, 1] and (B, L, 2) pixels; None where there is none.

    Raises:
        UserError: One of them would part image and landmarks, or can't change gray images; it is
            named.
    """
    built: list[Any] = []
    for place, made in enumerate(modules):
        if isinstance(made, Mapping):
            with speaking_of(f"extra[{place}]"):
                made = build(made, kind=nn.Module, parts=[nn.Module], allow=allow)
        built.append(made)
    for module in built:
        if not isinstance(module, nn.Module):
            raise UserError(f"augmentation.extra: {module!r} is no module")
        _refuse(module)
    if not built:
        return None
    extra = AugmentationSequential(*built, data_keys=["input", "keypoints"])
    try:
        with torch.random.fork_rng(devices=[]):  # so many that what comes seldom comes, too
            tried, _ = extra(torch.zeros(64, 1, side, side), torch.zeros(64, 1, 2))
    except Exception as error:  # whatever a module says of pictures that it is not made for
        names = ", ".join(type(module).__name__ for module in built)
        message = " ".join(str(error).split())
        raise UserError(
            f"augmentation.extra: {names} can't change gray images and their landmarks ({message})"
        ) from error
    if tried.shape[1:] != (1, side, side):
        raise UserError(
            f"augmentation.extra makes {tuple(tried.shape[1:])} of an image of (1, {side}, {side})"
        )
    return extra


def _refuse(module: nn.Module, around: str = "") -> None:
    """Refuses a module that would part image and landmarks, however deep inside others.

    ``around`` is the outermost module around it that is none of kornia's: that one is given images
    alone, and so is all that it holds.
    """
    name, origin = type(module).__name__, type(module).__module__
    if any(word in name for word in REFUSED):
        raise UserError(
            f"augmentation.extra: {name} would part image and landmarks"
            + ("; use augmentation.mirror" if "Flip" in name else "")
        )
    carries = isinstance(module, (ImageSequentialBase, _BasicAugmentationBase, OperationBase))
    around = around or ("" if carries else name)
    if around and (
        isinstance(module, GeometricAugmentationBase2D) or origin.startswith("kornia.geometry.")
    ):
        inside = f" inside {around}" if around != name else ""
        raise UserError(
            f"augmentation.extra: {name}{inside} would move the image and leave the landmarks; "
            "name kornia.augmentation's own modules side by side, or in an ImageSequential"
        )
    for inner in module.children():
        _refuse(inner, around)
