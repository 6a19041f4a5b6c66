"""Origin: what a FaceFile was prepared from, and whether that is still the same.

A source may have a function ``annotations(root, ...)`` beside its ``read``, with the same
settings: it gives the names of the files under the root that decide which faces there are and
where their landmarks lie. Of these files the content is compared, of photos only the size: one
that was replaced by another of the same size is noticed only when the dataset is prepared again.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

Annotations = Callable[[Path], Iterable[str]]
"""Takes a root and gives names of files under it, with forward slashes."""


@dataclass(frozen=True)
class Origin:
    """What a FaceFile was prepared from.

    Attributes:
        root: The root as it was given; None for rendered faces.
        annotations: SHA-256 of the annotations; None where the source does not name them.
        photos: SHA-256 of the photos' names and sizes; None for rendered faces.
    """

    root: str | None = None
    annotations: str | None = None
    photos: str | None = None

    def changed(
        self, told: str | None, annotations: Annotations | None, photos: Iterable[str] | None
    ) -> str | None:
        """What has changed since then, as far as contents and sizes tell.

        Args:
            told: The root as it is given now; None: as it was given then.
            annotations: Those of the source; None where it does not name them.
            photos: Names of the photos; None: they are not looked at.

        Returns:
            A clause such as ``the annotations under /data/mine have changed``; None: nothing has
            changed.
        """
        other = told is not None and told != self.root
        place = told or self.root
        rendered = self.annotations is None and self.photos is None
        if place is None or rendered:
            return None
        root = Path(place)
        if not root.is_dir():
            return f"dataset.root={place} is no folder" if other else None
        found = {}
        if annotations is not None:
            found["annotations"] = self.annotations, annotations_digest(root, annotations)
        if photos is not None:
            found["photos"] = self.photos, photos_digest(root, photos)
        for what, (before, now) in found.items():
            if before is None or before == now:
                continue
            if now is not None:
                return f"the {what} under {place} {'are others' if other else 'have changed'}"
            if other:  # under the same root they may be gone: the FaceFile is all that it takes
                return f"the {what} are not under {place}"
        return None


def annotations_digest(root: Path, annotations: Annotations | None) -> str | None:
    """SHA-256 over the names and contents of the annotations.

    Args:
        root: The root.
        annotations: Those of the source.

    Returns:
        None where the source does not name them or one of them can't be read.
    """
    if annotations is None:
        return None
    digest = hashlib.sha256()
    try:
        for name in sorted(annotations(root)):
            with (root / name).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
    except (OSError, ValueError):
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
