from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.learning.callbacks import OnlineBalancing, TrainingCurves
from landmark_lightning.learning.compiling import GraphedTask, compile_network
from landmark_lightning.learning.task import LandmarkTask, load_task
from tests.learning.conftest import PHASES, MakeTask

PAPER = {"shift": 0.2, "rotation": 1.0, "noise": 0.2, "occlusion": 0.5, "contrast": 30.0}


def _trained(make_task: MakeTask, kind: type[LandmarkTask], **settings: Any) -> pl.Trainer:  # noqa: ANN401
    """A training over all phases, with clipping and balancing."""
    pl.seed_everything(0, verbose=False)
    phases = PHASES | {"gradient_clip": 1.0}
    task, module = make_task("online", phases=phases, augmentation=PAPER)
    task.__class__ = kind
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        max_epochs=task.schedule.epochs,
        gradient_clip_val=1.0 if kind is LandmarkTask else None,
        callbacks=[OnlineBalancing(), TrainingCurves()],
        **settings,
    )
    trainer.fit(task, datamodule=module)
    return trainer


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_static_steps_end_in_the_weights_of_ordinary_ones(
    make_task: MakeTask,
    precision: Any,  # noqa: ANN401
) -> None:
    """Over all phases, an odd last batch in each epoch, the schedule's rates and LPBB's draws."""
    plain, static = (
        _trained(make_task, kind, precision=precision) for kind in (LandmarkTask, GraphedTask)
    )
    assert static.global_step == plain.global_step > 20
    expected = plain.lightning_module.state_dict()
    for name, value in static.lightning_module.state_dict().items():
        assert torch.equal(value.nan_to_num(), expected[name].nan_to_num()), name
    assert static.optimizers[0].param_groups[0]["lr"] == plain.optimizers[0].param_groups[0]["lr"]


def test_a_step_that_moved_on_frees_the_graphs_of_the_phase_before(make_task: MakeTask) -> None:
    task = _trained(make_task, GraphedTask).lightning_module
    assert isinstance(task, GraphedTask)
    assert {phase for phase, _ in task.static} == {len(task.schedule.phases) - 1}


def test_compiling_keeps_the_names_of_the_weights(make_task: MakeTask) -> None:
    task, _ = make_task()
    names = list(task.state_dict())
    compile_network(task.network)
    assert list(task.state_dict()) == names


@pytest.mark.slow
def test_a_compiled_network_s_checkpoint_is_that_of_any_run(
    make_task: MakeTask, tmp_path: Path
) -> None:
    task, module = make_task()
    names = list(task.state_dict())
    compile_network(task.network)
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        max_steps=2,
    )
    trainer.fit(task, datamodule=module)
    trainer.save_checkpoint(tmp_path / "compiled.ckpt")
    assert list(torch.load(tmp_path / "compiled.ckpt", weights_only=True)["state_dict"]) == names
    loaded = load_task(tmp_path / "compiled.ckpt")
    assert loaded.network._compiled_call_impl is None
    faces = module.val_faces[torch.arange(6)]
    task.network._compiled_call_impl = None
    with torch.no_grad():
        expected, _ = task.eval()(faces["image"], faces["landmarks"])
        answer, _ = loaded(faces["image"], faces["landmarks"])
    assert torch.equal(expected, answer)


def test_without_a_compiler_one_sentence(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    task, _ = make_task()
    with pytest.raises(ValueError, match=r"compile=true needs a C\+\+ compiler that works"):
        compile_network(task.network)
