import math
from typing import Any

import numpy as np
import pytest

from landmark_lightning.metrics.validation import with_full
from landmark_lightning.runs.by_face import ByFace, values_by_face
from landmark_lightning.runs.figures import summarize
from tests.made_runs import made_records


@pytest.mark.parametrize("model", ["bb", "non"])
def test_their_means_are_the_figures_of_metrics_json(model: str) -> None:
    records = made_records(model=model, missing=0.2, scheme="ibug68")
    records.normalizer[3] = 0
    subsets = ("full", *records.info.subset_names)
    members = dict(zip(subsets, with_full(records.subsets).T.numpy(), strict=True))
    values = {keys: of_faces[None] for keys, of_faces in values_by_face(records).items()}
    by_face = ByFace((0,), records.photo, (), members, values)
    for subset, figures in summarize(records).items():
        for keys in values:
            figure: Any = figures
            for key in keys:
                figure = figure[key]
            found = by_face.of(("subsets", subset, *keys))
            assert found is not None
            mean = float(np.nanmean(found)) if not np.isnan(found).all() else math.nan
            assert mean == pytest.approx(math.nan if figure is None else figure, nan_ok=True)


def test_what_is_no_mean_over_faces_is_not_among_them() -> None:
    by_face = ByFace((0,), ("a",), (), {"full": np.array([True])}, {("nme",): np.ones((1, 1))})
    assert by_face.of(("subsets", "full", "spearman")) is None
    assert by_face.of(("subsets", "nowhere", "nme")) is None
    assert by_face.of(("train_seconds",)) is None
