from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Annotation

from landmark_lightning.inspection.plots import plot_scheme
from landmark_lightning.inspection.shapes import mean_shape, shapes
from landmark_lightning.schemes import Scheme
from tests.conftest import DOTS, dotted_faces

NAMES = ("left_eye", "right_eye", "a $1 nose", "mouth_l", "mouth_r")


@pytest.mark.parametrize("scheme", [DOTS, replace(DOTS, names=NAMES)])
def test_every_landmark_stands_with_its_number_and_name(scheme: Scheme) -> None:
    mean = mean_shape(shapes(np.stack([face.landmarks for face in dotted_faces(9, "train")])))
    figure = plot_scheme(scheme, mean)
    (axes,) = figure.axes
    texts = [child for child in axes.get_children() if isinstance(child, Annotation)]
    names = scheme.names or ("",) * 5
    assert [text.get_text() for text in texts] == [
        f"{i} {name}".rstrip() for i, name in enumerate(names)
    ]
    assert [text.xy for text in texts] == [(point.real, point.imag) for point in mean]
    assert axes.get_title() == "dots5: 5 landmarks, 2 mirror pairs"
    assert len(axes.lines) == 3
    assert axes.yaxis_inverted()
    figure.savefig("/dev/null", format="png")


def test_landmarks_on_one_line_and_without_pairs_are_plotted() -> None:
    line = Scheme("line3", 3, (0, 1, 2), {"box": "box"})
    figure = plot_scheme(line, np.array([-1, 0, 1]) / np.sqrt(2) + 0j)
    assert figure.axes[0].get_title() == "line3: 3 landmarks, no mirror pairs"
    figure.savefig("/dev/null", format="png")
