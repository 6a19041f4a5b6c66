import numpy as np
import pytest

from landmark_lightning.datasets.face import SPLITS
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.inspection.measures import MEASURES, inspect_faces
from landmark_lightning.inspection.plots import plot_distributions


def test_a_panel_a_measure_with_all_faces_of_both_splits(rendered: FaceFile) -> None:
    found = inspect_faces(rendered, {name: rendered.read(name) for name in SPLITS})
    figure = plot_distributions(found, "rendered")
    assert [axes.get_xlabel().split(" (")[1] for axes in figure.axes] == [
        f"{unit})" for name, unit in MEASURES.items() if name not in ("hidden", "unlabelled")
    ]
    for axes in figure.axes:
        for outline in axes.patches:
            heights = np.asarray(outline.get_path().vertices)[1:-1:2, 1]
            assert heights.sum() == pytest.approx(100)


def test_a_measure_that_is_missing_or_the_same_for_all_can_be_plotted(dots: FaceFile) -> None:
    splits = {name: dots.read(name) for name in SPLITS}
    found = inspect_faces(dots, splits)
    for measures in found.measures.values():
        measures["padding"][:] = 0
    figure = plot_distributions(found, "dots")
    assert len(figure.axes) == len(MEASURES) - 2
