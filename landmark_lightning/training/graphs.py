"""compile=true and compile=cudagraph: fewer kernels, or one replayed graph of a whole step.

``compile_network`` is torch.compile of the network's forward, in place: weights keep their names,
so checkpoints are those of any run.

``GraphedTask`` makes a step static: fixed shapes, fixed addresses, nothing read on the host. After
a few ordinary steps CUDA records one and replays it for all that follow: draw, gather,
augmentation, forward, backward, clipping, optimizer and the update of bbo's losses. Steps of a new
phase or batch size run as they are until they too have run a few times. Where the images are not
on the device, draw, gather and update stay ordinary calls before and after.

**The capture was never run by us on CUDA hardware.** On a CPU the tests record the operations of a
step and replay them, which ends in the weights of an ordinary training.
"""

import random
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from landmark_lightning.errors import UserError
from landmark_lightning.loading.device_batches import DeviceDraws
from landmark_lightning.loading.faces import Batch
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.training.balancing import OnlineBalancing, datamodule_of

WARM_UP = 3
"""Ordinary steps before a capture, which let the libraries choose their algorithms."""


def captures(device: torch.device) -> bool:
    """Whether steps on a device can be recorded and replayed."""
    return device.type == "cuda"


def host_generators() -> tuple[object, ...]:
    """Where the host's random generators are."""
    _, keys, place, *_ = np.random.get_state()  # noqa: NPY002
    ours = torch.get_rng_state().numpy().tobytes()
    return ours, random.getstate(), np.asarray(keys).tobytes(), place


def compile_network(network: nn.Module) -> None:
    """Compiles a network's forward in place; it happens at its first batch.

    Raises:
        UserError: torch.compile does not work here.
    """
    new = float(time.time_ns() % 2**40)  # else a cached kernel would hide a missing compiler
    try:
        torch.compile(lambda values: values * new + 1)(torch.zeros(8))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"compile=true needs a C++ compiler that works ({reason:.120}); install one such as "
            "g++, or pass compile=false"
        ) from error
    network.compile()


@dataclass(eq=False)
class StaticStep:
    """One training step whose tensors stay where they are.

    Args:
        task: The task, in its current phase.
        optimizer: Its optimizer.
        batch: A batch of the shapes to come.
        clip: Largest norm of the gradient; None: any.
        draws: Where the step draws and gathers its batch, or None: each batch is given to it.
        balancer: The balancer that the step updates; None: it updates none.
        capturing: Whether to capture the step when it has run a few times.
    """

    task: LandmarkTask
    optimizer: torch.optim.Optimizer
    batch: Batch
    clip: float | None
    draws: DeviceDraws | None = None
    balancer: LossBalancer | None = None
    capturing: bool = False

    def __post_init__(self) -> None:
        places = ("image", "landmarks", "visible", "normalizer", "offset")
        needed = () if self.draws is not None else places
        self.faces = len(self.batch["index"])
        self.batch = {
            name: torch.empty_like(self.batch[name]) for name in needed if name in self.batch
        }
        self.outputs: dict[str, Tensor] = {}
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm = 0

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Makes the step; the results are overwritten by the next one."""
        for name, place in self.batch.items():
            place.copy_(batch[name], non_blocking=True)
        if self.graph is not None:
            self.graph.replay()
        elif not self.capturing:
            self.compute()
        elif self.warm < WARM_UP - 1:
            self._compute_aside()
        elif self.warm < WARM_UP:
            self._rehearse()
        else:
            self._capture()
        return self.outputs

    def compute(self) -> None:
        """The step itself, as it is captured."""
        device = self.task.device.type
        batch = self.batch if self.draws is None else self.draws.batch(self.faces)
        self.optimizer.zero_grad(set_to_none=True)
        # A cache of cast weights would outlive the graph's memory.
        with torch.autocast(
            device,
            dtype=torch.get_autocast_dtype(device),
            enabled=torch.is_autocast_enabled(device),
            cache_enabled=False,
        ):
            outputs = self.task.losses(self.task.to_input(batch))
        with torch.autocast(device, enabled=False):  # else it would round gradients as well
            outputs["loss"].backward()
            if self.clip is not None:
                nn.utils.clip_grad_norm_(self.task.network.parameters(), self.clip)
            self.optimizer.step()
        self.outputs = {name: value.detach() for name, value in outputs.items()}
        if self.balancer is not None:
            self.balancer.update(batch["index"], self.outputs["drawing"])

    def _compute_aside(self) -> None:
        """An ordinary step on a stream of its own, as a capture asks for."""
        main, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(main)
        with torch.cuda.stream(side):
            self.compute()
        main.wait_stream(side)
        self.warm += 1

    def _rehearse(self) -> None:
        """The last ordinary step, which tells whether a replay would do the same.

        A capture that failed would leave torch's generator and stream unusable.
        """
        before = host_generators()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                self._compute_aside()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        reasons = [str(each.message) for each in caught if "synchroniz" in str(each.message)]
        if host_generators() != before:
            reasons.append("it draws random numbers on the host")
        if reasons:
            reason = reasons[0].strip().splitlines()[0]
            print(f"compile=cudagraph: this step can't be captured ({reason:.120}); it runs as is")
            self.capturing = False

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        try:
            with torch.cuda.graph(graph):
                self.compute()
        except RuntimeError as error:
            reason = str(error.__context__ or error).strip().splitlines()[0]
            raise UserError(
                f"compile=cudagraph: this step can't be captured ({reason:.120}); pass "
                "compile=false"
            ) from error
        self.graph = graph
        graph.replay()


class GraphedTask(LandmarkTask):
    """A LandmarkTask whose steps are static, and on CUDA replayed from a graph."""

    @property  # type: ignore[misc]
    def automatic_optimization(self) -> bool:
        """Lightning leaves the optimizer to ``training_step``."""
        return False

    def on_fit_start(self) -> None:
        """Forgets the graphs of an earlier training, and takes over who draws."""
        self.static: dict[tuple[int, int], StaticStep] = {}
        self.capturing = captures(self.device)
        if self.trainer.scaler is not None:
            raise UserError("compile=cudagraph: trainer.precision must be 32-true or bf16-mixed")
        if self.trainer.world_size > 1:
            raise UserError("compile=cudagraph trains on one device; pass trainer.devices=1")
        datamodule, self.draws = datamodule_of(self.trainer), None
        if torch.are_deterministic_algorithms_enabled():
            reason = "CUDA's sums are not deterministic"
        else:
            self.draws = datamodule.draw_on(self.device, in_step=True)
            reason = f"the images are not on the device ({datamodule.residency})"
        if self.draws is None:
            print(f"compile=cudagraph: {reason}, so draw and gather are not captured")
        callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        online = [each for each in callbacks if isinstance(each, OnlineBalancing)]
        self.online = online[0] if online and self.draws is not None else None
        if self.online is not None:
            self.online.in_step = True

    def on_fit_end(self) -> None:
        """Gives back what ``on_fit_start`` took over."""
        datamodule_of(self.trainer).draw_on_host()
        if self.online is not None:
            self.online.in_step = False
        self.static, self.draws, self.online = {}, None, None  # they hold the card's memory

    def on_train_start(self) -> None:
        """Puts the optimizer's settings as a graph wants them again: a checkpoint has its own."""
        super().on_train_start()
        self._make_capturable(self.trainer.optimizers[0])

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Leaves a training batch to the step, which takes it to the input itself."""
        return batch if self.training else super().on_after_batch_transfer(batch, dataloader_idx)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """One step; its results are overwritten by the next."""
        optimizer: Any = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        phase, size = self.schedule.index(self.global_step), len(batch["index"])
        step = self.static.get((phase, size))
        if step is None:
            # Graphs of a phase that is over would hold memory.
            self.static = {key: kept for key, kept in self.static.items() if key[0] == phase}
            step = StaticStep(
                self,
                optimizer.optimizer,
                batch,
                self.gradient_clip,
                self.draws,
                None if self.online is None else datamodule_of(self.trainer).balancer,
                self.capturing,
            )
            self.static[phase, size] = step
        # LightningOptimizer counts the steps; its own way to make one can't be replayed.
        optimizer._on_before_step()
        outputs = step(batch)
        self.capturing = step.capturing  # what one can't, the others can't either
        optimizer._on_after_step()
        scheduler: Any = self.lr_schedulers()
        scheduler.step()
        return outputs

    def _build_optimizer(self) -> torch.optim.Optimizer:
        optimizer = super()._build_optimizer()
        self._make_capturable(optimizer)
        return optimizer

    def _make_capturable(self, optimizer: torch.optim.Optimizer) -> None:
        """Lets a graph read the rate from the device, and so the counters of Adam's kind."""
        if not captures(self.device):
            return
        for group in optimizer.param_groups:
            group["lr"] = torch.as_tensor(group["lr"], device=self.device)
            if "capturable" in group:
                group["capturable"] = True
        for state in optimizer.state.values():
            if "step" in state:
                state["step"] = torch.as_tensor(state["step"], device=self.device)
