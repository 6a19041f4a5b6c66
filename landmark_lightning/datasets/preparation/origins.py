"""Whether the files that a FaceFile was prepared from are still the same.

A source may have a function ``annotations(root, ...)`` beside its ``read``, with the same
settings: it gives the names of the files under the root that decide which faces there are and
where their landmarks lie. Of these files the content is compared, of photos only the size: one
that was replaced by another of the same size is noticed only when the dataset is prepared again.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from landmark_lightning.config.schema import Train
from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile import FaceFile, Origin
from landmark_lightning.datasets.preparation.prepared import facefile_path
from landmark_lightning.datasets.preparation.source import function_beside, source_of
from landmark_lightning.errors import UserError

Annotations = Callable[[Path], Iterable[str]]
"""Takes a root and gives names of files under it, with forward slashes."""


def check_origin(config: Train, photos: bool = True) -> None:
    """Checks that the files that landmark-train's FaceFile was prepared from are the same.

    It warns where the annotations can't be compared, since their reader is not trusted.
    ``photos`` says whether their sizes are looked at, too.

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
    if faces.origin.annotations is not None:
        try:
            _annotations(faces, config.allow_targets)
        except UserError as error:
            print(
                f"  Warning: whether the annotations of {faces.path} have changed since it was "
                f"prepared can't be seen: {error}"
            )


def changed_origin(
    faces: FaceFile, root: Path | None, allow_targets: Iterable[str] = (), photos: bool = True
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
        annotations = _annotations(faces, allow_targets)
    except UserError:
        annotations = None
    names = None
    if photos:
        names = [name for split in SPLITS for name in faces.read(split, images=False).photo]
    changed = changed_files(faces.origin, told, annotations, names)
    if changed is None:
        return None
    if told is None or told == faces.origin.root:
        return f"{changed} since {faces.path} was prepared from them; run landmark-prepare again"
    return (
        f"{faces.path} was prepared from {faces.origin.root}, and {changed}; leave dataset.root "
        "out to use it, or prepare the other folder, under another dataset.name to keep both"
    )


def _annotations(faces: FaceFile, allow_targets: Iterable[str]) -> Annotations | None:
    """The ``annotations`` of a FaceFile's source, if trusted; None where it has none."""
    if "source" not in faces.settings:  # prepared by a call from Python
        return None
    return function_beside(source_of(faces.settings["source"], allow_targets), "annotations")


def changed_files(
    origin: Origin, told: str | None, annotations: Annotations | None, photos: Iterable[str] | None
) -> str | None:
    """What has changed since a FaceFile was prepared, as far as contents and sizes tell.

    ``told`` is the root as it is given now, None as it was given then; of ``annotations`` and
    ``photos`` (names) what is None is not looked at. Gives a clause such as ``the annotations
    under /data/mine have changed``; None: nothing has changed.
    """
    other = told is not None and told != origin.root
    place = told or origin.root
    rendered = origin.annotations is None and origin.photos is None
    if place is None or rendered:
        return None
    root = Path(place)
    if not root.is_dir():
        return f"dataset.root={place} is no folder" if other else None
    found = {}
    if annotations is not None:
        found["annotations"] = origin.annotations, annotations_digest(root, annotations)
    if photos is not None:
        found["photos"] = origin.photos, photos_digest(root, photos)
    for what, (before, now) in found.items():
        if before is None or before == now:
            continue
        if now is not None:
            return f"the {what} under {place} {'are others' if other else 'have changed'}"
        if other:  # under the same root they may be gone: the FaceFile is all that it takes
            return f"the {what} are not under {place}"
    return None


def annotations_digest(root: Path, annotations: Annotations | None) -> str | None:
    """SHA-256 over the names and contents of a source's annotations under a root.

    None where the source does not name them, or one of them can't be read.
    """
    if annotations is None:
        return None
    digest = hashlib.sha256()
    try:
        for name in sorted(annotations(root)):
            if not (root / name).is_file():  # a pipe would never end
                return None
            with (root / name).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
    except (OSError, TypeError, ValueError):
        return None
    return digest.hexdigest()


def photos_digest(root: Path, photos: Iterable[str]) -> str | None:
    """SHA-256 over the names and sizes of photos; None where one of them can't be found."""
    digest = hashlib.sha256()
    try:
        for name in sorted(set(photos)):
            size = os.stat(f"{root}/{name}").st_size  # noqa: PTH116 (twice as fast)
            digest.update(f"{name}\0{size}\n".encode(errors="surrogateescape"))
    except (OSError, ValueError):
        return None
    return digest.hexdigest()
