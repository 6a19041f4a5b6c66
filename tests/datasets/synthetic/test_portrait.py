import numpy as np

from landmark_lightning.datasets.synthetic.head import Head
from landmark_lightning.datasets.synthetic.portrait import ANGLE, _Texture


def test_a_symmetric_outline_is_painted_around_the_midline() -> None:
    """Pillow cuts the coordinates of a polygon; a face must not lie to the left of its labels."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for wide in np.linspace(0.3, 0.9, 13):
        outline = np.stack([wide * np.sin(turn), 0.3 * np.cos(turn) - 0.2], axis=1)
        columns = np.nonzero(np.asarray(_Texture(Head(), 0.5).mask(outline)))[1]
        assert abs(columns.mean() - (len(ANGLE) - 1) / 2) < 0.1, wide
