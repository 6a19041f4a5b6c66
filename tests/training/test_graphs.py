from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch._inductor.cpp_builder import cpp_compiler_search
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.checkpoint import load_task
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.host_table import HostTable
from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.training.balancing import OnlineBalancing, Rescoring
from landmark_lightning.training.checkpoints import RunState
from landmark_lightning.training.curves import TrainingCurves
from landmark_lightning.training.graphs import (
    GraphedTask,
    StaticStep,
    compile_network,
    host_generators,
)
from tests.made_tasks import PHASES, MakeTask, fit, task_arguments
from tests.training import recorded_graph
from tests.training.recorded_graph import RecordedGraph, refuse_new_values

PAPER = {"shift": 0.2, "rotation": 1.0, "noise": 0.2, "occlusion": 0.5, "contrast": 30.0}


LONG = [{"loss": "l2", "lr": 0.003, "epochs": 5}, {"loss": "wing", "lr": 0.003, "epochs": 2}]
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "AdamW": {"_target_": "torch.optim.AdamW", "fused": True},
    "SGD": {"_target_": "torch.optim.SGD", "momentum": 0.9, "fused": True},
}
MODELS: dict[str, tuple[str, dict[str, Any], Callable[[], list[Callback]]]] = {
    "nobb": ("none", {}, list),
    "bbo": ("online", {}, lambda: [OnlineBalancing()]),
    "bbo with knobs": (
        "online",
        {"power": 0.5, "floor": 0.2, "start_epoch": 1, "score": "coordinates"},
        lambda: [OnlineBalancing()],
    ),
    "bb": ("rescore", {}, lambda: [Rescoring(0.3)]),
    "bbs": ("rescore", {}, lambda: [Rescoring(0.3, 0.2)]),
}


def _trained(
    make_task: MakeTask,
    kind: type[LandmarkTask],
    model: str = "bbo",
    optimizer: str = "AdamW",
    more: Sequence[Callback] = (),
    resumed: Path | None = None,
    **settings: Any,  # noqa: ANN401
) -> pl.Trainer:
    """A training with clipping over two phases; each epoch has five batches of 10 and one of 4."""
    refresh, knobs, callbacks = MODELS[model]
    pl.seed_everything(0, verbose=False)
    phases = PHASES | {
        "list": LONG,
        "decay": "cosine",
        "gradient_clip": 1.0,
        "optimizer": OPTIMIZERS[optimizer],
    }
    task, module = make_task(refresh, knobs, phases=phases, augmentation=PAPER)
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
        callbacks=[*callbacks(), TrainingCurves(7), *more],
        **settings,
    )
    trainer.fit(task, datamodule=module, ckpt_path=resumed, weights_only=True)
    return trainer


def _balancer(trainer: pl.Trainer) -> LossBalancer:
    datamodule = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(datamodule.balancer.table, HostTable)  # back when the training ended
    return datamodule.balancer


def _same(ours: pl.Trainer, other: pl.Trainer, atol: float = 0.0) -> None:
    """Weights, statistics and, where there is one, the balancer end the same."""
    assert ours.global_step == other.global_step == 42
    expected = other.lightning_module.state_dict()
    for name, value in ours.lightning_module.state_dict().items():
        wanted = expected[name].nan_to_num().to(value.dtype)
        assert torch.allclose(value.nan_to_num(), wanted, rtol=0, atol=atol), name
    if ours.datamodule.sampler.balanced:  # type: ignore[attr-defined]
        mine, theirs = _balancer(ours), _balancer(other)
        assert torch.equal(mine.draws, theirs.draws)
        assert torch.equal(mine.state_dict()["written"], theirs.state_dict()["written"])
        assert torch.allclose(mine.losses, theirs.losses, rtol=100 * atol, atol=0)


@pytest.mark.parametrize("model", MODELS)
def test_static_steps_end_in_the_weights_of_ordinary_ones(make_task: MakeTask, model: str) -> None:
    """Over all phases, an odd last batch in each epoch, the schedule's rates and LPBB's draws."""
    plain, static = (_trained(make_task, kind, model) for kind in (LandmarkTask, GraphedTask))
    _same(static, plain)
    assert static.optimizers[0].param_groups[0]["lr"] == plain.optimizers[0].param_groups[0]["lr"]


def test_static_steps_in_bf16_end_in_the_weights_of_ordinary_ones(make_task: MakeTask) -> None:
    plain, static = (
        _trained(make_task, kind, precision="bf16-mixed") for kind in (LandmarkTask, GraphedTask)
    )
    _same(static, plain)


@pytest.mark.parametrize("optimizer", ["AdamW", pytest.param("SGD", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", MODELS)
def test_replayed_steps_end_in_the_weights_of_ordinary_ones(
    make_task: MakeTask, model: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole step is replayed: draw, gather, augmentation, ..., update; no Python runs."""
    recorded_graph.use(monkeypatch)
    monkeypatch.setattr("landmark_lightning.training.graphs.WARM_UP", 1000)
    ordinary = _trained(make_task, GraphedTask, model, optimizer)
    assert not RecordedGraph.made
    monkeypatch.setattr("landmark_lightning.training.graphs.WARM_UP", 3)
    replayed = _trained(make_task, GraphedTask, model, optimizer)
    _same(replayed, ordinary)
    # Of five epochs three batches of 10 and three of 4 warm up, and three of 10 of the last two.
    assert [graph.replays for graph in RecordedGraph.made] == [22, 2, 7]


class _Saved(Callback):
    """Saves a checkpoint at the end of an epoch."""

    def __init__(self, path: Path, epoch: int) -> None:
        self.path, self.epoch = path, epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            trainer.save_checkpoint(self.path)


def test_replayed_steps_go_on_from_a_checkpoint(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recorded_graph.use(monkeypatch)
    saved = [RunState(), _Saved(tmp_path / "cut.ckpt", 2)]
    whole = _trained(make_task, GraphedTask, more=saved)
    graphs = len(RecordedGraph.made)
    resumed = _trained(make_task, GraphedTask, more=[RunState()], resumed=tmp_path / "cut.ckpt")
    _same(resumed, whole)
    assert [graph.replays for graph in RecordedGraph.made[graphs:]] == [7, 7]
    rate = resumed.optimizers[0].param_groups[0]
    assert isinstance(rate["lr"], torch.Tensor)
    assert rate["capturable"]


class _OneDevice(TorchDispatchMode):
    """Refuses operations on tensors of another device."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        for value in tree_flatten((args, kwargs, result))[0]:
            if isinstance(value, torch.Tensor):
                assert value.device == self.device, func
        return result


@pytest.mark.parametrize("boxes", [False, True])
def test_no_part_of_a_step_comes_from_the_host(
    make_task: MakeTask, boxed: FaceFile, monkeypatch: pytest.MonkeyPatch, boxes: bool
) -> None:
    """On tensors without values: to read one, or to mix it with one of the host, is an error."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # has no such device
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    if boxes:
        task, module = _boxed(boxed, balancer=LossBalancer)
    else:
        task, module = make_task("online", augmentation=PAPER)
    draws, meta = module.draw_on(torch.device("cpu"), in_step=True), torch.device("meta")
    assert draws is not None
    batch = next(iter(draws))
    draws.__dict__ |= {
        name: value.to(meta)
        for name, value in vars(draws).items()
        if isinstance(value, torch.Tensor)
    } | {"device": meta}
    draws.sampler.to(meta)
    draws.faces.to(meta)
    nothing = Mock(spec=torch.optim.Optimizer)  # torch's refuse this device
    step = StaticStep(task.to(meta), nothing, batch, 1.0, draws, module.balancer)
    refuse_new_values(monkeypatch)
    with _OneDevice(meta):
        step.compute()
    nothing.step.assert_called_once()
    assert all(value.device == meta for value in step.outputs.values())
    gradients = [weight.grad for weight in task.network.parameters()]
    assert all(gradient is not None and gradient.device == meta for gradient in gradients)


def test_images_in_the_file_are_given_to_the_graph(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Draw, gather and update are ordinary calls then."""
    plain = _trained(make_task, LandmarkTask)
    recorded_graph.use(monkeypatch)
    monkeypatch.setattr(FaceDataModule, "draw_on", lambda self, device, in_step: None)
    replayed = _trained(make_task, GraphedTask)
    _same(replayed, plain, atol=1e-5)
    assert "images are not on the device" in capsys.readouterr().out
    assert [graph.replays for graph in RecordedGraph.made] == [22, 2, 7]


READS_ITS_RATE = {"_target_": "torch.optim.SGD", "foreach": True}


BOXES = {"box_jitter": 1, "detector_boxes": 0.5}


def _boxed(boxed: FaceFile, **knobs: Any) -> tuple[LandmarkTask, FaceDataModule]:  # noqa: ANN401
    """A task whose crops are cut around a detector's boxes, half of them, and jittered."""
    module = FaceDataModule(boxed, batch_size=10, detector_boxes=0.5, **knobs)
    arguments = task_arguments(boxed, len(module.sampler))
    phases = PHASES | {"list": LONG, "optimizer": OPTIMIZERS["AdamW"]}
    return LandmarkTask(**(arguments | {"augmentation": PAPER | BOXES, "phases": phases})), module


@pytest.mark.parametrize("residency", ["device", "host"])
def test_crops_around_a_detector_s_boxes_come_from_the_graph(
    boxed: FaceFile, monkeypatch: pytest.MonkeyPatch, residency: str
) -> None:
    """The offsets of each batch are given to the graph, or gathered in it."""
    recorded_graph.use(monkeypatch)
    ends = []
    for warm_up in (1000, 3):
        monkeypatch.setattr("landmark_lightning.training.graphs.WARM_UP", warm_up)
        pl.seed_everything(0, verbose=False)
        task, module = _boxed(boxed, residency=residency)
        task.__class__ = GraphedTask
        if residency == "host":
            monkeypatch.setattr(module, "draw_on", lambda *_, **__: None)
        fit(task, module)
        ends.append(task.network.state_dict())
    assert RecordedGraph.made
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.parametrize("residency", ["device", "host"])
def test_what_is_measured_while_training_moves_the_labels_of_the_graph(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, residency: str
) -> None:
    """The graph is captured before a face is mirrored, and mirrors from the second epoch on."""
    recorded_graph.use(monkeypatch)
    knobs = {"mirror": 0.5, "mirror_offset": "auto", "shift": 0.2}
    ends = []
    for warm_up, offset in ((1000, "auto"), (3, "auto"), (3, 0)):
        monkeypatch.setattr("landmark_lightning.training.graphs.WARM_UP", warm_up)
        pl.seed_everything(0, verbose=False)
        phases = PHASES | {"list": LONG, "optimizer": OPTIMIZERS["AdamW"]}
        task, module = make_task(phases=phases, augmentation=knobs | {"mirror_offset": offset})
        task.__class__ = GraphedTask
        if residency == "host":
            monkeypatch.setattr(module, "draw_on", lambda *_, **__: None)
        fit(task, module)
        ends.append(task.state_dict())
    assert RecordedGraph.made
    plain, replayed, unmended = ends
    assert float(plain["augmentation.label_offset"]) != 0
    names = [name for name in plain if name.startswith(("network", "augmentation"))]
    assert all(torch.allclose(plain[name], replayed[name], atol=1e-5) for name in names)
    last = [name for name in names if name.startswith("network")][-1]
    assert not torch.allclose(plain[last], unmended[last], atol=1e-3)


def test_a_step_that_waits_for_the_host_runs_as_it_is(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here SGD reads its rate on the host, which no graph allows."""
    monkeypatch.setitem(OPTIMIZERS, "SGD", READS_ITS_RATE)
    plain = _trained(make_task, LandmarkTask, "bbo", "SGD")
    recorded_graph.use(monkeypatch)
    _same(_trained(make_task, GraphedTask, "bbo", "SGD"), plain, atol=1e-6)
    said = capsys.readouterr().out
    assert "this step can't be captured (called a synchronizing CUDA operation); it runs" in said
    assert said.count("captured") == 1
    assert not RecordedGraph.made


def test_a_step_that_draws_on_the_host_runs_as_it_is(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replay would repeat what was drawn at the capture for ever."""
    recorded_graph.use(monkeypatch)
    monkeypatch.setattr("landmark_lightning.training.graphs.host_generators", host_generators)
    _trained(make_task, GraphedTask)
    assert "(it draws random numbers on the host); it runs as is" in capsys.readouterr().out
    assert not RecordedGraph.made


def test_a_capture_that_fails_ends_the_training(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its datamodule and callbacks can be used again."""
    monkeypatch.setitem(OPTIMIZERS, "SGD", READS_ITS_RATE)
    recorded_graph.use(monkeypatch)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    online = OnlineBalancing()
    monkeypatch.setitem(MODELS, "bbo", ("online", {}, lambda: [online]))
    made: list[FaceDataModule] = []

    def making(*args: Any, **kwargs: Any) -> tuple[LandmarkTask, FaceDataModule]:  # noqa: ANN401
        task, module = make_task(*args, **kwargs)
        made.append(module)
        return task, made[0]

    with pytest.raises(ValueError, match=r"can't be captured \(.*host\); pass compile=false"):
        _trained(making, GraphedTask, "bbo", "SGD")
    assert isinstance(made[0].balancer.table, HostTable)
    assert online.in_step
    before = made[0].balancer.state_dict()["writes"]
    made[0].balancer.set_epoch(100)
    made[0].balancer.set_epoch(0)
    _trained(making, LandmarkTask, "bbo", "SGD")
    assert made[0].balancer.state_dict()["writes"] == before + 42


def test_where_all_must_be_deterministic_draws_are_not_captured(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded_graph.use(monkeypatch)
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    _trained(make_task, GraphedTask)
    assert "CUDA's sums are not deterministic, so draw" in capsys.readouterr().out
    assert len(RecordedGraph.made) == 3


def test_a_step_that_moved_on_frees_the_graphs_of_the_phase_before(make_task: MakeTask) -> None:
    phases: list[set[int]] = []

    class Kept(Callback):
        def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            assert isinstance(pl_module, GraphedTask)
            phases.append({phase for phase, _ in pl_module.static})

    task = _trained(make_task, GraphedTask, more=[Kept()]).lightning_module
    assert isinstance(task, GraphedTask)
    assert phases == [{1}]
    assert not task.static


@pytest.mark.slow
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
    task.network._compiled_call_impl = None
    image = task.eval().to_input(module.val_faces[torch.arange(6)])["image"]
    with torch.no_grad():
        assert torch.equal(task(image), loaded(image))


def test_without_a_compiler_one_sentence(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.compiler.reset()  # another test may have compiled, and found a compiler
    cpp_compiler_search.cache_clear()
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    task, _ = make_task()
    with pytest.raises(ValueError, match=r"compile=true needs a C\+\+ compiler that works"):
        compile_network(task.network)
