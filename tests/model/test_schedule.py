from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.model.schedule import Schedule

THREE = [
    {"loss": "l2", "lr": 0.1, "epochs": 2},
    {"loss": "l1", "lr": 0.2, "epochs": 1},
    {"loss": "wing", "lr": 0.3, "epochs": 3},
]


def test_phases_follow_each_other() -> None:
    schedule = Schedule(THREE, steps_per_epoch=10)
    assert (schedule.epochs, schedule.total_steps) == (6, 60)
    losses = [schedule.phase(step).loss for step in (0, 19, 20, 29, 30, 59)]
    assert losses == ["l2", "l2", "l1", "l1", "wing", "wing"]
    assert [schedule.lr(step) for step in (0, 20, 59)] == [0.1, 0.2, 0.3]
    assert schedule.describe() == "l2 2 epochs at 0.1, l1 1 epochs at 0.2, wing 3 epochs at 0.3"


def test_the_total_is_whole_epochs() -> None:
    schedule = Schedule(THREE, steps_per_epoch=10, scale=0.25)
    assert (schedule.epochs, schedule.total_steps) == (2, 20)
    assert schedule.ends == [5, 8, 20]


def test_a_phase_of_less_than_half_a_step_is_left_out() -> None:
    schedule = Schedule(THREE, steps_per_epoch=2, scale=0.1)
    assert schedule.ends == [0, 1, 2]
    assert [schedule.phase(step).loss for step in (0, 1)] == ["l1", "wing"]
    assert schedule.describe() == "l1 0.5 epochs at 0.2, wing 0.5 epochs at 0.3"


def test_a_last_phase_that_is_left_out_gets_no_steps_from_the_rounding() -> None:
    nothing = {"loss": "wing", "lr": 0.3, "epochs": 0}
    schedule = Schedule([{"loss": "l2", "lr": 0.1, "epochs": 0.5}, nothing], steps_per_epoch=10)
    assert schedule.ends == [10, 10]
    assert {schedule.phase(step).loss for step in range(10)} == {"l2"}
    assert schedule.describe() == "l2 1 epochs at 0.1"


def test_only_of_several_phases_there_is_a_last_one() -> None:
    schedule = Schedule(THREE, steps_per_epoch=10)
    last = [schedule.in_last_phase(step) for step in range(schedule.total_steps)]
    first = schedule.ends[-2]
    assert last == [step >= first for step in range(schedule.total_steps)]
    alone = Schedule(THREE[:1], steps_per_epoch=10)
    assert not any(alone.in_last_phase(step) for step in range(alone.total_steps))


def test_what_was_taken_and_what_lacks() -> None:
    schedule = Schedule(THREE, steps_per_epoch=10)
    assert schedule.taken(60) == {
        "epochs": 6,
        "epochs_trained": 6.0,
        "steps": 60,
        "planned_steps": 60,
        "phases_reached": [
            {"loss": "l2", "lr": 0.1, "steps": 20, "planned_steps": 20},
            {"loss": "l1", "lr": 0.2, "steps": 10, "planned_steps": 10},
            {"loss": "wing", "lr": 0.3, "steps": 30, "planned_steps": 30},
        ],
    }
    assert schedule.shortfall(60) is None
    cut = schedule.taken(20)
    assert (cut["steps"], cut["epochs_trained"]) == (20, 2.0)
    assert cut["phases_reached"] == schedule.taken(60)["phases_reached"][:1]
    assert schedule.shortfall(20) == (
        "the training ended after 20 of 60 steps and never reached l1 at 0.2, wing at 0.3"
    )
    late = schedule.taken(43)
    assert late["epochs_trained"] == 4.3
    assert late["phases_reached"][-1] == {
        "loss": "wing", "lr": 0.3, "steps": 13, "planned_steps": 30
    }  # fmt: skip
    assert schedule.shortfall(43) == "the training ended after 43 of 60 steps"


def test_a_phase_that_is_left_out_is_not_missed() -> None:
    schedule = Schedule(THREE, steps_per_epoch=2, scale=0.1)
    assert [phase["loss"] for phase in schedule.taken(2)["phases_reached"]] == ["l1", "wing"]
    lacks = "the training ended after 1 of 2 steps and never reached wing at 0.3"
    assert schedule.shortfall(1) == lacks


def test_all_rates_are_scaled_together() -> None:
    schedule = Schedule(THREE, steps_per_epoch=10, lr_scale=10)
    assert [schedule.lr(step) for step in (0, 20, 59)] == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match=r"lr_scale=0 must be a number above 0"):
        Schedule(THREE, 10, lr_scale=0)


@given(st.floats(0.001, 3), st.integers(1, 500))
def test_every_step_has_a_phase_in_order(scale: float, steps: int) -> None:
    schedule = Schedule(THREE, steps, scale)
    order = [schedule.index(step) for step in range(schedule.total_steps)]
    assert order == sorted(order)
    assert order[-1] == 2


def test_warm_up_and_cosine() -> None:
    schedule = Schedule([{"loss": "l2", "lr": 1.0, "epochs": 10}], 10, warmup=0.2, decay="cosine")
    rates = [schedule.lr(step) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 21)
    assert max(rates) == rates[20] == 1.0
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[60] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001


def test_a_phase_may_decay_by_itself() -> None:
    falling = {"loss": "l2", "lr": 1.0, "epochs": 1, "decay": "cosine"}
    schedule = Schedule([falling, {"loss": "l1", "lr": 0.5, "epochs": 1}], 10)
    assert schedule.lr(0) == 1.0
    assert schedule.lr(5) == pytest.approx(0.5)
    assert schedule.lr(15) == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -1}, "lr=-1"),
        ({"lr": "abc"}, "lr='abc'"),
        ({"lr": float("inf")}, "lr=inf"),
        ({"lr": 0}, "lr=0"),
        ({"epochs": -2}, "epochs=-2"),
        ({"loss": "l3"}, "loss='l3'"),
        ({"decay": "steep"}, "decay='steep'"),
        ({"rate": 1}, "there is no setting .list.0..rate"),
    ],
)
def test_a_wrong_phase_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule([THREE[0] | change], 10)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"phases": []}, r"list=\[\] must be a list"),
        ({"phases": 3}, r"list=3 must be a list"),
        ({"phases": [0.1]}, r"list\[0\]=0\.1 must be"),
        ({"phases": [{"loss": "l2", "lr": 1}]}, r"list\[0\]\.epochs is not given"),
        ({"scale": 0}, "scale=0"),
        ({"scale": float("nan")}, "scale=nan"),
        ({"warmup": 2}, "warmup=2"),
        ({"decay": "steep"}, "decay='steep'"),
    ],
)
def test_a_wrong_schedule_is_named(knobs: dict[str, Any], message: str) -> None:
    defaults: dict[str, Any] = {"phases": THREE, "steps_per_epoch": 10}
    with pytest.raises(ValueError, match=message):
        Schedule(**(defaults | knobs))
