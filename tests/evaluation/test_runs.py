import json
import math
from pathlib import Path
from typing import Any

import pytest

from landmark_lightning.evaluation.runs import find_runs, gather, read_run


def _write(path: Path, **changes: Any) -> Path:  # noqa: ANN401
    content = {
        "dataset": "aflw",
        "model": "bb",
        "seed": 0,
        "normalizer": "box",
        "epochs": 3,
        "train_seconds": 12.5,
        "subsets": {"full": {"nme": 5.0, "spearman": None, "discard": {"30": 4.0}}},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | changes))
    return path


def test_a_figure_is_found_by_its_keys_or_none(tmp_path: Path) -> None:
    subsets = {"full": {"nme": 5, "spearman": None, "ause": math.nan, "discard": {"30": 4.0}}}
    run = read_run(_write(tmp_path / "metrics.json", subsets=subsets))
    assert run.figure("train_seconds") == 12.5
    assert run.figure("subsets", "full", "nme") == 5
    assert run.figure("subsets", "full", "discard", "30") == 4
    for keys in (("spearman",), ("ause",), ("pearson",), ("nme", "30"), ("discard",)):
        assert run.figure("subsets", "full", *keys) is None
    assert run.figure("model") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": None}, "dataset is missing or wrong"),
        ({"model": 3}, "model is missing or wrong"),
        ({"seed": "0"}, "seed is missing or wrong"),
        ({"normalizer": ["box"]}, "normalizer is missing or wrong"),
        ({"subsets": {}}, "subsets.full is missing"),
        ({"subsets": [1]}, "subsets.full is missing"),
    ],
)
def test_a_run_that_lacks_something_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = _write(tmp_path / "metrics.json", **changes)
    with pytest.raises(ValueError, match=rf"metrics\.json .*{message}"):
        read_run(path)


@pytest.mark.parametrize("content", [b"", b'{"a"', b"[1]", b"\xff\xfe\x00"])
def test_a_broken_file_is_named_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"metrics\.json") as caught:
        read_run(path)
    assert "\n" not in str(caught.value)


def test_broken_and_double_runs_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    kept = _write(tmp_path / "aflw/bb/seed0/metrics.json")
    double = _write(tmp_path / "copy/metrics.json")
    broken = tmp_path / "aflw/bb/seed1/metrics.json"
    broken.parent.mkdir()
    broken.write_text("{")
    runs, left_out = find_runs(tmp_path)
    assert [run.path for run in runs] == [kept]
    assert len(left_out) == 2
    assert str(broken) in left_out[0]
    assert str(double) in left_out[1]
    assert str(kept) in left_out[1]


def test_cells_follow_the_paper_and_never_mix_normalizers(tmp_path: Path) -> None:
    for model in ("zeta", "bb", "bbs", "alpha", "non", "bbo", "nobb"):
        _write(tmp_path / "aflw" / model / "metrics.json", model=model)
    for seed in (2, 10, 0):
        _write(tmp_path / f"300w/{seed}/metrics.json", dataset="300w", seed=seed)
    _write(tmp_path / "diag/metrics.json", normalizer="diag")
    cells = gather(find_runs(tmp_path)[0])
    assert [(cell.dataset, cell.normalizer, cell.model) for cell in cells] == [
        ("300w", "box", "bb"),
        *(("aflw", "box", m) for m in ("non", "nobb", "bbo", "bb", "bbs", "alpha", "zeta")),
        ("aflw", "diag", "bb"),
    ]
    assert [run.seed for run in cells[0].runs] == [0, 2, 10]
    assert cells[0].figures("subsets", "full", "nme") == [5.0, 5.0, 5.0]
