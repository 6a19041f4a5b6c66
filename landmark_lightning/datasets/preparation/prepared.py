"""A dataset's FaceFile, found again: by the settings that it was prepared with."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from landmark_lightning.config.compose import config_folder
from landmark_lightning.config.difference import LEFT_TO_THE_FILE, first_difference
from landmark_lightning.config.read import check_name
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.preparation.scheme import check_same_scheme
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import scheme_from, scheme_setting

_MISSING = object()


def facefile_path(dataset: Mapping[str, Any], data_dir: Path) -> Path:
    """Where a dataset's FaceFile lies.

    Raises:
        UserError: A name that can't be a file's name.
    """
    return data_dir / f"{check_name(dataset['name'], 'dataset.name')}.h5"


def for_training(config: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The settings of landmark-train, those of its dataset completed by ``as_prepared``.

    Rendered faces are what their settings say: a file of others is not theirs. What is not set but
    found, ``dataset.content`` and ``dataset.sets``, are the digests of the FaceFile that is there.

    Args:
        config: Settings that ``check_training`` has passed.
        overrides: What was given on the command line, such as ``dataset.crop.scale=2``.

    Raises:
        FileNotFoundError: The scheme is a file that does not exist.
        UserError: A scheme that can't be used.
    """
    dataset, data_dir = with_scheme(config["dataset"]), Path(str(config["data_dir"]))
    if not dataset["drawn"]:
        dataset = as_prepared(dataset, data_dir, overrides)
    with suppress(FileNotFoundError, ValueError):  # prepared later, or said by who needs it
        dataset |= FaceFile.open(facefile_path(dataset, data_dir)).marks
    return dict(config) | {"dataset": dataset}


def with_scheme(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset's settings, the scheme in them as ``scheme_setting`` gives it; null stays.

    Raises:
        FileNotFoundError: The scheme is a file that does not exist.
        UserError: A scheme that can't be used.
    """
    from landmark_lightning.schemes import scheme_from

    if dataset["scheme"] is None:
        return dict(dataset)
    return dict(dataset) | {"scheme": scheme_setting(scheme_from(dataset["scheme"]))}


def as_prepared(
    dataset: Mapping[str, Any], data_dir: Path, overrides: Sequence[str]
) -> dict[str, Any]:
    """A dataset's settings; those that nobody gave are what its FaceFile was prepared with.

    Given is what stands on the command line or differs from the dataset's own YAML file, as what
    an experiment says does.

    Args:
        dataset: The composed ``dataset`` group.
        data_dir: Folder of the FaceFiles.
        overrides: What was given on the command line.

    Returns:
        The settings, the scheme as ``with_scheme`` gives it; where there is no FaceFile, or one
        that can't be read, as they are.

    Raises:
        FileNotFoundError: The scheme is a file that does not exist.
        UserError: A scheme that can't be used.
    """
    dataset = with_scheme(dataset)
    try:
        known = FaceFile.open(facefile_path(dataset, data_dir)).settings
    except (OSError, ValueError):  # said by who needs it
        return dataset
    own = config_folder() / "dataset" / f"{dataset['choice']}.yaml"
    defaults: Any = OmegaConf.to_container(OmegaConf.load(own)) if own.is_file() else {}
    keys = (override.lstrip("+~").partition("=")[0] for override in overrides)
    given = [key.removeprefix("dataset.") for key in keys if key.startswith("dataset.")]
    return _completed(dataset, known, defaults, given)


def as_in_file(dataset: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset's settings, what they leave to its FaceFile as that has it.

    Args:
        dataset: Settings that ``open_prepared`` has found to be those of the FaceFile.
        known: The settings that the FaceFile was prepared with.
    """
    return dict(dataset) | {name: known.get(name, dataset[name]) for name in LEFT_TO_THE_FILE}


def _completed(
    settings: Mapping[str, Any],
    known: Mapping[str, Any],
    defaults: Mapping[str, Any],
    given: Sequence[str],
    above: str = "",
) -> dict[str, Any]:
    """Nested settings with what is known of them, but for what was given."""
    result = dict(settings)
    for key, value in known.items():
        now, default, name = settings.get(key), defaults.get(key, _MISSING), f"{above}{key}"
        if all(isinstance(of, Mapping) for of in (now, value, default)):
            result[key] = _completed(now, value, default, given, f"{name}.")  # type: ignore[arg-type]
        elif now is None or (now == default and not any(_touches(one, name) for one in given)):
            result[key] = value
    return result


def _touches(given: str, name: str) -> bool:
    """Whether a dotted name is another one, above it or below it."""
    return given == name or name.startswith(f"{given}.") or given.startswith(f"{name}.")


UNKEPT = (
    "root", "strict", "max_rejected", "protocol", "schedule", "follow_links", "max_pixels",
    "content", "sets",
)  # fmt: skip
"""Settings of a dataset that do not decide what a face looks like in its FaceFile."""


def open_prepared(dataset: Mapping[str, Any], data_dir: Path) -> FaceFile:
    """Opens a dataset's FaceFile, which must have been prepared with the same settings.

    One that was prepared by a call from Python says none.

    Raises:
        FileNotFoundError: It was not prepared.
        UserError: Damaged, or prepared with other settings; the first one is named.
    """
    faces = FaceFile.open(facefile_path(dataset, data_dir))
    asked = kept_settings(dataset)
    if asked["scheme"] is not None:
        check_same_scheme(faces, scheme_from(asked["scheme"]))
    unsaid = ["scheme", *(name for name in LEFT_TO_THE_FILE if asked.get(name) is None)]
    if faces.settings and (found := first_difference(faces.settings, asked, unsaid)):
        key, old, new = found
        raise UserError(
            f"{faces.path} was prepared with dataset.{key}={old}, now it is {new}; run "
            "landmark-prepare again or choose another dataset.name"
        )
    return faces


def kept_settings(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide what is in the FaceFile, wherever the photos lie."""
    return {key: value for key, value in dataset.items() if key not in UNKEPT}
