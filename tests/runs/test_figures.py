import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
import scipy.stats
import torch
from torch import Tensor

from landmark_lightning.metrics.discarding import (
    discard_count,
    discard_error,
    random_discard_error,
)
from landmark_lightning.metrics.nme import landmark_error, normalized_error
from landmark_lightning.runs.figures import (
    bound_figures,
    coverage_figures,
    discard_curve,
    offset_figures,
    offset_sentence,
    summarize,
)
from landmark_lightning.runs.predictions import Records
from tests.made_runs import made_records

MakeRecords = Callable[..., Records]

KEYS = {
    *(
        "faces",
        "faces_by",
        "nme",
        "nme_less_mean",
        "nme_by",
        "nme_visible_by",
        "fr_0.08",
        "auc_0.08",
        "fr_0.10",
        "auc_0.10",
    ),
    *("discard", "discard_random", "discard_prior", "discard_oracle", "closed"),
    *("spearman", "spearman_face", "pearson", "ause", "signal_mae", "failure_auroc"),
}
OF_SIGNAL = {"spearman", "spearman_face", "pearson", "ause", "signal_mae", "failure_auroc"}


def _leaves(value: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(value, dict):
        return [leaf for entry in value.values() for leaf in _leaves(entry)]
    return [value]


def _chosen(records: Records, faces: Tensor) -> Records:
    """The records of some of the faces, (N,) bool."""
    assert records.signal is not None
    names = ("prediction", "target", "signal", "visible", "normalizer", "subsets", "to_photo")
    return dataclasses.replace(
        records,
        **{name: getattr(records, name)[faces] for name in names},
        photo=tuple(records.photo[i] for i in faces.nonzero().flatten().tolist()),
    )


def test_every_subset_has_every_figure_and_json_takes_it(make_records: MakeRecords) -> None:
    summary = summarize(make_records())
    assert list(summary) == ["full", "frontal", "none"]
    for figures in summary.values():
        assert set(figures) == KEYS
        for name in ("discard", "discard_random", "discard_prior", "discard_oracle"):
            assert list(figures[name]) == ["10", "20", "30"]
        assert list(figures["closed"]) == ["within", "pooled", "face"]
        assert list(figures["nme_by"]) == list(figures["nme_visible_by"]) == ["box", "diag"]
    assert all(leaf is not None for leaf in _leaves(summary["full"]))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_an_empty_subset_has_no_faces_and_no_figures(make_records: MakeRecords) -> None:
    empty = summarize(make_records())["none"]
    assert empty.pop("faces") == 0
    assert empty.pop("faces_by") == {"box": 0, "diag": 0}
    assert all(leaf is None for leaf in _leaves(empty))


def test_a_subset_is_summarized_as_if_it_were_all(make_records: MakeRecords) -> None:
    records = make_records(missing=0.2)
    alone = _chosen(records, records.subsets[:, 0])
    part, whole = summarize(records)["frontal"], summarize(alone)["full"]
    for figures in (part, whole):
        figures.pop("discard_random")
        figures.pop("nme_less_mean")  # of the mean vector of all faces
    assert _leaves(part) == pytest.approx(_leaves(whole))


def test_a_model_without_signal_discards_at_random(make_records: MakeRecords) -> None:
    figures = summarize(make_records(model="non"))["full"]
    assert figures["discard"] == figures["discard_random"]
    assert all(figures[name] is None for name in OF_SIGNAL)
    assert figures["closed"] == {"within": None, "pooled": None, "face": None}
    assert figures["discard_prior"]["30"] < figures["nme"]


def test_visible_landmarks_of_the_faces_that_have_one(make_records: MakeRecords) -> None:
    records = make_records()
    records.visible[3] = 1
    error = normalized_error(records.prediction, records.target, records.normalizer[:, 1])
    for name, member in (("full", torch.ones(40).bool()), ("frontal", records.subsets[:, 0])):
        by_face = [error[i][records.visible[i] == 2].mean() for i in member.nonzero() if i != 3]
        shown = summarize(records)[name]["nme_visible_by"]["diag"]
        assert shown == pytest.approx(float(torch.stack(by_face).mean()), rel=1e-5)


def test_a_file_without_hidden_landmarks_does_not_repeat_the_nme(
    make_records: MakeRecords,
) -> None:
    records = make_records()
    records.visible[:] = 2
    figures = summarize(records)["full"]
    assert figures["nme_visible_by"] == {"box": None, "diag": None}
    assert figures["nme_by"]["diag"] is not None


@pytest.mark.parametrize("length", [0.0, torch.nan, torch.inf])
def test_a_face_without_a_normalizer_is_left_out_of_its_figures_and_counted(
    make_records: MakeRecords, length: float
) -> None:
    records = make_records()
    before = summarize(records)["full"]
    records.normalizer[4] = length
    left = summarize(_chosen(records, torch.arange(40) != 4))["full"]
    after = summarize(records)["full"]
    assert (after["faces"], after["faces_by"]) == (40, {"box": 39, "diag": 39})
    in_pixels = ("spearman", "spearman_face", "pearson", "signal_mae")
    assert [after[name] for name in in_pixels] == [before[name] for name in in_pixels]
    for name in ("faces", "discard_random", *in_pixels):
        for figures in (left, after):
            del figures[name]
    assert _leaves(after) == pytest.approx(_leaves(left))


def test_a_secondary_normalizer_leaves_the_figures_of_the_first(make_records: MakeRecords) -> None:
    records = make_records()
    before = summarize(records)["full"]
    records.normalizer[4, 1] = 0
    after = summarize(records)["full"]
    for key in ("faces_by", "nme_by", "nme_visible_by"):
        assert after[key].pop("diag") != before[key].pop("diag")
    assert after == before


def test_landmarks_that_are_not_labelled_count_in_nothing(make_records: MakeRecords) -> None:
    records = make_records(missing=0.3)
    records.prediction[records.visible == 0] = 1e6
    figures = summarize(records)["full"]
    error = normalized_error(records.prediction, records.target, records.normalizer[:, 0])
    faces = [face[~face.isnan()] for face in error]
    assert figures["nme"] == pytest.approx(float(torch.stack([f.mean() for f in faces]).mean()))
    kept = [f.sort().values[: len(f) - discard_count(len(f), 30)].mean() for f in faces]
    assert figures["discard_oracle"]["30"] == pytest.approx(float(torch.stack(kept).mean()))
    assert records.signal is not None
    flat = records.target[..., 0].isnan().logical_not()
    rank = scipy.stats.spearmanr(records.signal[flat], (error * records.normalizer[:, :1])[flat])
    assert figures["spearman"] == pytest.approx(rank.statistic, abs=1e-4)
    assert figures["nme"] < 100


def test_a_signal_of_unknown_distance_has_no_mean_absolute_error(
    make_records: MakeRecords,
) -> None:
    records = make_records()
    info = dataclasses.replace(records.info, distance="chebyshev")
    figures = summarize(dataclasses.replace(records, info=info))["full"]
    assert figures["signal_mae"] is None
    assert figures["spearman"] is not None


def test_signal_mae_is_measured_to_the_distance_it_was_trained_for(
    make_records: MakeRecords,
) -> None:
    records = make_records()
    for distance, norm in (("manhattan", 1), ("euclidean", 2)):
        info = dataclasses.replace(records.info, distance=distance)
        perfect = (records.prediction - records.target).norm(p=norm, dim=-1)  # type: ignore[no-untyped-call]
        exact = dataclasses.replace(records, info=info, signal=perfect + 0.25)
        assert summarize(exact)["full"]["signal_mae"] == pytest.approx(0.25, abs=1e-5)


def test_discard_curve_starts_together_and_agrees_with_the_summary(
    make_records: MakeRecords,
) -> None:
    records = make_records()
    curves, figures = discard_curve(records), summarize(records)["full"]
    assert set(curves) == {"signal", "prior", "random", "oracle"}
    for name, key in (("signal", "discard"), ("prior", "discard_prior"), ("oracle",) * 2):
        curve = curves[name]
        assert curve.shape == (51,)
        assert curve[0].item() == pytest.approx(figures["nme"])
        key = "discard_oracle" if name == "oracle" else key
        assert curve[[10, 20, 30]].tolist() == pytest.approx(list(figures[key].values()))
    assert "signal" not in discard_curve(make_records(model="non"))


def test_discarded_figures_refer_to_the_primary_normalizer(make_records: MakeRecords) -> None:
    records = make_records()
    error = normalized_error(
        records.prediction.double(), records.target.double(), records.normalizer[:, 0].double()
    )
    figures = summarize(records)["full"]
    random = random_discard_error(error).mean(dim=0)
    assert list(figures["discard_random"].values()) == pytest.approx(random.tolist())
    oracle = discard_error(error, error).mean(dim=0)
    assert list(figures["discard_oracle"].values()) == pytest.approx(oracle.tolist())


def test_bounds_are_counted_on_labelled_landmarks_of_each_subset(
    make_records: MakeRecords,
) -> None:
    records = make_records(faces=30, missing=0.2)
    error = landmark_error(records.prediction, records.target)
    half = error.nanmedian(dim=1, keepdim=True).values.expand_as(error)
    told = bound_figures(records, {"none": torch.zeros_like(error), "half": half})
    assert set(told) == {"full", *records.info.subset_names}
    assert told["full"]["none"] == {"coverage": 0.0, "width": 0.0}
    known = error.isfinite()
    held = (error <= half)[known].double().mean().item()
    assert told["full"]["half"]["coverage"] == pytest.approx(held)
    assert 0.45 < held < 0.65
    member = records.subsets[:, 0]
    widths = [
        (100 * half[i] / records.normalizer[i, 0])[known[i]].mean()
        for i in member.nonzero()[:, 0]
        if bool(known[i].any())
    ]
    frontal = told[records.info.subset_names[0]]["half"]
    assert frontal["width"] == pytest.approx(float(torch.stack(widths).mean()), rel=1e-4)
    assert told["none"]["half"] == {"coverage": None, "width": None}


def test_what_all_predictions_were_moved_by_is_taken_off(make_records: MakeRecords) -> None:
    records = make_records(missing=0.2)
    moved = dataclasses.replace(
        records, prediction=records.prediction + 0.3 * records.normalizer[:, :1, None]
    )
    for subset in ("full", "frontal"):
        before, after = (summarize(each)[subset] for each in (records, moved))
        assert after["nme_less_mean"] == pytest.approx(before["nme_less_mean"], rel=1e-5)
        assert after["nme"] > 1.2 * after["nme_less_mean"]


def test_the_mirror_check_of_some_faces(make_records: MakeRecords) -> None:
    records = make_records(missing=0.2)
    rows = [3, 5, 8]
    to_right = torch.tensor([0.04, 0.0]) * records.normalizer[:, :1, None]
    target = records.target - to_right  # the labels lie 4% to the left of all answers
    found = offset_figures(
        dataclasses.replace(
            records,
            prediction=records.target.nan_to_num(),
            target=target,
            to_photo=2 * records.to_photo,
        ),
        rows,
        records.target[rows] + to_right[rows],
    )
    assert found["faces"] == 3
    assert found["prediction"] == pytest.approx([4, 0], abs=1e-4)
    assert found["mirrored"] == pytest.approx([-8, 0], abs=1e-4)
    assert found["labels"] == pytest.approx(-6, abs=1e-4)
    assert found["training"] == pytest.approx(-2, abs=1e-4)
    assert found["error"] == pytest.approx(0, abs=1e-4)
    length = float(records.normalizer[rows, 0].mean())
    assert found["pixels"] == pytest.approx(-0.12 * length, abs=1e-4)
    none = dataclasses.replace(records, normalizer=records.normalizer.fill_(torch.nan))
    empty = offset_figures(none, rows, records.prediction[rows])
    assert empty["labels"] is empty["pixels"] is None
    assert empty["prediction"] == empty["mirrored"] == [None, None]


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ((0.9, -0.9, 3.0), None),
        ((None, None, None), None),
        ((3.0, 2.9, 1.2), "the labels lie 3.0% of box, 1.2 px, to the right of where mirrored "
         "pictures say: counted from 1?"),
        ((-3.0, -2.9, -1.2), "the labels lie 3.0% of box, 1.2 px, to the left of where mirrored "
         "pictures say"),
        ((5.2, 2.2, 2.3), "the labels lie 5.2% of box, 2.3 px, to the right of where mirrored "
         "pictures say, and the network answers 2.2% to the right"),
        ((0.1, -2.0, 0.1), "the labels lie 0.1% of box, 0.1 px, to the right of where mirrored "
         "pictures say, and the network answers 2.0% to the left"),
    ],
)  # fmt: skip
def test_an_offset_is_told_from_one_percent_on(
    figures: tuple[float | None, float | None, float | None], told: str | None
) -> None:
    offset = dict(zip(("labels", "training", "pixels"), figures, strict=True))
    assert offset_sentence(offset, "box") == told
    assert offset_sentence({}, "box") is None
    assert offset_sentence(offset | {"error": 2.0}, "box") is None


def test_coverage_is_judged_by_the_datasets_own_labels() -> None:
    records = made_records(scheme="ibug68", dataset="mine", missing=0.1)
    covered, labelled = records.visible == 1, records.visible > 0
    assert coverage_figures(records, torch.zeros(68)) is None
    told = dataclasses.replace(records, covered=covered.float())
    figures = coverage_figures(told, covered.double().mean(dim=0))
    assert figures is not None
    assert figures["full"]["auroc"] == figures["full"]["auroc_landmark"] == 1
    assert 0.5 < figures["full"]["auroc_rate"] < 0.9
    assert figures["none"] == dict.fromkeys(figures["full"])
    same = dataclasses.replace(told, covered=torch.where(labelled, 0.5, 1.0))
    figures = coverage_figures(same, torch.zeros(68))
    assert figures is not None
    assert figures["full"]["auroc"] == figures["full"]["auroc_rate"] == 0.5
    hidden = dataclasses.replace(made_records(), covered=torch.rand(40, 19))
    assert coverage_figures(hidden, torch.zeros(19)) is None  # AFLW's are hidden by the head
