"""Which scheme a dataset has: the one given, one made of landmarks' names, or its FaceFile's."""

import textwrap
from functools import partial
from pathlib import Path
from typing import Any

from landmark_lightning.config.difference import first_difference
from landmark_lightning.config.schema import Dataset
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.source import beside
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme, scheme_from, scheme_from_names


def scheme_of(
    dataset: Dataset, read: "partial[Any]", root: Path | None
) -> tuple[Scheme, str | None]:
    """The scheme of a dataset that is to be prepared.

    Where none is given, it is made of the names that the source brings for its landmarks: by the
    function ``landmark_names`` beside its ``read``, which takes the same arguments but the scheme.

    Args:
        dataset: Its settings.
        read: What ``source_of`` gives.
        root: The dataset's folder.

    Returns:
        The scheme, and lines that say what was made of the names; None where it was given.

    Raises:
        FileNotFoundError: The scheme is a file that does not exist.
        UserError: None is given and the source brings no names, or one that can't be used.
    """
    ask = beside(read, "landmark_names")
    if dataset.scheme is not None or ask is None:
        return scheme_from(dataset.scheme), None
    names = ask(root, **read.keywords)
    if not names:
        return scheme_from(None), None
    scheme = scheme_from_names(dataset.name, names)
    pairs = ", ".join(f"{scheme.names[i]} - {scheme.names[j]}" for i, j in scheme.pairs)
    told = (
        f"left and right in them make the mirror pairs {pairs}"
        if pairs
        else "there is no left and right in them, so no mirror pairs"
    )
    line = f"scheme {scheme.name} of the landmarks' names in the source; {told}"
    return scheme, textwrap.fill(line, 98, initial_indent="  ", subsequent_indent="    ")


def check_same_scheme(faces: FaceFile, requested: Scheme) -> None:
    """Checks that the scheme asked for is the one that a FaceFile was prepared with.

    Raises:
        UserError: It is another one; what differs is named.
    """
    known, key = faces.scheme, "dataset.scheme"
    old, new = (f"{scheme.name} ({scheme.landmarks} landmarks)" for scheme in (known, requested))
    if old == new:
        found = first_difference(known.to_dict(), requested.to_dict())
        if found is None:
            return
        below, old, new = found
        key = f"{key}.{below}"
    raise UserError(
        f"{faces.path} was prepared with {key}={old}, now it is {new}; leave dataset.scheme out, "
        "run landmark-prepare again or choose another dataset.name"
    )
