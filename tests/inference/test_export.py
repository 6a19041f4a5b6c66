import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from landmark_lightning.inference.detector import LandmarkDetector
from landmark_lightning.inference.export import export, metadata, session
from landmark_lightning.model.task import LandmarkTask
from tests.made_tasks import MakeTask


def trained(make_task: MakeTask, validation: str | None = "manhattan") -> LandmarkTask:
    """A task whose batch norms have seen something."""
    torch.manual_seed(0)
    task, _ = make_task(validation=validation)
    task.train()
    for _ in range(3):
        task.network(torch.randn(8, 1, task.network.side, task.network.side))
    return task.eval()


def some_images(task: LandmarkTask, faces: int) -> torch.Tensor:
    side = task.network.side
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (faces, side, side), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("validation", ["manhattan", None])
def test_the_model_answers_as_the_network_for_any_batch(
    make_task: MakeTask, tmp_path: Path, validation: str | None
) -> None:
    task = trained(make_task, validation)
    images = some_images(task, 5)
    worst = export(task, tmp_path / "model.onnx", images)
    assert 0 < worst <= 1e-3
    running = session(tmp_path / "model.onnx", threads=1)
    names = [output.name for output in running.get_outputs()]
    assert names == (["landmarks", "signal"] if validation else ["landmarks"])
    for batch in (1, 5):
        given = images[:batch, None]
        answers = running.run(None, {"image": given.numpy()})
        with torch.no_grad():
            wanted = task.network(given.float() * (2 / 255) - 1)
        np.testing.assert_allclose(answers[0], wanted[..., :2].numpy(), atol=1e-3)
        if validation:
            np.testing.assert_allclose(answers[1], wanted[..., 2].numpy(), atol=1e-3)


def test_coverage_is_a_third_output_a_probability(make_task: MakeTask, tmp_path: Path) -> None:
    task, _ = make_task(coverage=True)
    images = some_images(task.eval(), 3)
    export(task, tmp_path / "model.onnx", images)
    running = session(tmp_path / "model.onnx", threads=1)
    names = [output.name for output in running.get_outputs()]
    assert names == ["landmarks", "signal", "covered"]
    with torch.no_grad():
        wanted = task.network(images[:, None].float() * (2 / 255) - 1)
    answers = running.run(None, {"image": images[:, None].numpy()})
    np.testing.assert_allclose(answers[2], wanted[..., 3].sigmoid().numpy(), atol=1e-4)
    detector = LandmarkDetector.load(tmp_path / "model.onnx", threads=1)
    assert detector.card.coverage
    found = detector([image.numpy() for image in images], boxes="whole")
    assert found.covered.shape == (3, 5)
    assert ((found.covered > 0) & (found.covered < 1)).all()


def test_a_fixed_batch_and_the_metadata(make_task: MakeTask, tmp_path: Path) -> None:
    task = trained(make_task)
    path = tmp_path / "model.onnx"
    export(task, path, some_images(task, 3), batch=2)
    model = onnx.load(path)
    (given,) = model.graph.input
    assert [size.dim_value for size in given.type.tensor_type.shape.dim][:2] == [2, 1]
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told == metadata(task)
    card = json.loads(told["landmark_lightning"])
    assert card["side"] == task.network.side
    assert card["distance"] == "manhattan"
    assert card["scheme"] == task.scheme.to_dict()
    assert {"format", "gray", "scale", "boxes", "calibration", "meaning"} <= card.keys()


def test_a_model_that_differs_is_not_written(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = trained(make_task)
    monkeypatch.setattr("landmark_lightning.inference.export.TOLERANCE", 0.0)
    with pytest.raises(ValueError, match=r"differ from torch's by .* so .*model.onnx was not"):
        export(task, tmp_path / "model.onnx", some_images(task, 2))
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("batch", [0, 1.5, True, "many"])
def test_a_wrong_batch_is_named(make_task: MakeTask, tmp_path: Path, batch: int) -> None:
    with pytest.raises(ValueError, match=r"batch=.* must be a whole number"):
        export(trained(make_task), tmp_path / "model.onnx", None, batch=batch)
