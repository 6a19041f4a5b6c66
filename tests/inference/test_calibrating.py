import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from landmark_lightning.datasets.boxes import BoxMap
from landmark_lightning.inference.calibrating import calibrate, card_of, crop_squares, describe
from landmark_lightning.inference.calibration import Calibration
from landmark_lightning.inference.predict import predict, predict_around, static_prior
from tests.made_tasks import MakeTask


def test_it_is_measured_on_the_validation_faces(make_task: MakeTask) -> None:
    task, data = make_task()
    task.eval()
    prior = static_prior(task, data.train_faces)
    made = calibrate(task, data, 0.8)
    torch.testing.assert_close(task.static_prior, prior, rtol=0, atol=0)
    assert made.faces == len(data.val_faces)
    assert made.coverage == 0.8
    assert task.calibration == made.to_dict()
    assert Calibration.from_dict(task.calibration) == Calibration.from_dict(made.to_dict())
    prediction, target = predict(task, data.val_faces)
    error = torch.linalg.vector_norm(prediction[..., :2] - target, dim=-1).double().numpy()
    predicted = made.predicted_error(prediction[..., 2].double().numpy())
    known = np.isfinite(error)
    assert predicted[known].mean() == pytest.approx(error[known].mean(), rel=1e-5)
    held = (error <= made.bound(prediction[..., 2].double().numpy()))[known].mean()
    assert held == pytest.approx(0.8, abs=0.1) or not np.isfinite(made.quantile["true"])
    assert card_of(task).calibration is not None
    assert "%" in describe(made)


def test_a_crop_by_the_true_box_is_the_usual_one(make_task: MakeTask) -> None:
    task, data = make_task()
    task.eval()
    faces = data.train_faces
    prediction, _ = predict(task, faces)
    crop = task.augmentation
    middle = (crop.crop_side - 1) / 2
    side = crop.crop_side / (crop.margin * task.crop["scale"])
    squares = torch.tensor([[middle, middle, side]]).repeat(len(faces), 1)
    points, signal = predict_around(task, faces, squares, passes=1, batch_size=7)
    torch.testing.assert_close(points, prediction[..., :2], rtol=1e-4, atol=1e-3)
    assert signal is not None
    torch.testing.assert_close(signal, prediction[..., 2], rtol=1e-4, atol=1e-3)


def test_lengths_are_those_of_the_usual_input_whatever_the_square(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, data = make_task()
    task.eval()

    def fixed(images: torch.Tensor) -> torch.Tensor:
        answer = torch.full((len(images), 5, 3), (task.network.side - 1) / 2)
        answer[..., 2] = 2.0
        return answer

    monkeypatch.setattr(task.network, "forward", fixed)
    squares = torch.tensor([[20.0, 30.0, 26.0]]).repeat(len(data.val_faces), 1)
    squares[1] = torch.nan
    points, signal = predict_around(task, data.val_faces, squares, passes=1)
    assert signal is not None
    per_crop, crop = task.input_per_crop, task.augmentation
    expected = (torch.tensor([20.0, 30.0]) - (crop.crop_side - 1) / 2) * per_crop
    torch.testing.assert_close(points[0, 0], expected + (task.network.side - 1) / 2)
    step = 26.0 * task.crop["scale"] / task.network.side * per_crop
    torch.testing.assert_close(signal[0], torch.full((5,), 2 * step))
    assert bool(points[1].isnan().all())
    assert bool(signal[1].isnan().all())
    assert bool(points[2:].isfinite().all())


def test_squares_of_a_detector_in_crops(make_task: MakeTask) -> None:
    _, data = make_task()
    split = data.faces.read("train", images=False)
    rows = np.arange(4)
    identity = BoxMap((0.0, 0.0), 1.0, (0.0, 0.0, 0.0), 9)
    boxes = np.full((len(split), 4), np.nan, np.float32)
    boxes[:3] = split.box[:3]
    object.__setattr__(split, "detector_box", boxes)
    squares = crop_squares(split, rows, identity)
    middle = (data.faces.crop.side - 1) / 2
    np.testing.assert_allclose(squares[:3, :2], middle, atol=1e-3)
    assert np.isnan(squares[3]).all()
    sizes = np.sqrt(np.prod(boxes[:3, 2:] - boxes[:3, :2], axis=1)) / split.to_photo[:3, 0, 0]
    np.testing.assert_allclose(squares[:3, 2], sizes, rtol=1e-4)


def test_a_detector_that_is_named_looks_at_stored_crops(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, data = make_task()
    side = data.faces.crop.side
    middle, half = (side - 1) / 2, side / 5
    sizes = []

    def finds(crop: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Another face in the corner, and this one, half a pixel of the crop to the right."""
        sizes.append(crop.shape)
        corner = [0.0, 0.0, side / 4, side / 4]
        own = [middle - half + 0.5, middle - half, middle + half + 0.5, middle + half]
        return np.array([corner, own])

    monkeypatch.setattr("landmark_lightning.inference.calibrating.detector", lambda name: finds)
    made = calibrate(task, data, 0.8, "mine")
    assert set(sizes) == {(side, side)}
    assert len(sizes) == len(data.train_faces) + len(data.val_faces)
    assert made.found_by == "mine"
    assert made.detector is not None
    assert made.detector.shift[0] == pytest.approx(-0.5 / (2 * half), abs=1e-3)
    square = side / (data.faces.crop.margin * data.faces.crop.scale)
    assert made.detector.scale == pytest.approx(square / (2 * half), rel=1e-3)
    assert max(made.detector.residual) < 1e-3
    assert {"true", "detector"} == set(made.quantile)
    assert calibrate(task, data).detector is None
