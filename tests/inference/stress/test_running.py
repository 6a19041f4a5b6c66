from dataclasses import replace

import torch

from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inference.predict import predict_test
from landmark_lightning.inference.stress.conditions import Condition, conditions_of
from landmark_lightning.inference.stress.running import stress_lines, stress_test
from landmark_lightning.loading.faces import faces_from
from tests.made_tasks import MakeTask

NAMES = {"dataset": "dots", "model": "nobb", "seed": 0}


def test_a_stress_test_is_the_same_whatever_else_is_tested(
    make_task: MakeTask, dots: FaceFile
) -> None:
    """A seed says what is random, not the order, the batches or the other conditions."""
    task, _ = make_task()
    task.static_prior = torch.ones(5)
    records, faces = predict_test(task, dots, **NAMES), faces_from(dots, "test")  # type: ignore[arg-type]
    wanted = conditions_of(["patch"], noise=[3], blur=[1])
    whole, sheet = stress_test(task, faces, records, wanted, batch_size=7)
    assert list(whole["conditions"]) == ["clean", "patch", "blur 1", "noise 3"]
    assert sheet is not None
    alone, _ = stress_test(task, faces, records, [Condition("noise", 3), Condition("patch")])
    for name in ("clean", "patch", "noise 3"):
        for figure in ("nme", "covered", "nme_covered"):
            here, there = (each["conditions"][name][figure] for each in (whole, alone))
            assert here == there or abs(here - there) < 1e-4, (name, figure)
    other, _ = stress_test(task, faces, records, [Condition("patch")], seed=1)
    assert other["conditions"]["patch"]["nme"] != alone["conditions"]["patch"]["nme"]
    lines = stress_lines(whole, "inter_ocular")
    assert len({len(line) for line in lines[:5]}) == 1, "the columns stand below each other"
    assert lines[1].split()[:4] == [
        "clean",
        "20",
        "-",
        f"{whole['conditions']['clean']['nme']:.2f}",
    ]


def test_faces_that_no_cover_fits_are_counted(make_task: MakeTask, gappy: FaceFile) -> None:
    task, _ = make_task()
    task.static_prior = torch.ones(5)
    records, faces = predict_test(task, gappy, **NAMES), faces_from(gappy, "test")  # type: ignore[arg-type]
    scheme = records.info.scheme | {"parts": {"eyes": [0, 1], "mouth": [3, 4]}}
    records = replace(records, info=replace(records.info, scheme=scheme))
    found, _ = stress_test(task, faces, records, [Condition("sunglasses")])
    labelled = records.visible > 0
    fit = labelled[:, 0] & labelled[:, 1] & (labelled[:, 3] | labelled[:, 4])
    assert 0 < int(fit.sum()) < 20
    assert found["conditions"]["sunglasses"]["faces"] == int(fit.sum())
