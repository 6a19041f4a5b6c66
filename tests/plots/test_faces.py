import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from landmark_lightning.plots.faces import (
    PREDICTED_SIDE,
    SHEET_SIDE,
    contact_sheet,
    nme_caption,
    predicted_faces,
    stacked,
)

GRAY = 128


def _faces(faces: int = 3, side: int = 32) -> tuple[Tensor, Tensor]:
    images = torch.full((faces, side, side), GRAY, dtype=torch.uint8)
    points = side * torch.rand(faces, 5, 2, generator=torch.Generator().manual_seed(0))
    return images, points


def _colored(sheet: Image.Image) -> NDArray[np.bool_]:
    pixels = np.asarray(sheet).astype(int)
    return np.asarray(np.ptp(pixels, axis=2) > 60)


def test_a_dot_lies_on_the_centre_of_its_pixel() -> None:
    images = torch.full((1, 32, 32), GRAY, dtype=torch.uint8)
    sheet = contact_sheet(images, torch.tensor([[[10.0, 21.0]]]), ["one"], scale=8)
    margin = (sheet.width - 32 * 8) // 2
    y, x = (places.mean() - margin for places in np.nonzero(_colored(sheet)))
    assert (x + 0.5) / 8 == pytest.approx(10.5, abs=0.1)
    assert (y + 0.5) / 8 == pytest.approx(21.5, abs=0.1)


def test_faces_fill_rows_and_are_enlarged_to_be_seen() -> None:
    images, points = _faces(faces=5)
    sheet = contact_sheet(images, points, list("abcde"), columns=2)
    assert 2 * SHEET_SIDE <= sheet.width < 3 * SHEET_SIDE
    assert 3 * SHEET_SIDE <= sheet.height < 4 * SHEET_SIDE
    sheet = predicted_faces(images, points, points, None, columns=2)
    assert 2 * PREDICTED_SIDE <= sheet.width < 3 * PREDICTED_SIDE
    assert 3 * PREDICTED_SIDE <= sheet.height < 4 * PREDICTED_SIDE


def test_a_landmark_that_is_not_labelled_is_left_out_and_its_prediction_stands_alone() -> None:
    images, points = _faces(faces=1)
    target = points.clone()
    target[0, 1:] = torch.nan
    one, all_five = (contact_sheet(images, p, ["face"]) for p in (target, points))
    assert 0 < _colored(one).sum() < 0.5 * _colored(all_five).sum()
    with_rings, alone = (predicted_faces(images, t, points, None) for t in (points, target))
    assert 0 < _colored(alone).sum() < _colored(with_rings).sum()
    assert nme_caption(math.nan) == "no NME"
    assert nme_caption(4.26) == "NME 4.3%"


def test_captions_stand_and_cut_to_their_face() -> None:
    images, points = _faces(faces=2)
    short = np.asarray(contact_sheet(images, points, ["", "b"], columns=2)).astype(int)
    long = np.asarray(contact_sheet(images, points, ["W" * 200, "b"], columns=2)).astype(int)
    changed = np.nonzero(np.abs(long - short).max(axis=2))
    assert changed[0].min() > SHEET_SIDE
    assert SHEET_SIDE / 2 < changed[1].max() < 1.1 * SHEET_SIDE


def test_a_higher_signal_has_another_colour_on_one_scale_for_the_sheet() -> None:
    images = torch.full((2, 32, 32), GRAY, dtype=torch.uint8)
    points = torch.full((2, 1, 2), 16.0)
    sheet = predicted_faces(images, points, points, torch.tensor([[0.0], [3.0]]), columns=2)
    pixels = np.asarray(sheet).astype(int)
    margin = 6
    y = margin + round(16.5 / 32 * PREDICTED_SIDE)
    low, high = pixels[y, y], pixels[y, y + PREDICTED_SIDE + margin]
    assert low.sum() > high.sum() + 200
    assert high[0] > 2 * high[1]


def test_without_signal_the_legend_has_no_scale() -> None:
    images, points = _faces()
    with_signal = predicted_faces(images, points, points + 1, torch.rand(3, 5))
    without = predicted_faces(images, points, points + 1, None)
    legend = slice(-26, None)
    assert _colored(without)[legend].sum() < _colored(with_signal)[legend].sum() / 3


def test_points_far_outside_and_negative_signals_are_plotted() -> None:
    images, points = _faces()
    sheet = predicted_faces(images, points, points + 1e12, -torch.rand(3, 5), captions=list("abc"))
    assert sheet.mode == "RGB"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": torch.zeros(3, 32, 32)}, "images is torch.float32"),
        ({"images": torch.zeros(0, 32, 32, dtype=torch.uint8)}, r"shape \(0, 32, 32\)"),
        ({"target": torch.zeros(2, 5, 2)}, r"target has shape \(2, 5, 2\), expected \(3, L, 2\)"),
        ({"prediction": torch.full((3, 5, 2), math.nan)}, "prediction holds a number"),
        ({"signal": torch.zeros(3, 4)}, r"signal has shape \(3, 4\), expected \(3, 5\)"),
        ({"captions": ["a"]}, "captions has 1 lines, expected 3"),
        ({"columns": 0}, "columns=0 must be at least 1"),
        ({"scale": 0}, "scale=0 must be at least 1"),
    ],
)
def test_what_cannot_be_plotted_is_refused(changes: dict[str, Any], message: str) -> None:
    images, points = _faces()
    arguments = {"images": images, "target": points, "prediction": points, "signal": None}
    with pytest.raises(ValueError, match=message):
        predicted_faces(**{**arguments, **changes})


def test_a_sheet_needs_a_caption_for_each_face() -> None:
    images, points = _faces()
    with pytest.raises(ValueError, match="captions has 2 lines, expected 3"):
        contact_sheet(images, points, ["a", "b"])


def test_stacked_sheets_stand_whole_below_their_titles() -> None:
    images, points = _faces(faces=4)
    wide = contact_sheet(images, points, [""] * 4, columns=4)
    narrow = contact_sheet(images[:1], points[:1], [""], columns=4)
    whole = stacked({"wide": wide, "narrow": narrow})
    assert whole.width == wide.width
    pixels = np.asarray(whole)
    title = whole.height - wide.height - narrow.height
    top, below = title // 2, title + wide.height
    np.testing.assert_array_equal(pixels[top : top + wide.height], np.asarray(wide))
    np.testing.assert_array_equal(pixels[below:, : narrow.width], np.asarray(narrow))
    assert pixels[:top].min() < 128
    with pytest.raises(ValueError, match="sheets is empty"):
        stacked({})
