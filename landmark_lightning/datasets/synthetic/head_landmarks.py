"""The landmarks of the three built-in schemes on the parametric head."""

import numpy as np

from landmark_lightning.datasets.synthetic.head import JAW_END, FloatArray, Head
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import SCHEMES

# The jaw contour of each scheme, from the picture's left to its right.
_JAW = {"ibug68": np.arange(17), "wflw98": np.arange(33), "aflw19": np.array([18])}
# The other landmarks on the picture's left half, in the order of ``_half``, ...
_LEFT = {
    "ibug68": [*range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, 59, 58, 60, 61, 67],
    "wflw98": [*range(33, 42), 55, 56, *range(60, 68), 76, 77, 78, 87, 86, 88, 89, 95, 96],
    "aflw19": [0, 1, 2, 6, 7, 8, 12, 15],
}
# ... and on the middle line, in the order of ``_middle``.
_MIDDLE = {
    "ibug68": [*range(27, 31), 33, 51, 57, 62, 66],
    "wflw98": [*range(51, 55), 57, 79, 85, 90, 94],
    "aflw19": [13, 16],
}


def landmarks(head: Head, scheme: str) -> FloatArray:
    """The landmarks (L, 3) of a built-in scheme in space.

    Raises:
        UserError: A scheme that is not built in.
    """
    if scheme not in _LEFT:
        raise UserError(f"scheme={scheme!r} can't be rendered; choose from {', '.join(_LEFT)}")
    left, jaw, mirror = _LEFT[scheme], _JAW[scheme], np.array(SCHEMES[scheme].mirror)
    points = np.zeros((len(mirror), 2))
    points[left] = _half(head, scheme, -1)
    points[mirror[left]] = _half(head, scheme, 1)
    points[_MIDDLE[scheme]] = _middle(head, scheme)
    position, angle = head.locate(points)
    contour = JAW_END * (np.arange(len(jaw)) - len(jaw) // 2) / max(len(jaw) // 2, 1)
    position[jaw], angle[jaw] = np.abs(contour), np.sign(contour) * np.pi / 2
    places = head.lift(position, angle)
    if scheme == "aflw19":  # The mouth's middle is between the lips, not behind them.
        places[16] = head.lift(*head.locate(head.mouth(1)[[9, 11]])).mean(axis=0)
    return places


def _half(head: Head, scheme: str, side: int) -> FloatArray:
    """Points (P, 2) of one half seen from the front, in the order of ``_LEFT``."""
    (upper, lower), mouth, nose = head.brow(side), head.mouth(side), head.nostrils(side)
    if scheme == "aflw19":
        above, below = head.eye(side, np.array([0.0, 0.5, 1.0]))
        middle = (upper + lower) / 2
        centre = (above[1] + below[1]) / 2
        eye = np.stack([above[0], centre, above[2]])
        return np.concatenate([middle[[0, 2, 4]], eye, nose[:1], mouth[:1]])
    lips = mouth[[0, 1, 2, 4, 5, 7, 8, 10]]
    parts = 3 if scheme == "ibug68" else 4
    above, below = head.eye(side, np.arange(parts + 1) / parts)
    eye = np.concatenate([above, below[-2:0:-1]])
    if scheme == "ibug68":
        return np.concatenate([upper, nose, eye, lips])
    brow = np.concatenate([upper, lower[:0:-1]])
    return np.concatenate([brow, nose, eye, lips, head.pupil(side)[None]])


def _middle(head: Head, scheme: str) -> FloatArray:
    """Points (P, 2) of the middle line seen from the front, in the order of ``_MIDDLE``."""
    lips, tip = head.mouth(1)[[3, 6, 9, 11]], head.nose_base - 0.185
    if scheme == "aflw19":
        return np.stack([[0, tip], lips[2:].mean(axis=0)])
    bridge = [[0, y] for y in np.linspace(-0.574, tip, 4)]
    return np.array([*bridge, [0, head.nose_base + 0.02], *lips])
