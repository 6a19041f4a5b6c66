"""How a training draws its faces: Even, Online (bbo), Rescored (bb and bbs), or one's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from landmark_lightning.config import schema
from landmark_lightning.config.instantiate import build
from landmark_lightning.config.read import check
from landmark_lightning.samplers.batch_sampler import BatchSampler, MakeSampler
from landmark_lightning.samplers.loss_balancer import LossBalancer


class Strategy:
    """How a training draws its faces; one of your own is a subclass that settings can name.

    A strategy may have a method ``callbacks()``, which returns a list of the callbacks that it
    trains with, such as OnlineBalancing. Without one, a subclass of Online or Rescored trains with
    theirs, and any other with none.

    Attributes:
        sampler: Called with three whole numbers, the training faces, the faces in a batch and the
            seed, it returns a BatchSampler or a LossBalancer. A class, a function or a method.
        score: Which loss of a face it is drawn by: ``total``, or that of its ``coordinates``
            alone.
    """

    sampler: MakeSampler
    score = "total"


class Even(Strategy):
    """Every face once an epoch, in random order."""

    sampler: MakeSampler = BatchSampler


class Online(Strategy):
    """bbo: by loss (LPBB), refreshed by the training batches themselves.

    Args:
        score: As of Strategy.
        **knobs: ``power``, ``floor``, ``clip_quantile`` and ``start_epoch``, as of LossBalancer.

    Raises:
        UserError: A value out of range; it is named.
    """

    def __init__(self, score: str = "total", **knobs: Any) -> None:  # noqa: ANN401
        check(schema.Online, score=score)
        self.score = score
        self.sampler = LossBalancer.knobs(**knobs)


class Rescored(Online):
    """bb and bbs: by loss (LPBB), faces scored anew on a schedule.

    Args:
        every: Share of an epoch between rescorings; the paper's is 0.1.
        fraction: Share of the training faces that a rescoring scores, the oldest losses first.
        precision: Of rescoring: ``float32``, ``bf16`` or ``auto``.
        **others: As of Online.

    Raises:
        UserError: A value out of range; it is named.
    """

    def __init__(
        self,
        every: float = 0.1,
        fraction: float = 1.0,
        precision: str = "float32",
        **others: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**others)
        check(schema.Rescored, every=every, fraction=fraction, precision=precision)
        self.every, self.fraction, self.precision = every, fraction, precision


KINDS = {"none": Even, "online": Online, "rescore": Rescored}
"""By ``model.balancing.refresh``."""


def strategy_from(settings: Mapping[str, Any], allow_targets: Sequence[str] = ()) -> Strategy:
    """The strategy that the settings ``model.balancing`` mean.

    Args:
        settings: ``refresh`` (none, online or rescore) and arguments of Even, Online or Rescored;
            or the ``_target_`` of a Strategy and its arguments.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Raises:
        UserError: A value out of range, which is named, or a target that is no Strategy.
    """
    if "_target_" in settings:
        strategy: Strategy = build(settings, kind=Strategy, has=["sampler"], allow=allow_targets)
        return strategy
    knobs = dict(settings)
    check(schema.Even, refresh=knobs.get("refresh"))
    return KINDS[knobs.pop("refresh")](**knobs)
