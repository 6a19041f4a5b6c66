"""Whether the files that a FaceFile was prepared from are still the same."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from landmark_lightning.config.schema import Train
from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.origin import Annotations, Origin, annotations_digest
from landmark_lightning.datasets.preparation.prepared import facefile_path
from landmark_lightning.datasets.preparation.source import beside, source_of
from landmark_lightning.errors import UserError


def origin_of(read: "partial[Any]", root: Path | None) -> Origin:
    """The Origin of a dataset that is about to be prepared, its photos left out.

    Args:
        read: What ``source_of`` gives.
        root: The dataset's folder, as it was given.
    """
    if root is None:
        return Origin()
    return Origin(str(root), annotations_digest(root, _annotations(read)))


def check_origin(config: Train, photos: bool = True) -> None:
    """Checks that the files that landmark-train's FaceFile was prepared from are the same.

    Args:
        config: Settings of landmark-train.
        photos: Whether the sizes of the photos are looked at, too.

    Raises:
        UserError: They have changed.
    """
    try:
        faces = FaceFile.open(facefile_path(config.dataset, config.data_dir))
    except (FileNotFoundError, UserError):  # whoever needs it reports that
        return
    changed = changed_origin(faces, config.dataset.root, config.allow_targets, photos)
    if changed is not None:
        raise UserError(changed)


def changed_origin(
    faces: FaceFile,
    root: Path | None,
    allow_targets: Iterable[str] = (),
    photos: bool = True,
) -> str | None:
    """What has changed since a FaceFile was prepared, as far as one can see.

    Args:
        faces: The FaceFile.
        root: The dataset's folder, as it was given; None: it was not given.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.
        photos: Whether the sizes of the photos are looked at, too.

    Returns:
        A sentence that says what to do; None: nothing has changed.
    """
    told = None if root is None else str(root)
    try:
        annotations = _annotations(source_of(faces.settings["source"], allow_targets))
    except (KeyError, UserError):  # a source that is not there, or not to be trusted
        annotations = None
    names = None
    if photos:
        names = [name for split in SPLITS for name in faces.read(split, images=False).photo]
    changed = faces.origin.changed(told, annotations, names)
    if changed is None:
        return None
    if told is None or told == faces.origin.root:
        return f"{changed} since {faces.path} was prepared from them; run landmark-prepare again"
    return (
        f"{faces.path} was prepared from {faces.origin.root}, and {changed}; leave dataset.root "
        "out to use it, or prepare the other folder, under another dataset.name to keep both"
    )


def _annotations(read: "partial[Any]") -> Annotations | None:
    """The function ``annotations`` beside a source's ``read``, with the same settings."""
    found = beside(read, "annotations")
    return None if found is None else partial(found, **read.keywords)
