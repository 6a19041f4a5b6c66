from typing import Any, ClassVar

import pytest
from pytorch_lightning.callbacks import Callback

from landmark_lightning.samplers.batch_sampler import BatchSampler
from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.samplers.strategies import Even, Online, Rescored, Strategy, strategy_from
from landmark_lightning.training.balancing import OnlineBalancing

MODEL: dict[str, Any] = {
    "refresh": "rescore", "score": "coordinates", "power": 0.5, "floor": 0.1,
    "clip_quantile": 0.9, "start_epoch": 2, "every": 0.2, "fraction": 0.3, "precision": "auto",
}  # fmt: skip


OF_RESCORING = ("every", "fraction", "precision")


class Halfway(Strategy):
    """Half of the draws are even, the others by the losses of the training batches."""

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def sampler(self, size: int, batch_size: int, seed: int = 0) -> BatchSampler:
        """A LossBalancer."""
        return LossBalancer(size, batch_size, seed, self.power, floor=0.5)

    def callbacks(self) -> list[Callback]:
        """As bbo."""
        return [OnlineBalancing()]


class Unrefreshed(Halfway):
    """Says nothing of how its losses become known."""

    def callbacks(self) -> list[Callback]:
        """None."""
        return []


class Shared(Halfway):
    """Callbacks that know the sampler which they serve."""

    made: ClassVar[list["Shared"]] = []

    def __init__(self) -> None:
        super().__init__()
        self.made.append(self)


def test_refresh_chooses() -> None:
    even = strategy_from({"refresh": "none"})
    assert type(even) is Even
    assert type(even.sampler(8, 3, 5)) is BatchSampler
    knobs = {key: value for key, value in MODEL.items() if key not in OF_RESCORING}
    online = strategy_from(knobs | {"refresh": "online"})
    assert type(online) is Online
    rescored = strategy_from(MODEL)
    assert isinstance(rescored, Rescored)
    assert (rescored.every, rescored.fraction, rescored.precision) == (0.2, 0.3, "auto")
    for strategy in (online, rescored):
        assert strategy.score == "coordinates"
        sampler = strategy.sampler(8, 3, 5)
        assert isinstance(sampler, LossBalancer)
        assert (sampler.size, sampler.batch_size, sampler.seed) == (8, 3, 5)
        assert (sampler.power, sampler.floor) == (0.5, 0.1)
        assert (sampler.clip_quantile, sampler.start_epoch) == (0.9, 2)
    assert strategy_from({"refresh": "online"}).score == "total"


def test_one_of_ones_own_by_its_target() -> None:
    target = f"{__name__}.Halfway"
    settings = {"_target_": target, "power": 2.0}
    sampler = strategy_from(settings, ["tests."]).sampler(8, 3, 5)
    assert isinstance(sampler, LossBalancer)
    assert (sampler.power, sampler.floor) == (2.0, 0.5)
    with pytest.raises(ValueError, match="is not of a trusted package"):
        strategy_from(settings)
    with pytest.raises(ValueError, match=r"Halfway: .*unexpected keyword argument 'pwer'"):
        strategy_from({"_target_": target, "pwer": 2.0}, ["tests."])
    for given, hint in (({}, "; did you mean power$"), ({"power": 2.0}, "argument 'pwer'$")):
        with pytest.raises(ValueError, match=hint):  # what is given already was not meant
            strategy_from({"_target_": target, "pwer": 2.0, **given}, ["tests."])
    with pytest.raises(ValueError, match=r"_target_='torch\.nn\.ReLU' makes no Strategy"):
        strategy_from({"_target_": "torch.nn.ReLU"})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"refresh": "always"}, r"refresh='always' must be one of"),
        ({}, r"refresh=None must be one of"),
        (MODEL | {"score": "best"}, r"score='best' must be one of"),
        (MODEL | {"power": -1}, r"power=-1 must be"),
        (MODEL | {"every": 0}, r"every=0 must be"),
    ],
)
def test_a_wrong_setting_is_named_before_there_is_a_sampler(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        strategy_from(settings)
