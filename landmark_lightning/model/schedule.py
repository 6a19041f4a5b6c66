"""Phases: which coordinate loss and learning rate apply at which step of a training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from landmark_lightning.config import schema
from landmark_lightning.config.read import check, read
from landmark_lightning.config.schema import Phase
from landmark_lightning.errors import UserError
from landmark_lightning.model.losses import loss_name


class Schedule:
    """Phases laid out over steps; the total is rounded up to whole epochs.

    A phase that is scaled to less than half a step is left out.

    Args:
        phases: The phases in order, mappings of ``loss``, ``lr``, ``epochs`` and, if
            wanted, ``decay``.
        steps_per_epoch: Batches in an epoch.
        scale: Stretches or shrinks every phase.
        warmup: Share of all steps over which the rate rises linearly from nearly 0.
        decay: ``constant``, or ``cosine``: every rate is multiplied by a cosine that falls from 1
            after the warm-up to 0 at the end.
        lr_scale: Multiplies every phase's rate.

    Raises:
        UserError: No phases, or a value out of range; it is named.
    """

    def __init__(
        self,
        phases: Sequence[Mapping[str, Any]],
        steps_per_epoch: int,
        scale: float = 1.0,
        warmup: float = 0.0,
        decay: str = "constant",
        lr_scale: float = 1.0,
    ) -> None:
        check(schema.Phases, scale=scale, warmup=warmup, decay=decay, lr_scale=lr_scale)
        if not isinstance(phases, Sequence) or isinstance(phases, str) or not phases:
            raise UserError(f"list={phases!r} must be a list of mappings")
        given = [read(Phase, phase, f"list[{place}]") for place, phase in enumerate(phases)]
        self.phases = [replace(phase, lr=phase.lr * lr_scale) for phase in given]
        self.warmup = warmup
        self.decay = decay
        self.steps_per_epoch = steps_per_epoch
        lengths = [phase.epochs * scale for phase in self.phases]
        # A hair under, so that 0.1 + 0.2 epochs is not 1 epoch more than 0.3.
        self.epochs = max(1, math.ceil(sum(lengths) - 1e-9))
        self.total_steps = self.epochs * steps_per_epoch
        self.ends = [round(sum(lengths[: k + 1]) * steps_per_epoch) for k in range(len(lengths))]
        # What the rounding to whole epochs adds belongs to the last phase that is not left out.
        kept = [k for k, length in enumerate(lengths) if length * steps_per_epoch >= 0.5]
        last = kept[-1] if kept else lengths.index(max(lengths))
        self.ends[last:] = [self.total_steps] * (len(self.ends) - last)

    def index(self, step: int) -> int:
        """Which phase a step (counted from 0) belongs to."""
        return next((k for k, end in enumerate(self.ends) if step < end), len(self.ends) - 1)

    def in_last_phase(self, step: int) -> bool:
        """Whether a step belongs to the last of several phases; there is none of a single one."""
        last = self.index(self.total_steps - 1)
        return self.index(0) < last == self.index(step)

    def phase(self, step: int) -> Phase:
        """The phase that a step belongs to."""
        return self.phases[self.index(step)]

    def lr(self, step: int) -> float:
        """The learning rate of a step."""
        index = self.index(step)
        rate = self.phases[index].lr
        if self.phases[index].decay == "cosine":
            start = self.ends[index - 1] if index else 0
            rate *= _cosine((step - start) / max(1, self.ends[index] - start))
        rising = self.warmup * self.total_steps
        if step < rising:
            return rate * (step + 1) / (rising + 1)
        if self.decay == "cosine":
            rate *= _cosine((step - rising) / max(1.0, self.total_steps - rising))
        return rate

    def describe(self) -> str:
        """One line, such as ``l2 10 epochs at 0.001``, but for phases too short for a step."""
        return ", ".join(
            f"{loss_name(phase.loss)} {(end - start) / self.steps_per_epoch:.4g} epochs "
            f"at {phase.lr:g}"
            for phase, start, end in self._stretches()
        )

    def taken(self, steps: int) -> dict[str, Any]:
        """What metrics.json says of a training that took so many steps.

        Returns:
            ``epochs`` and ``planned_steps`` that it was to take, ``epochs_trained`` and ``steps``
            that it took, and ``phases_reached``: ``loss``, ``lr``, ``steps`` and ``planned_steps``
            of each phase that it took a step of.
        """
        return {
            "epochs": self.epochs,
            "epochs_trained": round(steps / self.steps_per_epoch, 2),
            "steps": steps,
            "planned_steps": self.total_steps,
            "phases_reached": [
                {
                    "loss": loss_name(phase.loss),
                    "lr": phase.lr,
                    "steps": min(steps, end) - start,
                    "planned_steps": end - start,
                }
                for phase, start, end in self._stretches()
                if steps > start
            ],
        }

    def shortfall(self, steps: int) -> str | None:
        """What a training that took so many steps lacks, in a sentence; None: nothing."""
        if steps >= self.total_steps:
            return None
        missed = [
            f"{loss_name(phase.loss)} at {phase.lr:g}"
            for phase, start, _ in self._stretches()
            if steps <= start
        ]
        never = f" and never reached {', '.join(missed)}" if missed else ""
        return f"the training ended after {steps} of {self.total_steps} steps{never}"

    def _stretches(self) -> list[tuple[Phase, int, int]]:
        """The phases that have a step, each with its first step and the one after its last."""
        starts = [0, *self.ends[:-1]]
        found = zip(self.phases, starts, self.ends, strict=True)
        return [(phase, start, end) for phase, start, end in found if end > start]


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * min(1.0, progress))) / 2
