import pytest
import torch

from landmark_lightning.inference.calibrating import calibrate
from landmark_lightning.inference.rejection import rejection_figures
from landmark_lightning.loading.faces import faces_from
from tests.made_tasks import MakeTask

KINDS = {"shifted", "upside_down", "half_size", "twice_the_size", "background", "all"}


def test_non_faces_that_the_signal_doubts_are_rejected(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, data = make_task()
    calibrate(task, data)
    faces = faces_from(data.faces, "test")
    usual = task.to_input(faces[torch.arange(len(faces))])["image"].mean()

    def doubtful(images: torch.Tensor) -> torch.Tensor:
        """A signal of 1 on what looks as usual, above it elsewhere."""
        answer = torch.ones(len(images), 5, 3)
        answer[..., 2] += (images.mean(dim=(1, 2, 3)) - usual).abs()[:, None]
        return answer

    true = torch.ones(len(faces), 5) + torch.linspace(0, 1e-6, len(faces))[:, None]
    monkeypatch.setattr(task.network, "forward", doubtful)
    told = rejection_figures(task, faces, true, batch_size=6)
    assert told is not None
    assert told["faces"] == len(faces)
    assert set(told["auroc"]) == KINDS
    assert told["auroc"]["half_size"] > 0.9
    point = told["kept"]["0.99"]
    assert set(point["passed"]) == KINDS
    assert point["passed"]["half_size"] < 0.2
    monkeypatch.setattr(task.network, "forward", lambda images: torch.zeros(len(images), 5, 3))
    fooled = rejection_figures(task, faces, true)
    assert fooled is not None
    assert fooled["kept"]["0.99"]["passed"]["all"] == 1
    assert fooled["auroc"]["all"] == 0


def test_it_needs_a_signal_and_a_calibration(make_task: MakeTask) -> None:
    task, data = make_task()
    faces, signal = faces_from(data.faces, "test"), torch.ones(20, 5)
    assert rejection_figures(task, faces, signal) is None
    task, data = make_task(validation=None)
    calibrate(task, data)
    assert rejection_figures(task, faces, signal) is None
