import pytest
import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.mean_face import mean_face_figures, mean_face_of_validation
from landmark_lightning.inference.predict import predict_test
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.metrics.nme import normalized_mean_error
from landmark_lightning.model.task import LandmarkTask
from tests.made_tasks import task_arguments


@pytest.mark.parametrize("kind", ["dots", "gappy"])
def test_the_mean_face_s_figures_are_those_of_its_pixels(
    request: pytest.FixtureRequest, kind: str
) -> None:
    """In crop pixels as in the input's, since errors are relative to the face."""
    faces: FaceFile = request.getfixturevalue(kind)
    task = LandmarkTask(**task_arguments(faces, 6))
    task.static_prior = torch.ones(5)
    records = predict_test(task, faces, dataset="dots", model="non", seed=0)
    found = mean_face_figures(task, faces, records)
    assert found is not None
    train, test = (torch.from_numpy(faces.read(s).landmarks).double() for s in ("train", "test"))
    length = torch.from_numpy(faces.read("test").normalizer[:, 0]).double()
    nme = normalized_mean_error(train.nanmean(dim=0).expand_as(test), test, length)
    assert found["full"]["nme"] == pytest.approx(float(nme.nanmean()), rel=1e-4)


def test_the_mean_face_of_the_validation_faces(dots: FaceFile) -> None:
    datamodule = FaceDataModule(dots, batch_size=8)
    train, faces = datamodule.train_faces.landmarks.double(), datamodule.val_faces
    answer = train.mean(dim=0).expand_as(faces.landmarks)
    nme = normalized_mean_error(answer, faces.landmarks.double(), faces.normalizer[:, 0].double())
    assert mean_face_of_validation(datamodule) == pytest.approx(float(nme.mean()), rel=1e-4)
