"""What the plain settings of a training may be: one table.

The classes that take a setting go by it, and so do the commands before they load anything heavy,
so that a wrong value is said at once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """What a setting must be.

    Attributes:
        words: It, to follow "must be".
        holds: Whether a value is so.
    """

    words: str
    holds: Callable[[Any], bool]


def _whole(least: int) -> Limit:
    def holds(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= least

    return Limit(f"a whole number of at least {least}", holds)


def _number(words: str, inside: Callable[[float], bool]) -> Limit:
    def holds(value: object) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and math.isfinite(value) and inside(value)  # type: ignore[arg-type]

    return Limit(f"a number {words}", holds)


def _between(low: float, high: float) -> Limit:
    return _number(f"between {low:g} and {high:g}", lambda value: low <= value <= high)


def _choice(*names: object) -> Limit:
    def holds(value: object) -> bool:
        return any(value is name or (isinstance(name, str) and value == name) for name in names)

    words = ", ".join(str(name).lower() if isinstance(name, bool) else str(name) for name in names)
    return Limit(f"one of {words}", holds)


def _or_null(limit: Limit) -> Limit:
    return Limit(f"{limit.words}, or null", lambda value: value is None or limit.holds(value))


_ABOVE_ZERO = _number("above 0", lambda value: value > 0)
_AT_LEAST_ZERO = _number("of at least 0", lambda value: value >= 0)
_INSIDE = _number("above 0 and below 1", lambda value: 0 < value < 1)
_SHARE = _number("above 0 and at most 1", lambda value: 0 < value <= 1)
_FLAG = Limit("true or false", lambda value: isinstance(value, bool))
_VALIDATION = Limit(
    "a number above 0 and below 1, the name of a subset, a text file with a photo's name a line, "
    "or null",
    lambda value: (
        value is None or (isinstance(value, str) and value != "") or _INSIDE.holds(value)
    ),
)
_DECAY = _choice("constant", "cosine")

LIMITS: dict[str, Limit] = {
    "batch_size": _whole(1),
    "workers": _or_null(_whole(1)),
    "compile": _choice(False, True, "cudagraph"),
    "rerun": _FLAG,
    "data.validation": _VALIDATION,
    "data.validation_seed": _whole(0),
    "data.eval_batch_size": _whole(1),
    "data.residency": _choice("auto", "device", "host", "stream"),
    "data.prefetch": _whole(0),
    "model.balancing.refresh": _choice("none", "online", "rescore"),
    "model.balancing.score": _choice("total", "coordinates"),
    "model.balancing.power": _between(0, 500),  # with more even the largest weight is none
    "model.balancing.floor": _between(0, 1),
    "model.balancing.clip_quantile": _or_null(_SHARE),
    "model.balancing.start_epoch": _whole(0),
    "model.balancing.every": _SHARE,
    "model.balancing.fraction": _SHARE,
    "model.balancing.precision": _choice("float32", "bf16", "auto"),
    "network.side": _whole(1),
    "network.width": _whole(1),
    "network.hidden": _whole(1),
    "phases.scale": _ABOVE_ZERO,
    "phases.lr_scale": _ABOVE_ZERO,
    "phases.warmup": _between(0, 1),
    "phases.decay": _DECAY,
    "phases.reduction": _choice("sum", "mean"),
    "phases.gradient_clip": _or_null(_ABOVE_ZERO),
    "phases.mean_shape": _FLAG,
    "augmentation.shift": _between(0, 0.5),
    "augmentation.rotation": _between(0, math.pi),
    "augmentation.mirror": _between(0, 1),
    "augmentation.noise": _between(0, 1),
    "augmentation.blur_probability": _between(0, 1),
    "augmentation.occlusion": _between(0, 0.9),
    "augmentation.contrast": _between(0, 250),
    "trainer.precision": _choice("32-true", "bf16-mixed"),
    "trainer.log_every_n_steps": _whole(1),
    "trainer.deterministic": _choice(False, True, "warn"),
    "logger.wandb": _FLAG,
    "logger.offline": _FLAG,
    "logger.pictures": _whole(0),
    "dataset.drawn": _FLAG,
    "dataset.strict": _FLAG,
    "dataset.max_rejected": _or_null(_whole(0)),
    "dataset.exif": _or_null(_choice("apply", "ignore")),
    "dataset.follow_links": _FLAG,
    "dataset.max_pixels": _whole(1),
}
"""By a setting's dotted name."""

OF_RESCORING = ("every", "fraction", "precision")
NETWORK = "landmark_lightning.LandmarkNetwork"

OF_A_PHASE: dict[str, Limit] = {
    "loss": _choice("l2", "l1", "wing"),
    "lr": _ABOVE_ZERO,
    "epochs": _AT_LEAST_ZERO,
    "decay": _DECAY,
}
"""Of the entries of ``phases.list``; all but ``decay`` must be there."""


def check(name: str, value: Any, limits: Mapping[str, Limit] = LIMITS) -> Any:  # noqa: ANN401
    """A setting's value, checked.

    Args:
        name: Dotted name of the setting, one of ``limits``.
        value: Its value.
        limits: The table to go by.

    Returns:
        The value.

    Raises:
        ValueError: It is not what it must be.
    """
    if not limits[name].holds(value):
        where = "phases.list: " if limits is OF_A_PHASE else ""
        raise ValueError(f"{where}{name}={value!r} must be {limits[name].words}")
    return value


def check_count(value: object, name: str, least: int) -> Any:  # noqa: ANN401
    """A value that must be a whole number of at least ``least``.

    Raises:
        ValueError: It is anything else.
    """
    return check(name, value, {name: _whole(least)})


def check_flag(value: object, name: str) -> Any:  # noqa: ANN401
    """A value that must be true or false.

    Raises:
        ValueError: It is anything else, such as the text ``no``.
    """
    return check(name, value, {name: _FLAG})


def check_phases(phases: Any) -> Any:  # noqa: ANN401
    """``phases.list``, checked.

    Raises:
        ValueError: It is no list of phases; what is wrong is named.
    """
    if not isinstance(phases, Sequence) or isinstance(phases, str) or not phases:
        raise ValueError(f"phases.list={phases!r} must be a list of {{loss, lr, epochs}}")
    for phase in phases:
        if not isinstance(phase, Mapping):
            raise ValueError(f"phases.list: {phase!r} must be {{loss, lr, epochs}}")
        if unknown := phase.keys() - OF_A_PHASE.keys():
            known = ", ".join(OF_A_PHASE)
            raise ValueError(f"phases.list: {min(unknown)!r} is unknown; a phase is {known}")
        if missing := OF_A_PHASE.keys() - {"decay"} - phase.keys():
            raise ValueError(f"phases.list: {dict(phase)} lacks {min(missing)!r}")
        for name, value in phase.items():
            check(name, value, OF_A_PHASE)
    return phases


def check_all(config: Mapping[str, Any]) -> None:
    """Checks every plain setting that a composed configuration of landmark-train has.

    Raises:
        ValueError: The first one that is wrong; it is named.
    """
    for name in LIMITS:
        value: Any = config
        for key in name.split("."):
            value = value.get(key, _ABSENT) if isinstance(value, Mapping) else _ABSENT
        if value is not _ABSENT and _is_read(name, config):
            check(name, value)
    if isinstance(config.get("phases"), Mapping):
        check_phases(config["phases"].get("list"))


_ABSENT = object()


def _is_read(name: str, config: Mapping[str, Any]) -> bool:
    """Whether a training of these settings reads one: another network or model may not."""
    room, _, knob = name.rpartition(".")
    if room == "network":
        return bool(config["network"].get("_target_") == NETWORK)
    if room == "model.balancing":
        balancing = config["model"]["balancing"]
        refresh = "none" if "_target_" in balancing else balancing.get("refresh")
        return refresh != "none" and (refresh == "rescore" or knob not in OF_RESCORING)
    return True
