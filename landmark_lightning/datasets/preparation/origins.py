"""Whether a FaceFile still is of what it was prepared from."""

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from landmark_lightning.config.instantiate import build
from landmark_lightning.config.read import check_path
from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.origin import Annotations, Origin, annotations_digest
from landmark_lightning.datasets.preparation.prepared import facefile_path


def origin_of(read: Any, root: Path | None) -> Origin:  # noqa: ANN401
    """What is about to be prepared, but for its photos.

    Args:
        read: The source's ``read`` with its settings, as ``build`` makes a partial of it.
        root: The dataset's folder, as it was told.
    """
    if root is None:
        return Origin()
    return Origin(str(root), annotations_digest(root, _annotations(read)))


def check_origin(config: Mapping[str, Any], photos: bool = True) -> None:
    """Checks that landmark-train's FaceFile, where there is one, is of today's files.

    Args:
        config: Settings of landmark-train.
        photos: Whether the sizes of the photos are looked at, too.

    Raises:
        ValueError: It is of others.
    """
    path = facefile_path(config["dataset"], check_path(config["data_dir"], "data_dir"))
    try:
        faces = FaceFile.open(path)
    except (FileNotFoundError, ValueError):  # said by who needs it
        return
    changed = changed_origin(faces, config["dataset"], config["allow_targets"], photos)
    if changed is not None:
        raise ValueError(changed)


def changed_origin(
    faces: FaceFile,
    dataset: Mapping[str, Any],
    allow_targets: Iterable[str] = (),
    photos: bool = True,
) -> str | None:
    """What has changed since a FaceFile was prepared, as far as one can see.

    Args:
        faces: The FaceFile.
        dataset: The ``dataset`` group; of it the root counts.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.
        photos: Whether the sizes of the photos are looked at, too.

    Returns:
        A sentence that says what to do; None: nothing has.
    """
    told = None if dataset["root"] is None else str(dataset["root"])
    try:
        source = faces.settings["source"] | {"_partial_": True}
        annotations = _annotations(build(source, allow=tuple(allow_targets)))
    except (KeyError, ValueError):  # a source that is not there, or not to be trusted
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


def _annotations(read: Any) -> Annotations | None:  # noqa: ANN401
    """The function ``annotations`` beside a source's ``read``, with the same settings."""
    beside = getattr(sys.modules[read.func.__module__], "annotations", None)
    return None if beside is None else partial(beside, **read.keywords)
