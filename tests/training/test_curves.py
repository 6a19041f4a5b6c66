import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.training.balancing import Rescoring
from landmark_lightning.training.curves import TrainingCurves
from tests.made_tasks import MakeTask
from tests.training.test_balancing import Notes


def _rows(make_task: MakeTask, refresh: str) -> list[tuple[int, dict[str, float]]]:
    task, module = make_task(refresh)
    notes = Notes()
    rescoring = [Rescoring(every=0.5)] if refresh == "rescore" else []
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=[notes],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=2,
        callbacks=[*rescoring, TrainingCurves()],
    )
    trainer.fit(task, datamodule=module)
    if refresh == "rescore":
        top = module.balancer.draws.sort(descending=True).values.double()
        row = notes.rows[-1][1]
        assert row["balancing/top_1_percent"] == pytest.approx(float(top[0] / top.sum()))
        assert row["balancing/top_10_percent"] == pytest.approx(float(top[:5].sum() / top.sum()))
        assert row["balancing/rescore_seconds"] == rescoring[0].seconds > 0
    return [row for row in notes.rows if "balancing/top_1_percent" in row[1]]


def test_an_epoch_tells_who_was_drawn_and_what_rescoring_cost(make_task: MakeTask) -> None:
    torch.manual_seed(0)
    rows = _rows(make_task, "rescore")
    assert [step for step, _ in rows] == [5, 11]
    seconds = [row["balancing/rescore_seconds"] for _, row in rows]
    assert 0 < seconds[0] < seconds[1]


def test_even_draws_have_no_such_curve(make_task: MakeTask) -> None:
    assert _rows(make_task, "none") == []
