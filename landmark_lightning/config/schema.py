"""Every setting of a training: its name, its kind and what it may be.

Values stand in ``conf/``, where a comment says what each setting means. A setting that is not read
in some choice (the rates that ``phases.lr`` is shorthand for) is named in ``PASSED``.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from landmark_lightning.config.limits import (
    ABOVE_ZERO,
    ANYTHING,
    BATCH,
    FLAG,
    INSIDE,
    MAPPING,
    NAME,
    PATH,
    SHARE,
    TARGET,
    TEXT,
    VARIANT,
    WORKERS,
    Limit,
    between,
    list_of,
    named_or_target,
    number,
    one_of,
    or_null,
    rising,
    some_of,
    whole,
)  # fmt: skip
from landmark_lightning.config.read import built, room, setting, speaking_of
from landmark_lightning.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Crop:
    """``dataset.crop``: how a face's square crop is cut."""

    scale: float = setting(between(0.5, 4))
    margin: float = setting(between(1, 4))
    side: int = setting(whole(16, 1024))
    gray: str = setting(one_of("luma", "mean"))


SCHEDULE = one_of("300w", "wflw")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """``dataset``: whose faces, and how they are cropped."""

    name: str = setting(NAME)
    root: Path | None = setting(or_null(PATH))
    scheme: Any = setting(ANYTHING)
    normalizer: str | None = setting(or_null(TEXT))
    subsets: list[str] | None = setting(or_null(list_of(" of names", TEXT.holds)))
    boxes: str = setting(one_of("landmarks", "provided", "detector"))
    strict: bool = setting(FLAG)
    max_rejected: int | None = setting(or_null(whole(0)))
    exif: str | None = setting(or_null(one_of("apply", "ignore")))
    follow_links: bool = setting(FLAG)
    max_pixels: int = setting(whole(1))
    protocol: dict[str, Any] | None = setting(or_null(MAPPING))
    schedule: str = setting(SCHEDULE)
    crop: Crop = room(Crop)
    source: dict[str, Any] = built()
    detector: str | None = setting(or_null(TEXT), default=None)
    # Not given but found: digests of the FaceFile, and the names of the settings that were given.
    content: str | None = setting(or_null(TEXT), default=None)
    sets: str | None = setting(or_null(TEXT), default=None)
    given: tuple[str, ...] = setting(ANYTHING, default=())


@dataclass(frozen=True, kw_only=True)
class Data:
    """``data``: who is held out, and where the images are while training."""

    validation: Any = setting(
        or_null(
            Limit(
                f"{INSIDE.words}, the name of a subset, a text file with a photo's name a line",
                lambda v: TEXT.holds(v) or INSIDE.holds(v),
            )
        )
    )
    validation_seed: int = setting(whole(0))
    eval_batch_size: int = setting(BATCH)
    residency: str = setting(one_of("auto", "device", "host", "stream"))
    prefetch: int = setting(whole(0, 1000))
    detector_boxes: float = setting(between(0, 1), default=0)


@dataclass(frozen=True, kw_only=True)
class Even:
    """``model.balancing`` with ``refresh: none``."""

    PASSED: ClassVar[tuple[str, ...]] = (
        "score", "power", "floor", "clip_quantile", "start_epoch", "every", "fraction",
        "precision",
    )  # fmt: skip
    refresh: str = setting(one_of("none", "online", "rescore"))


@dataclass(frozen=True, kw_only=True)
class Online(Even):
    """``model.balancing`` with ``refresh: online``: LPBB's knobs."""

    PASSED: ClassVar[tuple[str, ...]] = ("every", "fraction", "precision")
    score: str = setting(one_of("total", "coordinates"))
    power: float = setting(between(0, 500))  # with more even the largest weight is none
    floor: float = setting(between(0, 1))
    clip_quantile: float | None = setting(or_null(SHARE))
    start_epoch: int = setting(whole(0))


@dataclass(frozen=True, kw_only=True)
class Rescored(Online):
    """``model.balancing`` with ``refresh: rescore``."""

    PASSED: ClassVar[tuple[str, ...]] = ()
    every: float = setting(SHARE)
    fraction: float = setting(SHARE)
    precision: str = setting(one_of("float32", "bf16", "auto"))


def balancing(value: object) -> type | None:
    """The kind of ``model.balancing``; None: a strategy of one's own."""
    if isinstance(value, dict) and "_target_" in value:
        return None
    refresh = value.get("refresh") if isinstance(value, dict) else None
    return {"online": Online, "rescore": Rescored}.get(str(refresh), Even)


COVERAGE = Limit(
    "true, false or the weight of its loss, a number above 0",
    lambda value: isinstance(value, bool) or ABOVE_ZERO.holds(value),
)


def check_coverage(coverage: object, validation: object) -> None:
    """Checks that a model that is to learn which landmarks are covered has a signal, too.

    Raises:
        UserError: It has none.
    """
    if coverage and validation is None:
        raise UserError(
            f"coverage={coverage} is a fourth output beside the validation signal, which this "
            "model lacks; pass a model with one, such as model=nobb"
        )


@dataclass(frozen=True, kw_only=True)
class Model:
    """``model``: what the signal learns, and who is drawn."""

    name: str = setting(NAME)
    validation: Any = setting(named_or_target("manhattan", "euclidean", None))
    coverage: Any = setting(COVERAGE, default=False)
    balancing: "Even | dict[str, Any]" = room(balancing)

    def __post_init__(self) -> None:
        with speaking_of("model"):
            check_coverage(self.coverage, self.validation)


NETWORK = "landmark_lightning.LandmarkNetwork"


@dataclass(frozen=True, kw_only=True)
class Network:
    """``network`` of our own ``_target_``."""

    side: int = setting(
        Limit(
            "a multiple of 16, from 16 to 1024",
            lambda v: whole(16, 1024).holds(v) and v % 16 == 0,
        )
    )
    width: int = setting(whole(1, 1024))
    hidden: int = setting(whole(1, 65536))


DECAY = one_of("constant", "cosine")


@dataclass(frozen=True, kw_only=True)
class Phase:
    """An entry of ``phases.list``."""

    loss: Any = setting(named_or_target("l2", "l1", "wing"))
    lr: float = setting(ABOVE_ZERO)
    epochs: float = setting(between(0, 1e6))
    decay: str = setting(DECAY, default="constant")


@dataclass(frozen=True, kw_only=True)
class Phases:
    """``phases``: losses and rates."""

    PASSED: ClassVar[tuple[str, ...]] = ("lr", "schedules")
    name: str = setting(NAME)
    scale: float = setting(number("above 0 and at most 1000", lambda value: 0 < value <= 1000))
    lr_scale: float = setting(ABOVE_ZERO)
    list: "list[Phase]" = room(Phase, many=True)
    warmup: float = setting(between(0, 1))
    decay: str = setting(DECAY)
    reduction: str = setting(one_of("sum", "mean"))
    gradient_clip: float | None = setting(or_null(ABOVE_ZERO))
    mean_shape: bool = setting(FLAG)
    optimizer: dict[str, Any] = built()


SHAPES = ("rectangle", "ellipse", "stripe")
PLACES = ("anywhere", "landmark", "part", "eyes")
FILLS = ("gray", "shaded", "noise", "smooth", "face")


@dataclass(frozen=True, kw_only=True)
class Occluders:
    """``augmentation.occluders``: shapes that cover parts of faces; true where any face is."""

    probability: float = setting(between(0, 1))
    last_phase: float = setting(between(0, 1), default=1.0)
    most: int = setting(whole(1, 8))
    shapes: list[str] = setting(some_of(*SHAPES))
    places: list[str] = setting(some_of(*PLACES))
    fills: list[str] = setting(some_of(*FILLS))
    size: Any = setting(rising(1))

    def __bool__(self) -> bool:
        return self.probability > 0


_FEW, _SPREAD = between(0, 10), between(0, 1)
BOX_JITTER = Limit(
    "auto, a number between 0 and 10, or a list of four numbers between 0 and 1",
    lambda v: (
        v == "auto"
        or _FEW.holds(v)
        or (isinstance(v, (list, tuple)) and len(v) == 4 and all(map(_SPREAD.holds, v)))
    ),
    ("auto",),
)


MIRROR_OFFSET = Limit(
    "auto, or a number between -0.5 and 0.5",
    lambda value: value == "auto" or between(-0.5, 0.5).holds(value),
    ("auto",),
)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """``augmentation``: how the network's input is changed at random."""

    shift: float = setting(between(0, 0.5))
    rotation: float = setting(between(0, math.pi))
    mirror: float = setting(between(0, 1))
    noise: float = setting(between(0, 1))
    blur: Any = setting(rising())
    blur_probability: float = setting(between(0, 1))
    occlusion: float = setting(between(0, 0.9))
    contrast: float = setting(between(0, 250))
    extra: Any = setting(list_of(" of mappings with a _target_", TARGET.holds))
    box_jitter: Any = setting(BOX_JITTER, default=0)
    mirror_offset: Any = setting(MIRROR_OFFSET, default=0)
    occluders: Occluders | None = room(Occluders, default=None)


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """``trainer``: of what Lightning's own takes, what this library knows more about."""

    precision: str = setting(one_of("32-true", "bf16-mixed"))
    log_every_n_steps: int = setting(whole(1))
    deterministic: Any = setting(one_of(False, True, "warn"))


@dataclass(frozen=True, kw_only=True)
class Logger:
    """``logger``: W&B and others beside metrics.csv."""

    wandb: bool = setting(FLAG)
    offline: bool = setting(FLAG)
    project: str = setting(
        Limit(
            "a name without / \\ # ? % :", lambda v: TEXT.holds(v) and not set(v) & set("/\\#?%:")
        )
    )
    tags: list[Any] = setting(list_of(""))
    pictures: int = setting(whole(0))
    also: list[str] | None = setting(
        or_null(list_of(" of tensorboard or nothing", lambda each: each == "tensorboard")),
        default=None,
    )


TARGETS = list_of(
    " of packages, such as [mypackage.]",
    lambda each: isinstance(each, str) and all(map(str.isidentifier, each.rstrip(".").split("."))),
)
THREADS = Limit("auto or a whole number, at least 1", lambda v: v == "auto" or whole(1).holds(v))


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """landmark-prepare."""

    dataset: Dataset = room(Dataset)
    data_dir: Path = setting(PATH)
    workers: int | None = setting(WORKERS)
    allow_targets: list[str] = setting(TARGETS)


@dataclass(frozen=True, kw_only=True)
class Train(Prepare):
    """landmark-train, which prepares what needs no folder itself."""

    seed: int = setting(whole(0, 2**32 - 1))
    batch_size: int = setting(BATCH)
    runs_dir: Path = setting(PATH)
    variant: str | None = setting(or_null(VARIANT), default=None)
    optimized_metric: str | None = setting(or_null(TEXT), default=None)
    init_from: Path | None = setting(or_null(PATH), default=None)
    threads: int | str = setting(THREADS, default="auto")
    compile: Any = setting(one_of(False, True, "cudagraph"))
    rerun: bool = setting(FLAG)
    callbacks: list[dict[str, Any]] = setting(
        list_of(" of mappings with a _target_", TARGET.holds)
    )
    data: Data = room(Data)
    model: Model = room(Model)
    network: dict[str, Any] = built(Network, by=NETWORK)
    phases: Phases = room(Phases)
    augmentation: Augmentation = room(Augmentation)
    trainer: dict[str, Any] = built(Trainer, by="pytorch_lightning.Trainer", more=True)
    logger: Logger = room(Logger)
