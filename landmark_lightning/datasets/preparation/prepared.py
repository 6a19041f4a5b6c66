"""A dataset's FaceFile, found again: by the settings that it was prepared with."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from landmark_lightning.config.difference import LEFT_TO_THE_FILE, first_difference
from landmark_lightning.config.read import plain, read
from landmark_lightning.config.schema import Dataset, Train
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.source import is_rendered
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import Scheme, scheme_from, scheme_setting

UNKEPT = (
    "root", "strict", "max_rejected", "protocol", "schedule", "follow_links", "max_pixels",
    "content", "sets",
)  # fmt: skip
"""Settings of a dataset that do not decide what a face looks like in its FaceFile."""


def facefile_path(dataset: Dataset, data_dir: Path) -> Path:
    """Where a dataset's FaceFile lies."""
    return data_dir / f"{dataset.name}.h5"


def dataset_of(run: Mapping[str, Any]) -> Dataset:
    """The settings of the dataset that a run was trained on, of ``LandmarkTask.run``.

    Raises:
        UserError: They are none that a run has.
    """
    dataset = read(Dataset, run["dataset"], "dataset")
    if dataset.scheme is not None:
        scheme_from(dataset.scheme, file=False)
    return dataset


def for_training(config: Train) -> Train:
    """The settings of landmark-train, those of its dataset completed by ``as_prepared``.

    Rendered faces are wholly described by their settings, so these are not completed. Where there
    is a FaceFile, ``dataset.content`` and ``dataset.sets``, which nobody gives, are its digests.

    Raises:
        FileNotFoundError: The scheme is a file that does not exist.
        UserError: A scheme that can't be used.
    """
    dataset = _with_scheme(config.dataset)
    if not is_rendered(dataset.source, config.allow_targets):
        dataset = as_prepared(dataset, config.data_dir)
    with suppress(FileNotFoundError, UserError):  # it may be prepared later
        faces = FaceFile.open(facefile_path(dataset, config.data_dir))
        dataset = replace(dataset, content=faces.content, sets=faces.sets)
    return replace(config, dataset=dataset)


def _with_scheme(dataset: Dataset) -> Dataset:
    """A dataset's settings with its scheme as ``scheme_setting`` gives it; null stays null."""
    if dataset.scheme is None:
        return dataset
    return replace(dataset, scheme=scheme_setting(scheme_from(dataset.scheme)))


def as_prepared(dataset: Dataset, data_dir: Path) -> Dataset:
    """A dataset's settings; those that nobody gave are what its FaceFile was prepared with.

    ``dataset.given`` names those that somebody gave. The scheme is as ``scheme_setting`` gives it.
    Where there is no FaceFile, or one that can't be read, the settings are as they are.

    Raises:
        FileNotFoundError: The scheme is a file that does not exist.
        UserError: A scheme that can't be used.
    """
    dataset = _with_scheme(dataset)
    try:
        known = FaceFile.open(facefile_path(dataset, data_dir)).settings
    except (OSError, UserError):  # whoever needs it reports that
        return dataset
    completed = _completed(plain(dataset), known, dataset.given)
    return replace(read(Dataset, completed, "dataset"), given=dataset.given)


def as_in_file(dataset: Dataset, faces: FaceFile) -> Dataset:
    """A dataset's settings; those that it leaves to its FaceFile are as the file has them.

    All others must agree with the file, as ``open_prepared`` checks.
    """
    known: dict[str, Any] = {n: faces.settings[n] for n in LEFT_TO_THE_FILE if n in faces.settings}
    return replace(dataset, content=faces.content, sets=faces.sets, **known)


def _completed(
    settings: Mapping[str, Any], known: Mapping[str, Any], given: Sequence[str], above: str = ""
) -> dict[str, Any]:
    """Nested settings with what is known of them, but for what was given."""
    result = dict(settings)
    for key, value in known.items():
        now, name = settings.get(key), f"{above}{key}"
        free = now is None or not any(_touches(one, name) for one in given)
        if isinstance(now, Mapping) and isinstance(value, Mapping) and key != "scheme":
            # Another source's settings are not ours: then the file's stand as a whole.
            other = free and now.get("_target_") != value.get("_target_")
            result[key] = value if other else _completed(now, value, given, f"{name}.")
        elif free:
            result[key] = value
    return result


def _touches(given: str, name: str) -> bool:
    """Whether a dotted name is another one, above it or below it."""
    return given == name or name.startswith(f"{given}.") or given.startswith(f"{name}.")


def check_prepared(dataset: Dataset, data_dir: Path) -> Path:
    """A dataset's FaceFile, after checking that it is there.

    Raises:
        FileNotFoundError: It was not prepared.
    """
    path = facefile_path(dataset, data_dir)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; landmark-prepare writes it, or pass data_dir=<where it lies>"
        )
    return path


def open_prepared(dataset: Dataset, data_dir: Path) -> FaceFile:
    """Opens a dataset's FaceFile, which must have been prepared with the same settings.

    One that was prepared by a call from Python says no settings, so it passes.

    Raises:
        FileNotFoundError: It was not prepared.
        UserError: It is damaged, or was prepared with other settings, of which the first is named.
    """
    faces = FaceFile.open(check_prepared(dataset, data_dir))
    requested = kept_settings(dataset)
    if requested["scheme"] is not None:
        _check_same_scheme(faces, scheme_from(requested["scheme"]))
    unsaid = ["scheme", *(name for name in LEFT_TO_THE_FILE if requested.get(name) is None)]
    if faces.settings and (found := first_difference(faces.settings, requested, unsaid)):
        key, old, new = found
        raise UserError(
            f"{faces.path} was prepared with dataset.{key}={old}, now it is {new}; run "
            "landmark-prepare again or choose another dataset.name"
        )
    return faces


def _check_same_scheme(faces: FaceFile, requested: Scheme) -> None:
    """Refuses another scheme than the one that a FaceFile was prepared with."""
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


def kept_settings(dataset: Dataset) -> dict[str, Any]:
    """The settings that decide what is in the FaceFile, wherever the photos lie."""
    return {key: value for key, value in plain(dataset).items() if key not in UNKEPT}
