"""Which training faces are held out for validation: the source's own, a share, or those named."""

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.config import schema
from landmark_lightning.config.read import check
from landmark_lightning.datasets.facefile import FaceFile, FaceSplit
from landmark_lightning.documents import read_text
from landmark_lightning.errors import UserError, did_you_mean

SHARE = 0.1
"""The share held out where neither the source nor the user says more."""


@dataclass(frozen=True)
class Validation:
    """The training faces that train and those held out.

    Attributes:
        kept: (M,) int64 places in the training split of those that train, ascending.
        held: (V,) int64 places of those held out, ascending.
        source: How they were chosen, in words.
        warning: A sentence on groups that have faces on both sides; None where none has.
    """

    kept: NDArray[np.int64]
    held: NDArray[np.int64]
    source: str
    warning: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the faces held out."""
        return hashlib.sha256(self.held.tobytes()).hexdigest()


def choose_validation(faces: FaceFile, requested: float | str | None, seed: int) -> Validation:
    """Takes a validation set out of the training faces of a FaceFile.

    Args:
        faces: The FaceFile.
        requested: A share, more than 0 and less than 1, groups kept together; the name of a
            subset; a text file with a photo's name a line; or None: the faces that the source puts
            into its validation set, and where it has none the share ``SHARE``.
        seed: Seed of the choice where it is a share.

    Raises:
        FileNotFoundError: ``requested`` is neither a subset nor a file.
        UserError: There is no training face, ``requested`` is none of these, one side would be
            left empty, or no face held out has the normalizer that tables lead with.
    """
    check(schema.Data, validation=requested)
    check_named(requested, faces.subsets, faces.path)
    if not faces.faces["train"]:
        raise UserError(
            f"{faces.path} has no faces in split 'train', so there is nothing to train on; "
            "landmark-evaluate tests another run on it"
        )
    split = faces.read("train", images=False)
    if requested is None and not split.validation.any():
        requested = SHARE
    member = np.zeros(len(split), np.bool_)
    if isinstance(requested, int | float):
        member[hold_out(split.group, requested, seed)] = True
        source = f"{requested:g} of the training faces"
    elif requested is None:
        member, source = split.validation, "as the source says"
    elif requested in faces.subsets:
        member, source = split.subsets[:, faces.subsets.index(requested)], f"subset {requested}"
    else:
        member, source = _listed(faces, split, Path(requested)), f"listed in {requested}"
    chosen = f"data.validation={'null' if requested is None else requested} ({source})"
    if member.all() or not member.any():
        raise UserError(
            f"{chosen} holds out {'all' if member.all() else 'none'} of the {len(split)} training "
            f"faces of {faces.path}; pass a share, such as data.validation={SHARE}"
        )
    if not (split.normalizer[member, 0] > 0).any():
        raise UserError(
            f"{chosen} holds out {member.sum()} faces of which none has a usable "
            f"{faces.normalizers[0]}, so the best checkpoint can't be chosen by them; hold out "
            "others, or prepare with another dataset.normalizer"
        )
    held, kept = np.flatnonzero(member), np.flatnonzero(~member)
    return Validation(kept, held, source, straddling(split, member))


def check_named(requested: object, subsets: Collection[str], path: Path) -> None:
    """Checks that what ``choose_validation`` is asked for is there, where it is a name.

    Args:
        requested: As of ``choose_validation``.
        subsets: The subsets of the FaceFile.
        path: The FaceFile.

    Raises:
        FileNotFoundError: ``requested`` is neither a subset nor a file.
    """
    if isinstance(requested, str) and requested not in subsets and not Path(requested).is_file():
        known = ", ".join(subsets) or "it has none"
        raise FileNotFoundError(
            f"data.validation={requested} is neither a subset of {path} ({known}) nor a text file"
            + did_you_mean(requested, subsets)
        )


def straddling(train: FaceSplit, held: NDArray[np.bool_]) -> str | None:
    """A sentence on groups (persons, videos) with faces on both sides; None where none has.

    ``held`` (N,) says who of the N training faces is held out for validation.
    """
    group = np.array(train.group)
    both = sorted((set(group[held]) & set(group[~held])) - {""})
    if not both:
        return None
    return (
        f"{len(both)} groups stand in the training and the validation faces, such as "
        f"{str(both[0])!r}; the validation figures will be too good"
    )


def _listed(faces: FaceFile, split: FaceSplit, path: Path) -> NDArray[np.bool_]:
    """Which training faces (N,) are of a photo that a text file lists."""
    try:
        lines = read_text(path).splitlines()
    except (OSError, UserError) as error:
        raise UserError(f"data.validation={path} can't be read as text ({error})") from error
    known_photos, named = set(split.photo), set()
    for number, line in enumerate(lines, 1):
        if not (photo := line.strip()):
            continue
        if photo not in known_photos:
            # It is not quoted: somebody else's checkpoint may name any file of ours.
            raise UserError(
                f"data.validation={path} line {number} names no photo of the training faces of "
                f"{faces.path}, such as {split.photo[0]!r}"
            )
        named.add(photo)
    return np.array([photo in named for photo in split.photo])


def hold_out(group: list[str], share: float, seed: int) -> NDArray[np.int64]:
    """Takes a share of the training faces out for validation, groups kept together.

    Args:
        group: (N) group of each face; a face of an empty group stands alone.
        share: More than 0 and less than 1.
        seed: Seed of the choice.

    Returns:
        Places of the faces taken out, ascending.

    Raises:
        UserError: Groups that leave one side empty.
    """
    members: dict[str, list[int]] = {}
    for place, name in enumerate(group):
        members.setdefault(name or f"\0{place}", []).append(place)
    order = list(members)
    np.random.default_rng(seed).shuffle(order)
    count = max(1, math.floor(share * len(group) + 0.5))
    taken: list[int] = []
    for name in order:
        # A group that would overshoot by more than it helps is passed over.
        if len(taken) + len(members[name]) / 2 <= count:
            taken += members[name]
        if len(taken) >= count:
            break
    if not 0 < len(taken) < len(group):
        raise UserError(
            f"data.validation={share}: {len(members)} groups of {len(group)} training faces can't "
            "be divided so; check the group column or choose another share"
        )
    return np.array(sorted(taken), dtype=np.int64)
