import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from landmark_lightning.training import threads
from landmark_lightning.training.threads import choices, measured, set_threads, threads_put_back
from tests.console import TINY, Command, weights

QUIET = (*TINY, "logger.wandb=false")


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Torch with two threads, which nobody has chosen."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with threads_put_back():
        torch.set_num_threads(2)
        yield


@pytest.mark.parametrize(
    ("cores", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_what_is_tried(cores: int, expected: list[int]) -> None:
    assert choices(cores) == expected


def test_the_rate_is_that_of_each_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "TURN_SECONDS", 0.02)
    state = torch.get_rng_state()

    def step() -> None:
        torch.rand(1)
        time.sleep(0.001 if torch.get_num_threads() == 2 else 0.01)

    with threads_put_back():
        rates = measured(step, [1, 2])
    assert rates[1] <= 100
    assert rates[2] > 2 * rates[1]
    assert torch.equal(torch.get_rng_state(), state)


def slow_with_two(step: Callable[[], object], counts: list[int]) -> dict[int, float]:
    step()
    return dict(zip(counts, (2.0, 1.0), strict=True))


@pytest.mark.usefixtures("two_cores")
def test_a_run_trains_with_the_fastest_and_goes_on_with_it(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = command("train", *QUIET, "threads=1", "runs_dir=one")
    assert "threads: 1, as threads=1 says" in one.out, one.err
    assert torch.get_num_threads() == 2
    monkeypatch.setattr(threads, "measured", slow_with_two)
    auto = command("train", *QUIET)
    assert "threads: 1, measured: 2 steps a second, 1 with 2" in auto.out, auto.err
    assert torch.get_num_threads() == 2
    assert weights(tmp_path / "runs") == weights(tmp_path / "one")

    (tmp_path / "runs/synthetic/nobb/seed0/metrics.json").unlink()
    monkeypatch.setattr(threads, "measured", None)
    again = command("train", *QUIET)
    assert again.code == 0, again.err
    assert "threads: 1, as the run began with" in again.out
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("said", "ranks", "device"), [("2", 1, "cpu"), (None, 2, "cpu"), (None, 1, "cuda")]
)
def test_nothing_is_measured_where_it_is_not_ours_to_choose(
    monkeypatch: pytest.MonkeyPatch, said: str | None, ranks: int, device: str
) -> None:
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    strategy = SimpleNamespace(root_device=torch.device(device))
    trainer: Any = SimpleNamespace(world_size=ranks, strategy=strategy)
    nothing: Any = None
    assert set_threads("auto", nothing, nothing, trainer, None) is None
    assert torch.get_num_threads() == 2


def test_wrong_numbers(command: Command) -> None:
    done = command("train", *QUIET, "threads=0")
    assert done.err == "landmark-train: threads=0 must be auto or a whole number, at least 1\n"
    done = command("train", *QUIET, "threads=2", "trainer=ddp_cpu")
    assert "threads=2: the processes of a run on several devices share the cores" in done.err
