import math
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from inspect import signature
from typing import Any

import pytest
from hydra.utils import get_object

from landmark_lightning.config import schema
from landmark_lightning.config.compose import compose
from landmark_lightning.config.limits import ANYTHING, Limit
from landmark_lightning.config.read import check, plain, read
from landmark_lightning.datasets.facefile import CropRule
from landmark_lightning.errors import UserError
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.model.losses import COORDINATE_LOSSES, DISTANCES
from landmark_lightning.model.network import LandmarkNetwork
from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.training.balancing import Rescoring

WRONG: tuple[Any, ...] = (-1, -0.5, math.nan, math.inf, "many", [1], {"a": 1}, 10**9, None, "a/b")
KINDS = [each for each in vars(schema).values() if is_dataclass(each) and each is not Limit]
LIMITS = {
    (kind, each.name): each.metadata["limit"]
    for kind in KINDS
    for each in fields(kind)  # type: ignore[arg-type]
    if "limit" in each.metadata and each.default is MISSING
}


@pytest.mark.parametrize("model", ["non", "nobb", "bbo", "bb", "bbs", "validated"])
@pytest.mark.parametrize(
    "others",
    [
        ("phases=paper", "augmentation=paper", "dataset=300w"),
        ("phases=practical", "augmentation=mild", "dataset=wflw"),
        ("phases=paper", "dataset=aflw", "network=small", "trainer=ddp"),
    ],
)
def test_what_conf_ships_is_within_its_limits(model: str, others: tuple[str, ...]) -> None:
    config = compose(f"model={model}", *others)
    assert read(schema.Train, plain(config)) == config_without_given(config)


def config_without_given(config: schema.Train) -> schema.Train:
    return read(schema.Train, plain(config))


@pytest.mark.parametrize(("kind", "name"), LIMITS)
def test_a_wrong_value_is_named(kind: type, name: str) -> None:
    limit = LIMITS[kind, name]
    if limit is ANYTHING:
        return
    refused = [value for value in WRONG if not limit.holds(value)]
    assert len(refused) >= 2
    for value in refused:
        with pytest.raises(UserError, match="must be") as raised:
            check(kind, **{name: value})
        assert str(raised.value).startswith(f"{name}={value!r} must be {limit.words}")


@pytest.mark.parametrize(
    ("kind", "name", "good", "bad"),
    [
        (schema.Train, "batch_size", (1, 10), (0, True, 2.0, "3")),
        (schema.Train, "seed", (0, 2**32 - 1), (-1, 2**32, True)),
        (schema.Train, "workers", (None, 1), (0, 1.5)),
        (schema.Train, "compile", (True, False, "cudagraph"), (None, 1, 0, "true")),
        (schema.Train, "rerun", (True, False), ("no", 0, 1, None)),
        (schema.Train, "data_dir", ("a/b", 2024), (None, "", True, ["a"], 1.5, "a\nb")),
        (schema.Data, "validation", (0.1, 0.999, None, "pose"), (0, 1, 1.0, True, "")),
        (schema.Online, "power", (0, 0.5, 500), (-0.1, 501, True, None)),
        (schema.Online, "floor", (0, 1), (1.01, -0.01)),
        (schema.Online, "clip_quantile", (None, 1, 0.5), (0, 1.1)),
        (schema.Rescored, "every", (0.1, 1), (0, 1.5)),
        (schema.Trainer, "deterministic", (True, False, "warn"), ("maybe", None, 1)),
        (schema.Phases, "gradient_clip", (None, 5.0), (0, "5")),
        (schema.Augmentation, "rotation", (0, math.pi), (3.2,)),
        (schema.Augmentation, "blur", ([1, 2], (1.0, 1.0)), ([2, 1], [1], 3, [0, 1])),
        (schema.Augmentation, "mirror_offset", (0, -0.03, "auto"), (0.6, "a", None, True)),
        (schema.Augmentation, "box_jitter", (0, 2, "auto", [0.1, 0, 0, 1]), (-1, [1], "a", 11)),
        (schema.Data, "detector_boxes", (0, 0.5, 1), (-0.1, 1.5, "half", True)),
        (schema.Network, "side", (16, 96), (0, 8, 50, 64.0)),
        (schema.Model, "name", ("bb-power0.5", 300), ("", "a/b", "..", "a b", "a\n", True)),
        (schema.Logger, "project", ("mine",), ("a/b", "", 3)),
    ],
)
def test_the_borders(kind: type, name: str, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    for value in good:
        check(kind, **{name: value})
    for value in bad:
        with pytest.raises(UserError, match=f"{name}=.* must be"):
            check(kind, **{name: value})


def test_names_in_limits_are_those_there_are() -> None:
    pairs: tuple[tuple[type, str, Iterable[object]], ...] = (
        (schema.Phase, "loss", COORDINATE_LOSSES),
        (schema.Model, "validation", [*DISTANCES, None]),
    )
    for kind, name, known in pairs:
        assert set(LIMITS[kind, name].choices) == set(known)
    assert get_object(schema.NETWORK) is LandmarkNetwork


def _defaults() -> Iterator[tuple[str, str, Any, Any]]:
    """Class, argument, its default and the value of the setting of that name in ``conf/``."""
    config = compose("model=bb", "augmentation=paper", "network=paper", "dataset.boxes=landmarks")
    for kind, settings in (
        (CropRule, config.dataset.crop),
        (LandmarkNetwork, config.network),
        (Augmentation, config.augmentation),
        (FaceDataModule, config.data),
        (LossBalancer, config.model.balancing),
        (Rescoring, config.model.balancing),
    ):
        known = plain(settings)
        for name, argument in signature(kind).parameters.items():
            if name in known and argument.default is not argument.empty:
                yield kind.__name__, name, argument.default, known[name]


@pytest.mark.parametrize(("kind", "name", "default", "value"), list(_defaults()))
def test_a_constructor_s_default_is_conf_s(
    kind: str, name: str, default: object, value: object
) -> None:
    assert (list(default) if isinstance(default, tuple) else default) == value
