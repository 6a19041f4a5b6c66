"""FaceDataModule: a FaceFile's splits in memory, given to Lightning as whole batches."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import BatchSampler as ListBatches
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from landmark_lightning.data.balancing import LossBalancer
from landmark_lightning.data.facefile import FaceFile, FaceSplit
from landmark_lightning.data.sampling import BatchSampler

REFRESHES = ("none", "online", "rescore")

Batch = dict[str, Tensor]
"""``image`` (B,1,C,C) uint8, ``landmarks`` (B,L,2), ``normalizer`` (B,R), ``subsets`` (B,K),
``index`` (B) int64: the face's place among the faces it was drawn from."""


class ResidentFaces(Dataset[Batch]):
    """Faces of a split as tensors in memory; indexed by a tensor, it gives a whole Batch.

    Attributes:
        photo: Names of the photos.
        visible: (N, L) bool, which landmarks can be seen.
        to_photo: (N, 2, 3) float32 crop -> photo.
    """

    def __init__(self, split: FaceSplit, chosen: NDArray[np.int64] | None = None) -> None:
        rows = np.arange(len(split)) if chosen is None else chosen
        self.images = torch.from_numpy(split.images[rows])[:, None]
        self.landmarks = torch.from_numpy(split.landmarks[rows])
        self.visible = torch.from_numpy(split.visible[rows])
        self.normalizer = torch.from_numpy(split.normalizer[rows])
        self.subsets = torch.from_numpy(split.subsets[rows])
        self.to_photo = torch.from_numpy(split.to_photo[rows])
        self.photo = [split.photo[i] for i in rows]

    def __len__(self) -> int:
        return len(self.photo)

    def __getitem__(self, index: Tensor | list[int]) -> Batch:
        index = torch.as_tensor(index)
        return {
            "image": self.images[index],
            "landmarks": self.landmarks[index],
            "normalizer": self.normalizer[index],
            "subsets": self.subsets[index],
            "index": index,
        }

    def in_order(self, batch_size: int) -> "DataLoader[Batch]":
        """The faces once, in order, in batches."""
        batches = ListBatches(SequentialSampler(self.photo), batch_size, drop_last=False)
        return _loader(self, batches)


def _loader(faces: ResidentFaces, batches: Iterable[Any]) -> "DataLoader[Batch]":
    """A loader of whole batches by index.

    Its own generator keeps it from drawing a number of the global one whenever it is iterated,
    which a run that goes on from a checkpoint does at other moments than one that was never cut.
    """
    return DataLoader(faces, sampler=batches, batch_size=None, generator=torch.Generator())


def hold_out(
    group: list[str], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Takes a validation set out of the training faces, groups kept together.

    Args:
        group: (N) group of each face; a face of an empty group stands alone.
        share: Share of the faces to take out, more than 0 and less than 1.
        seed: Seed of the choice.

    Returns:
        Places of the faces that stay and of those taken out, ascending.

    Raises:
        ValueError: A share out of range, or groups that leave one side empty.
    """
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise ValueError(f"data.validation={share!r} must lie between 0 and 1")
    names = [name or f"\0{place}" for place, name in enumerate(group)]
    members: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        members.setdefault(name, []).append(place)
    order = list(members)
    np.random.default_rng(seed).shuffle(order)
    wanted = max(1, math.floor(share * len(group) + 0.5))
    taken: list[int] = []
    for name in order:
        # A group that would overshoot by more than it helps is passed over.
        if len(taken) + len(members[name]) / 2 <= wanted:
            taken += members[name]
        if len(taken) >= wanted:
            break
    held = np.array(sorted(taken), dtype=np.int64)
    kept = np.setdiff1d(np.arange(len(group)), held)
    if not len(held) or not len(kept):
        raise ValueError(
            f"data.validation={share}: {len(members)} groups of {len(group)} training faces can't "
            "be divided so; check the group column or choose another share"
        )
    return kept, held


class FaceDataModule(pl.LightningDataModule):
    """Training, validation and test faces of a FaceFile.

    The validation set is taken out of the training split; the test split serves the test alone.

    Args:
        faces: The FaceFile.
        batch_size: Faces in a training batch.
        balancing: ``refresh`` (none, online or rescore); where it is not none, the knobs of
            LossBalancer beside it. Other keys belong to the callbacks and are passed over.
        seed: Seed of the draws.
        validation: Share of the training faces held out for validation.
        validation_seed: Seed of that choice, apart from ``seed``: runs that differ only in their
            seed are compared on the same faces.
        eval_batch_size: Faces in a batch of validation and test.

    Raises:
        ValueError: A value out of range; it is named.
    """

    def __init__(
        self,
        faces: FaceFile,
        batch_size: int = 10,
        balancing: Mapping[str, Any] | None = None,
        seed: int = 0,
        validation: float = 0.1,
        validation_seed: int = 0,
        eval_batch_size: int = 64,
    ) -> None:
        super().__init__()
        if isinstance(eval_batch_size, bool) or not isinstance(eval_batch_size, int):
            raise ValueError(f"data.eval_batch_size={eval_batch_size!r} must be a whole number")
        if eval_batch_size < 1:
            raise ValueError(f"data.eval_batch_size={eval_batch_size} must be at least 1")
        if isinstance(validation_seed, bool) or not isinstance(validation_seed, int):
            raise ValueError(f"data.validation_seed={validation_seed!r} must be a whole number")
        self.faces = faces
        self.eval_batch_size = eval_batch_size
        train = faces.read("train")
        kept, held = hold_out(train.group, validation, validation_seed)
        self.train_faces = ResidentFaces(train, kept)
        self.val_faces = ResidentFaces(train, held)
        knobs = dict(balancing or {"refresh": "none"})
        refresh = knobs.pop("refresh", None)
        if refresh not in REFRESHES:
            raise ValueError(
                f"balancing.refresh={refresh!r} must be one of {', '.join(REFRESHES)}"
            )
        self.sampler: BatchSampler
        if refresh == "none":
            self.sampler = BatchSampler(len(kept), batch_size, seed)
        else:
            names = ("power", "floor", "clip_quantile", "start_epoch")
            known = {name: knobs[name] for name in names if name in knobs}
            self.sampler = LossBalancer(len(kept), batch_size, seed, **known)

    @property
    def balancer(self) -> LossBalancer:
        """The sampler as a LossBalancer.

        Raises:
            ValueError: The model draws evenly.
        """
        if not isinstance(self.sampler, LossBalancer):
            raise ValueError("balancing.refresh=none draws evenly: there are no losses to update")
        return self.sampler

    def train_dataloader(self) -> "DataLoader[Batch]":
        """Batches as the sampler draws them, one at a time: no worker runs ahead of the losses."""
        return _loader(self.train_faces, self.sampler)

    def val_dataloader(self) -> "DataLoader[Batch]":
        """The validation faces in order."""
        return self.val_faces.in_order(self.eval_batch_size)

    def state_dict(self) -> dict[str, Any]:
        """The sampler's state, for checkpoints."""
        return self.sampler.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the sampler's state from a checkpoint."""
        self.sampler.load_state_dict(state_dict)
