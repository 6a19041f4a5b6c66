from typing import Any

import pytest
import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.device_batches import DeviceDraws
from landmark_lightning.loading.faces import FaceBatches, ResidentFaces
from landmark_lightning.samplers.batch_sampler import MakeSampler
from landmark_lightning.samplers.loss_balancer import LossBalancer
from tests.training.recorded_graph import refuse_new_values

CPU = torch.device("cpu")


@pytest.mark.parametrize("balancer", [None, LossBalancer])
@pytest.mark.parametrize("batches_at_once", [2, 1024])
@pytest.mark.parametrize("in_step", [False, True])
def test_batches_are_those_that_the_host_draws(
    dots: FaceFile,
    balancer: MakeSampler | None,
    batches_at_once: int,
    in_step: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over epochs, a stretch that ends within one and a run that goes on within one."""
    monkeypatch.setattr(LossBalancer, "stretch", batches_at_once)
    host, ours = (FaceDataModule(dots, 10, balancer, seed=5) for _ in range(2))
    draws = ours.draw_on(CPU, in_step)
    assert draws is not None
    assert ours.train_dataloader() is draws
    batches = host.train_dataloader()
    assert isinstance(batches, FaceBatches)
    losses = torch.arange(54).square()
    if balancer is not None:
        for module in (host, ours):
            module.balancer.update(torch.arange(54), losses)
    for epoch in range(3):
        for number, (told, expected) in enumerate(zip(draws, batches, strict=True)):
            batch = draws.batch(len(told["index"])) if in_step else told
            assert batch.keys() == expected.keys()
            for name, value in batch.items():
                assert torch.equal(value, expected[name]), name
            assert torch.equal(told["index"], batch["index"])  # filled by now
            if epoch == 1 and number == 3:  # a part of a stretch is over
                break
        if epoch == 1:
            for module in (host, ours):
                module.load_state_dict(module.state_dict())
    ours.draw_on_host()
    assert isinstance(ours.train_dataloader(), FaceBatches)


def test_images_elsewhere_are_not_drawn_on_the_device(dots: FaceFile) -> None:
    streamed = FaceDataModule(dots, residency="stream")
    assert streamed.draw_on(CPU) is None
    assert FaceDataModule(dots).draw_on(torch.device("meta")) is None
    assert isinstance(streamed.train_dataloader(), FaceBatches)


@pytest.mark.parametrize(
    "knobs", [{}, {"power": 0.5, "floor": 0.1}, {"clip_quantile": 0.9, "start_epoch": 2}]
)
def test_nothing_is_read_on_the_host_nor_brought_from_it(
    dots: FaceFile, knobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors without values: to read one, or to mix it with one of the host, is an error."""
    module = FaceDataModule(dots, 10)
    faces, meta = module.train_faces, torch.device("meta")
    assert isinstance(faces, ResidentFaces)
    balancer = LossBalancer(54, 10, **knobs).to(CPU, resident=True)
    draws = DeviceDraws(balancer, faces, CPU, in_step=True)
    told = next(iter(draws))
    for name, value in vars(draws).items():
        if isinstance(value, torch.Tensor):
            setattr(draws, name, value.to(meta))
    draws.device = meta
    balancer.to(meta)
    faces.to(meta)
    refuse_new_values(monkeypatch)
    batch = draws.batch(len(told["index"]))
    assert all(value.device == meta for value in batch.values())
    balancer.update(batch["index"], torch.zeros(10, device=meta))
    monkeypatch.undo()
    with pytest.raises(RuntimeError):
        balancer.draws.sum().item()
