from dataclasses import replace
from pathlib import Path

import pytest
import torch

from landmark_lightning import geometry
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.predict import predict, predict_test, static_prior
from landmark_lightning.inference.speed import frames_per_second
from landmark_lightning.loading.faces import faces_from
from landmark_lightning.runs.figures import summarize
from landmark_lightning.runs.predictions import read_records, write_records
from tests.conftest import DOTS
from tests.made_tasks import MakeTask


def test_predictions_do_not_depend_on_the_batch(make_task: MakeTask) -> None:
    task, module = make_task()
    one, target = predict(task, module.train_faces, 1)
    many, _ = predict(task, module.train_faces, 64)
    assert torch.allclose(one, many, atol=1e-5)
    assert target.shape == (len(module.train_faces), 5, 2)


def test_the_static_prior_is_the_mean_training_error(make_task: MakeTask) -> None:
    task, module = make_task()
    prediction, target = predict(task, module.train_faces)
    expected = (prediction[..., :2] - target).norm(dim=-1).mean(dim=0)
    assert torch.allclose(static_prior(task, module.train_faces), expected)


@pytest.mark.parametrize("validation", ["manhattan", None])
def test_records_of_the_test_split(
    make_task: MakeTask, dots: FaceFile, tmp_path: Path, validation: str | None
) -> None:
    task, module = make_task(validation=validation)
    task.static_prior = static_prior(task, module.train_faces)
    records = predict_test(task, dots, dataset="dots", model="nobb", seed=0)
    write_records(tmp_path / "predictions.h5", records)
    records = read_records(tmp_path / "predictions.h5")
    assert (records.signal is None) == (validation is None)
    split = dots.read("test")
    in_photo = geometry.apply_affine(records.to_photo, records.target)
    expected = geometry.apply_affine(
        torch.from_numpy(split.to_photo), torch.from_numpy(split.landmarks)
    )
    assert torch.allclose(in_photo, expected, atol=1e-3)
    assert records.visible.tolist() == split.visible.tolist()
    eyes = (records.target[:, 0] - records.target[:, 1]).norm(dim=-1)
    assert torch.allclose(records.normalizer[:, 0], eyes, atol=1e-3)
    assert summarize(records)["full"]["faces"] == 20


def test_the_nme_does_not_depend_on_the_crop_s_pixels(make_task: MakeTask, dots: FaceFile) -> None:
    """The normalizer travels in the same pixels as the error."""
    task, _ = make_task()
    task.static_prior = torch.ones(5)
    figures = summarize(predict_test(task, dots, dataset="d", model="m", seed=0))["full"]
    prediction, target = predict(task, faces_from(dots, "test"))
    split = dots.read("test")
    lengths = torch.from_numpy(split.normalizer[:, 0]) * 32 / (64 / 2)
    error = (prediction[..., :2] - target).norm(dim=-1).mean(dim=1) / lengths
    assert figures["nme"] == pytest.approx(float(error.mean()) * 100, rel=1e-4)


def test_another_scheme_is_refused(make_task: MakeTask, rendered: FaceFile) -> None:
    task, _ = make_task()
    with pytest.raises(
        ValueError, match=r"scheme ibug68 \(68 landmarks\), the run predicts dots5"
    ):
        predict_test(task, rendered, dataset="d", model="m", seed=0)


def test_landmarks_of_other_names_are_refused(make_task: MakeTask, dots: FaceFile) -> None:
    task, _ = make_task()
    task.static_prior = torch.ones(5)
    task.scheme = replace(DOTS, names=("a", "b", "nose", "c", "d"))
    predict_test(task, dots, dataset="d", model="m", seed=0)  # it has no names
    named = replace(dots, scheme=replace(DOTS, names=("a", "b", "tip", "c", "d")))
    said = r"dots\.h5 names landmark 2 'tip', the run predicts 'nose' there"
    with pytest.raises(ValueError, match=said):
        predict_test(task, named, dataset="d", model="m", seed=0)


def test_frames_a_second_of_the_network_alone(make_task: MakeTask) -> None:
    task, _ = make_task()
    before = torch.get_rng_state()
    measured = frames_per_second(task)
    assert torch.equal(torch.get_rng_state(), before)
    assert measured["batch_1"] > 0
    assert measured["batch_64"] > 0
    assert measured["device"].startswith(f"CPU, {torch.get_num_threads()} thread")
    assert measured["precision"] == "float32"
    task.network.double()
    assert frames_per_second(task)["precision"] == "float64"
