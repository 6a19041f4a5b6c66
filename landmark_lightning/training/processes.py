"""Starts the other processes of a run on several devices, and sees that all of them end."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import distributed

from landmark_lightning.config.read import plain
from landmark_lightning.config.schema import Train
from landmark_lightning.ending import sigterm_held_back
from landmark_lightning.errors import USER_ERRORS, UserError

RENDEZVOUS = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
"""Variables by which a process finds the others of its run."""

LAST_WORDS_SECONDS = 10.0
"""How long a process that fails may take to end."""

GRACE_SECONDS = 30.0
"""How long a process may take to end when another one of its run has failed."""


def check_ranks(trainer: pl.Trainer, batch_size: int) -> None:
    """Checks that a run on several devices is one that this library knows.

    Raises:
        UserError: Another strategy than DDP in processes of their own, or a batch that is too
            small to be shared.
    """
    if trainer.world_size == 1:
        return
    strategy = trainer.strategy
    if type(strategy) is not DDPStrategy or strategy._start_method != "popen":
        raise UserError("several devices train one run with trainer.strategy=ddp only")
    if batch_size < trainer.world_size:
        raise UserError(
            f"batch_size={batch_size} is the whole batch of all {trainer.world_size} devices and "
            "must be at least their number"
        )


@contextmanager
def companions(config: Train, trainer: pl.Trainer) -> Iterator[None]:
    """Runs a block, ``trainer.fit``, together with the run's other processes on this machine.

    Lightning would start them by the command line again, which with a multirun is all its runs.
    Where Slurm, torchrun or this function has started the processes, each is its own.

    Raises:
        ChildProcessError: One of the others failed.
    """
    if trainer.world_size == 1:
        yield
        return
    with sigterm_held_back() as noted:
        _take_sigterm_between_steps(trainer, noted)
        with _others(config, trainer):
            yield


@contextmanager
def _others(config: Train, trainer: pl.Trainer) -> Iterator[None]:
    """Starts the other processes on this machine, if they are ours to start, and ends them."""
    environment = getattr(trainer.strategy, "cluster_environment", None)
    alone = environment is None or environment.creates_processes_externally
    count = 1 if alone else trainer.num_devices
    before = {name: os.environ.get(name) for name in RENDEZVOUS}
    others: list[subprocess.Popen[bytes]] = []
    ended, threads = threading.Event(), torch.get_num_threads()
    try:
        if count > 1:
            torch.set_num_threads(max(1, threads // count))  # as Lightning does in the others
            assert environment is not None
            trainer.strategy._launcher = None
            variables = {
                "MASTER_ADDR": environment.main_address,
                "MASTER_PORT": str(environment.main_port),
                "NODE_RANK": str(environment.node_rank()),
                "WORLD_SIZE": str(trainer.world_size),
            }
            for rank in range(1, count):
                others.append(_start(config, variables | {"LOCAL_RANK": str(rank)}))
            threading.Thread(target=_watch, args=(others, ended), daemon=True).start()
        try:
            yield
        except USER_ERRORS:
            raise
        except Exception as error:
            # Most likely the connection to one that has died, which then has soon ended.
            _check(others, LAST_WORDS_SECONDS, error)
            raise
        _leave()
        _check(others, GRACE_SECONDS)
    finally:
        ended.set()
        _leave()
        torch.set_num_threads(threads)
        for other in others:
            other.kill()
            other.wait()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _take_sigterm_between_steps(trainer: pl.Trainer, noted: Callable[[], bool]) -> None:
    """Leaves SIGTERM to the broadcast that Lightning makes before each step.

    Its handler sends a broadcast of its own from wherever it interrupts, which meets whatever the
    other processes wait for: all of them hang, or die of the wrong size. One that came before it
    has its handler, which ``noted`` says, it would not know of.
    """
    connector = trainer._signal_connector
    register = connector.register_signal_handlers

    def note(*_: Any) -> None:  # noqa: ANN401
        connector.received_sigterm = True

    def registered() -> None:
        register()
        connector.received_sigterm = noted()

    connector._sigterm_notifier_fn = note  # type: ignore[assignment]
    connector.register_signal_handlers = registered  # type: ignore[method-assign]


def _start(config: Train, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    other = subprocess.Popen(
        [sys.executable, "-m", "landmark_lightning.training.rank"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | variables,
    )
    assert other.stdin is not None
    with other.stdin as pipe:
        pipe.write(json.dumps(plain(config)).encode())
    return other


def _watch(others: list[subprocess.Popen[bytes]], ended: threading.Event) -> None:
    """Ends this process where it waits for one that has failed: on a GPU it would for ever."""
    while not ended.wait(0.5):
        if any(other.poll() for other in others):
            if ended.wait(GRACE_SECONDS):
                return
            print("landmark-train: another process of the run failed", file=sys.stderr)
            for other in others:
                other.kill()
            os._exit(1)


def _check(
    others: list[subprocess.Popen[bytes]], seconds: float, cause: Exception | None = None
) -> None:
    """Waits for the others to end; raises ChildProcessError where one failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(other.poll() is None for other in others):
        time.sleep(0.05)
    for rank, other in enumerate(others, 1):
        if other.poll():
            raise ChildProcessError(
                f"process {rank} of the run's {len(others) + 1} failed; what it said stands above"
            ) from cause


def _leave() -> None:
    """Leaves the process group, so that nothing waits for a process that is gone."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
