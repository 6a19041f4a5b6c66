import csv
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landmark_lightning.inference.calibration import Calibration, measured
from landmark_lightning.inference.predictions_csv import COLUMNS, write_table
from landmark_lightning.runs.predictions import Records
from tests.inference.test_calibration import answers
from tests.made_runs import MakeRecords

HALF = torch.tensor([[2.0, 0, 10], [0, 2, 30]])
"""From input pixels to photo pixels that are half as large."""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def column(table: list[dict[str, str]], name: str, records: Records) -> Any:  # noqa: ANN401
    """One column as numbers (N, L); NaN where it is blank."""
    values = [float(row[name] or "nan") for row in table]
    return np.reshape(values, records.visible.shape)


def placed(records: Records, **changed: Any) -> Records:  # noqa: ANN401
    faces = len(records.photo)
    return dataclasses.replace(records, to_photo=HALF.repeat(faces, 1, 1), **changed)


@pytest.mark.parametrize("model", ["bb", "non"])
def test_lengths_are_pixels_of_the_photo(
    make_records: MakeRecords, tmp_path: Path, model: str
) -> None:
    records = placed(make_records(5, model=model, missing=0.2))
    calibration = measured(answers(300, 0, landmarks=19), {"true": answers(300, 1, landmarks=19)})
    write_table(tmp_path / "predictions.csv", records, calibration.to_dict())
    table = rows(tmp_path / "predictions.csv")
    assert tuple(table[0]) == COLUMNS
    assert [row["image"] for row in table[::19]] == list(records.photo)
    assert [row["face"] for row in table[::19]] == list("01234")
    assert [row["landmark"] for row in table[:19]] == [str(i) for i in range(19)]
    off = torch.tensor([10.0, 30])
    expected = (2 * records.prediction + off).numpy()
    found = np.stack([column(table, axis, records) for axis in "xy"], axis=2)
    np.testing.assert_allclose(found, expected, atol=0.006)
    truth = np.stack([column(table, f"true_{axis}", records) for axis in "xy"], axis=2)
    np.testing.assert_allclose(truth, (2 * records.target + off).numpy(), atol=0.006)
    error = 2 * (records.prediction - records.target).norm(dim=2).numpy()
    np.testing.assert_allclose(column(table, "error", records), error, atol=0.006)
    assert np.isnan(error).any(), "a landmark that is not labelled has a blank error"
    signal = None if records.signal is None else records.signal.double().numpy()
    known = Calibration.from_dict(calibration.to_dict())
    predicted = known.predicted_error(signal, 5)
    np.testing.assert_allclose(
        column(table, "predicted_error", records), 2 * predicted, atol=0.006
    )
    np.testing.assert_allclose(
        column(table, "bound", records), 2 * known.bound(signal, faces=5), atol=0.006
    )
    kept = column(table, "kept", records)
    np.testing.assert_array_equal(kept, predicted <= known.usual)
    np.testing.assert_array_equal(column(table, "visible", records), records.visible)
    assert {row["covered"] for row in table} == {""}


def test_without_a_calibration_the_signal_stands_as_it_is(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    made = make_records(3)
    names = [f"point {i}" for i in range(19)]
    info = dataclasses.replace(made.info, scheme=made.info.scheme | {"names": names})
    records = placed(made, info=info, covered=torch.full((3, 19), 0.25))
    write_table(tmp_path / "predictions.csv", records, None)
    table = rows(tmp_path / "predictions.csv")
    assert records.signal is not None
    np.testing.assert_allclose(
        column(table, "predicted_error", records), 2 * records.signal.numpy(), atol=0.006
    )
    assert {(row["bound"], row["kept"], row["covered"]) for row in table} == {("", "1", "0.250")}
    assert [row["name"] for row in table[:19]] == names
