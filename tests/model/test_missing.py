"""Training and testing on faces whose landmarks are not all labelled."""

import pytest
import pytorch_lightning as pl
import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.predict import predict, predict_test, static_prior
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.model.task import LandmarkTask
from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.training.balancing import OnlineBalancing, Rescoring, score_faces
from tests.made_tasks import PHASES, face_losses, fit, task_arguments

RUN = {"dataset": "gappy", "model": "nobb", "seed": 0}


def _task(
    faces: FaceFile, refresh: str = "none", scale: float = 1.0
) -> tuple[LandmarkTask, FaceDataModule]:
    pl.seed_everything(0, verbose=False)
    balancer = None if refresh == "none" else LossBalancer
    module = FaceDataModule(faces, batch_size=10, balancer=balancer)
    arguments = task_arguments(faces, len(module.sampler))
    task = LandmarkTask(**(arguments | {"phases": PHASES | {"scale": scale}}))
    task.start_at_mean_shape(module.train_faces.landmarks)
    return task, module


@pytest.mark.parametrize("refresh", ["none", "online", "rescore"])
def test_a_training_with_gaps_lowers_the_error(gappy: FaceFile, refresh: str) -> None:
    assert float((gappy.read("train").visible == 0).mean()) > 0.2
    task, module = _task(gappy, refresh, scale=5.0)
    callbacks: list[pl.Callback] = []
    if refresh != "none":
        callbacks = [OnlineBalancing() if refresh == "online" else Rescoring(every=0.5)]
    task.static_prior = static_prior(task, module.train_faces)
    before = predict_test(task, gappy, **RUN)  # type: ignore[arg-type]
    trainer = fit(task.train(), module, callbacks=callbacks)
    after = predict_test(task, gappy, **RUN)  # type: ignore[arg-type]
    known = after.visible > 0
    worse, better = (
        float((r.prediction - r.target)[known].norm(dim=-1).mean())  # type: ignore[no-untyped-call]
        for r in (before, after)
    )
    assert better < 0.8 * worse
    assert trainer.callback_metrics["val/nme"].isfinite()
    if refresh != "none":
        assert module.balancer.invalid == 0


def test_scores_do_not_depend_on_how_much_is_labelled(gappy: FaceFile) -> None:
    task, module = _task(gappy)
    faces = module.train_faces
    chosen = torch.arange(len(faces))
    scores = score_faces(task, faces, chosen)
    prediction, target = predict(task, faces)
    for face in range(len(faces)):
        known = ~target[face, :, 0].isnan()
        alone = task.objective(prediction[face, known][None], target[face, known][None])
        assert scores[face].item() == pytest.approx(5 / int(known.sum()) * alone.item(), rel=1e-3)
    assert torch.allclose(face_losses(task.eval(), faces[chosen]), scores, rtol=1e-3)


def test_the_mean_shape_and_the_static_prior_are_of_the_faces_that_have_a_landmark(
    gappy: FaceFile,
) -> None:
    task, module = _task(gappy)
    module.train_faces.landmarks[:, 4] = torch.nan  # a landmark that no face has
    task.start_at_mean_shape(module.train_faces.landmarks)
    last = task.network.head[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.zero_()
    prediction, target = predict(task, module.train_faces)
    torch.testing.assert_close(prediction[0, :4, :2], target.nanmean(dim=0)[:4])
    assert prediction[0, 4, :2].tolist() == pytest.approx([15.5, 15.5])
    prior = static_prior(task, module.train_faces)
    error = (prediction[..., :2] - target).norm(dim=-1)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(prior[:4], error.nanmean(dim=0)[:4])
    assert prior[4].item() == pytest.approx(prior[:4].mean().item())
