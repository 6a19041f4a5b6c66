"""The settings of the other commands, and which schema each command has.

As in ``schema``, values stand in ``conf/``.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landmark_lightning.config.limits import (
    BATCH,
    FLAG,
    INSIDE,
    PATH,
    TEXT,
    WORKERS,
    Limit,
    one_of,
    or_null,
    whole,
)  # fmt: skip
from landmark_lightning.config.read import room, setting
from landmark_lightning.config.schema import TARGETS, Dataset, Prepare, Train


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """landmark-inspect."""

    dataset: Dataset = room(Dataset)
    data_dir: Path = setting(PATH)
    output: Path | None = setting(or_null(PATH))
    faces: int = setting(whole(1, 10_000))
    init_from: Path | None = setting(or_null(PATH))
    allow_targets: list[str] = setting(TARGETS)


COVER_NAMES = ("mask", "sunglasses", "hand", "patch")
_SEVERITY = whole(1, 5)


def _several(value: Any) -> list[Any]:  # noqa: ANN401
    """A list as it is, a range such as 1..5 written out, else the one value."""
    if isinstance(value, str) and (ends := re.fullmatch(r"([1-5])\.\.([1-5])", value)):
        return list(range(int(ends[1]), int(ends[2]) + 1))
    return value if isinstance(value, list) else [value]


def _one_or_more(words: str, each: Limit) -> Limit:
    return Limit(
        words, lambda value: all(map(each.holds, _several(value))), each.choices, _several
    )


COVER = _one_or_more(f"some of {', '.join(COVER_NAMES)}", one_of(*COVER_NAMES))
SEVERITIES = _one_or_more("severities from 1 to 5, such as 3, 1..5 or [1,5]", _SEVERITY)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """landmark-evaluate."""

    run: Path = setting(PATH)
    dataset: Dataset | None = room(lambda value: None if value is None else Dataset)
    data_dir: Path | None = setting(or_null(PATH))
    output: Path | None = setting(or_null(PATH))
    cover: list[str] = setting(COVER)
    blur: list[int] = setting(SEVERITIES)
    noise: list[int] = setting(SEVERITIES)
    dark: list[int] = setting(SEVERITIES)
    csv: bool = setting(FLAG)
    seed: int = setting(whole(0, 2**32 - 1))
    allow_targets: list[str] = setting(TARGETS)


@dataclass(frozen=True, kw_only=True)
class Report:
    """landmark-report."""

    runs: Path = setting(PATH)
    output: Path = setting(PATH)
    baseline: str | None = setting(or_null(TEXT))


@dataclass(frozen=True, kw_only=True)
class Export:
    """landmark-export."""

    run: Path = setting(PATH)
    output: Path | None = setting(or_null(PATH))
    batch: int | None = setting(or_null(BATCH))
    check: bool = setting(FLAG)
    data_dir: Path | None = setting(or_null(PATH))
    allow_targets: list[str] = setting(TARGETS)


_PERCENT = r"(100|\d\d?(\.\d+)?)%"
PERCENT = or_null(
    Limit("a share such as 30%", lambda v: isinstance(v, str) and bool(re.fullmatch(_PERCENT, v)))
)
LENGTH = or_null(
    Limit(
        "a length such as 4px, or 3% of the face's box",
        lambda v: isinstance(v, str) and bool(re.fullmatch(rf"{_PERCENT}|\d+(\.\d+)?px", v)),
    )
)

DEVICE = Limit(
    "cpu, cuda, or one of several such as cuda:1",
    lambda v: isinstance(v, str) and bool(re.fullmatch(r"cpu|mps|cuda(:\d+)?", v)),
    ("cpu", "cuda"),
)


@dataclass(frozen=True, kw_only=True)
class Predict:
    """landmark-predict."""

    run: Path = setting(PATH)
    images: str = setting(TEXT)
    boxes: str = setting(TEXT)
    detector: str = setting(TEXT)
    output: Path = setting(PATH)
    draw: bool = setting(FLAG)
    discard: str | None = setting(PERCENT)
    max_error: str | None = setting(LENGTH)
    max_bound: str | None = setting(LENGTH)
    passes: int | None = setting(or_null(whole(1, 3)))
    batch_size: int = setting(BATCH)
    workers: int | None = setting(WORKERS)
    device: str = setting(DEVICE)
    max_pixels: int = setting(whole(1))
    allow_targets: list[str] = setting(TARGETS)


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """landmark-calibrate."""

    run: Path = setting(PATH)
    dataset: Dataset | None = room(lambda value: None if value is None else Dataset)
    data_dir: Path | None = setting(or_null(PATH))
    coverage: float = setting(INSIDE)
    detector: str | None = setting(or_null(TEXT))
    allow_targets: list[str] = setting(TARGETS)


COMMANDS = {
    "prepare": Prepare, "inspect": Inspect, "train": Train, "evaluate": Evaluate,
    "report": Report, "export": Export, "predict": Predict, "calibrate": Calibrate,
}  # fmt: skip
