import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from landmark_lightning.runs.predictions import Records, read_records, write_records
from tests.made_runs import made_records

MakeRecords = Callable[..., Records]
TENSORS = ("prediction", "target", "visible", "normalizer", "subsets", "to_photo", "prior")


@pytest.mark.parametrize("model", ["bb", "non"])
@pytest.mark.parametrize("subset_names", [("frontal", "none"), ()])
@pytest.mark.parametrize("faces", [40, 0])
def test_what_is_written_is_read(
    make_records: MakeRecords,
    tmp_path: Path,
    model: str,
    subset_names: tuple[str, ...],
    faces: int,
) -> None:
    records = make_records(faces, model=model, subset_names=subset_names, missing=0.1)
    if subset_names:
        group = tuple(f"Zoë {face // 2}" if face else "" for face in range(faces))
        records = dataclasses.replace(records, group=group)
    write_records(tmp_path / "new" / "predictions.h5", records)
    again = read_records(tmp_path / "new" / "predictions.h5")
    for name in TENSORS:
        assert torch.equal(getattr(again, name).nan_to_num(), getattr(records, name).nan_to_num())
    if records.signal is None:
        assert again.signal is None
    else:
        assert again.signal is not None
        assert torch.equal(again.signal, records.signal)
    assert again.photo == records.photo
    assert again.group == records.group
    assert again.info == records.info


def test_the_names_of_the_landmarks_are_those_of_the_scheme(make_records: MakeRecords) -> None:
    info = make_records().info
    assert info.names == ()
    names = [f"p{i}" for i in range(19)]
    named = dataclasses.replace(info, scheme=info.scheme | {"names": names})
    assert named.names == tuple(names)


def test_a_second_write_replaces_and_leaves_nothing_else(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    path = tmp_path / "predictions.h5"
    write_records(path, make_records(seed=0))
    write_records(path, make_records(seed=1))
    assert read_records(path).info.seed == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_keeps_the_old_file(
    make_records: MakeRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "predictions.h5"
    write_records(path, make_records(seed=0))

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(h5py.File, "create_dataset", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_records(path, make_records(seed=1))
    assert read_records(path).info.seed == 0
    assert list(tmp_path.iterdir()) == [path]


def test_a_secondary_normalizer_may_be_unusable(make_records: MakeRecords, tmp_path: Path) -> None:
    records = make_records()
    records.normalizer[0, 1] = torch.nan
    write_records(tmp_path / "predictions.h5", records)
    assert read_records(tmp_path / "predictions.h5").normalizer[0, 1].isnan()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prediction", torch.zeros(40, 0, 2), r"prediction has shape \(40, 0, 2\)"),
        ("target", torch.zeros(40, 19), r"target has shape \(40, 19\), expected \(40, 19, 2\)"),
        ("target", torch.zeros(40, 19, 2).double(), "target is torch.float64"),
        ("prediction", torch.full((40, 19, 2), torch.nan), "prediction holds a number"),
        ("signal", torch.full((40, 19), torch.inf), "signal holds a number"),
        ("subsets", torch.zeros(40, 2), "subsets is torch.float32, expected torch.bool"),
        ("visible", torch.ones(40, 19), "visible is torch.float32, expected torch.uint8"),
        ("target", torch.full((40, 19, 2), torch.nan), "target holds a number that is not finite"),
        ("visible", torch.zeros(40, 19, dtype=torch.uint8), "target has a place for a landmark"),
        ("photo", ("a.jpg",), "photo has 1 names, expected 40"),
    ],
)
def test_records_refuse(
    make_records: MakeRecords, field: str, value: object, message: str
) -> None:
    changes: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(make_records(), **changes)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("normalizers", (), "at least one normalizer"),
        ("normalizers", ("box", "box"), "names one twice"),
        ("subset_names", ("full",), "always means the whole split"),
    ],
)
def test_info_refuses(make_records: MakeRecords, field: str, value: object, message: str) -> None:
    changes: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(make_records().info, **changes)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        offset = file["prediction"].id.get_chunk_info(0).byte_offset
    content[offset + 5] ^= 1
    path.write_bytes(bytes(content))


def _text(path: Path) -> None:
    path.write_text("these are no predictions")


def _foreign(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["prediction"] = np.zeros((2, 3, 2))


def _newer(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99


def _without_target(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["target"]


def _strange_info(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["info"] = json.dumps({"normalizers": [], "subset_names": []})


def _renamed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["info"] = file.attrs["info"].replace("aflw", "aglw")


def _list_info(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["info"] = "[1, 2]"


def _soft_link(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.move("target", "elsewhere")
        file["target"] = h5py.SoftLink("/elsewhere")


def _group(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["target"]
        file.create_group("target")


def _bomb(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["target"]
        file.create_dataset("target", shape=(10**9, 19, 2), dtype="f4", chunks=(1, 19, 2))


def _double(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["target"]
        file["target"] = np.zeros((40, 19, 2))


def _text_as_numbers(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["target"]
        file["target"] = np.array([b"one", b"two"])


def _numbers_as_photos(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["photo"]
        file["photo"] = np.zeros(40)


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        _flip,
        _text,
        _foreign,
        _newer,
        _without_target,
        _strange_info,
        _renamed,
        _list_info,
        _soft_link,
        _group,
        _bomb,
        _double,
        _text_as_numbers,
        _numbers_as_photos,
    ],
)
def test_a_damaged_or_foreign_file_is_named_in_one_sentence(
    make_records: MakeRecords, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "predictions.h5"
    write_records(path, make_records())
    damage(path)
    with pytest.raises(ValueError, match=r"predictions\.h5") as caught:
        read_records(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"predictions\.h5 does not exist"):
        read_records(tmp_path / "predictions.h5")


def test_what_is_covered_is_kept(tmp_path: Path) -> None:
    records = made_records(faces=3)
    covered = torch.rand(3, records.prediction.shape[1])
    records = dataclasses.replace(records, covered=covered)
    write_records(tmp_path / "p.h5", records)
    kept = read_records(tmp_path / "p.h5").covered
    assert kept is not None
    assert torch.equal(kept, covered)
    assert made_records().covered is None
