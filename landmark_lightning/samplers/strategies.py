"""How a training draws its faces: Even, Online (bbo), Rescored (bb and bbs), or one's own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from landmark_lightning.config.instantiate import build
from landmark_lightning.config.limits import OF_RESCORING, check
from landmark_lightning.samplers.batch_sampler import BatchSampler
from landmark_lightning.samplers.loss_balancer import LossBalancer


class Strategy(ABC):
    """How a training draws its faces; one of your own is a subclass that settings can name.

    If it needs callbacks, such as OnlineBalancing, it has a method ``callbacks()`` that returns a
    list of them; a subclass of Online or Rescored trains with theirs unless it has one, too.

    Attributes:
        score: The loss of a face that it is drawn by: ``total``, or that of its ``coordinates``
            alone.
    """

    score = "total"

    @abstractmethod
    def sampler(self, size: int, batch_size: int, seed: int = 0) -> BatchSampler:
        """The sampler of a training: a BatchSampler or LossBalancer, or a subclass of them.

        Args:
            size: Number of training faces.
            batch_size: Faces in a batch.
            seed: Seed of the draws.
        """


class Even(Strategy):
    """Every face once an epoch, in random order."""

    def sampler(self, size: int, batch_size: int, seed: int = 0) -> BatchSampler:
        """A BatchSampler."""
        return BatchSampler(size, batch_size, seed)


class Online(Strategy):
    """bbo: by loss (LPBB), refreshed by the training batches themselves.

    Args:
        score: As of Strategy.
        **knobs: ``power``, ``floor``, ``clip_quantile`` and ``start_epoch``, as of LossBalancer.

    Raises:
        ValueError: A value out of range; it is named.
    """

    settings: tuple[str, ...] = ("score", "power", "floor", "clip_quantile", "start_epoch")

    def __init__(self, score: str = "total", **knobs: Any) -> None:  # noqa: ANN401
        self.score = check("model.balancing.score", score)
        self._make = LossBalancer.knobs(**knobs)

    def sampler(self, size: int, batch_size: int, seed: int = 0) -> BatchSampler:
        """A LossBalancer."""
        return self._make(size, batch_size, seed)


class Rescored(Online):
    """bb and bbs: by loss (LPBB), faces scored anew on a schedule.

    Args:
        every: Share of an epoch between rescorings; the paper's is 0.1.
        fraction: Share of the training faces that a rescoring scores, the oldest losses first.
        precision: Of rescoring: ``float32``, ``bf16`` or ``auto``.
        **others: As of Online.

    Raises:
        ValueError: A value out of range; it is named.
    """

    settings = (*Online.settings, *OF_RESCORING)

    def __init__(
        self,
        every: float = 0.1,
        fraction: float = 1.0,
        precision: str = "float32",
        **others: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**others)
        self.every: float = check("model.balancing.every", every)
        self.fraction: float = check("model.balancing.fraction", fraction)
        self.precision: str = check("model.balancing.precision", precision)


def strategy_from(settings: Mapping[str, Any], allow_targets: Sequence[str] = ()) -> Strategy:
    """The strategy that the settings ``model.balancing`` mean.

    Args:
        settings: ``refresh`` (none, online or rescore) and arguments of Even, Online or Rescored,
            others being passed over; or the ``_target_`` of a Strategy and its arguments.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        ValueError: A value out of range, which is named, or a target that is no Strategy.
    """
    if "_target_" not in settings:
        refresh = check("model.balancing.refresh", settings.get("refresh"))
        if refresh == "none":
            return Even()
        kind = Online if refresh == "online" else Rescored
        return kind(**{name: settings[name] for name in kind.settings if name in settings})
    # A command line adds the target to the model's own settings, whose refresh has no say then.
    given = {name: value for name, value in settings.items() if name != "refresh"}
    strategy = build(given, allow=allow_targets)
    if not isinstance(strategy, Strategy):
        raise ValueError(f"model.balancing: {settings['_target_']} is no Strategy")
    return strategy
