import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from landmark_lightning.runs.results import find_runs, gather, read_run

CONFIG = {"seed": 0, "network": {"width": 8}, "runs_dir": "runs", "trainer": {"devices": 1}}


def _write(path: Path, config: dict[str, Any] | None = CONFIG, **changes: Any) -> Path:  # noqa: ANN401
    """A metrics.json, and config.yaml beside it where it has one."""
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
    if config is not None:
        path.with_name("config.yaml").write_text(yaml.safe_dump(config))
    return path


def test_a_figure_is_found_by_its_keys_or_none(tmp_path: Path) -> None:
    subsets = {"full": {"nme": 5, "spearman": None, "ause": math.nan, "discard": {"30": 4.0}}}
    run = read_run(_write(tmp_path / "metrics.json", subsets=subsets).parent)
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
        read_run(path.parent)


@pytest.mark.parametrize("content", [b"", b'{"a"', b"[1]", b"\xff\xfe\x00"])
def test_a_broken_file_is_named_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"metrics\.json") as caught:
        read_run(path.parent)
    assert "\n" not in str(caught.value)


def test_broken_and_double_runs_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    kept = _write(tmp_path / "aflw/bb/seed0/metrics.json")
    double = _write(tmp_path / "copy/metrics.json")
    broken = tmp_path / "aflw/bb/seed1/metrics.json"
    broken.parent.mkdir()
    broken.write_text("{")
    runs, left_out = find_runs(tmp_path)
    assert [run.path for run in runs] == [kept.parent]
    assert len(left_out) == 2
    assert str(broken) in left_out[0]
    assert left_out[1] == f"{double.parent} is of the same run as {kept.parent}"


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


def _names(folder: Path) -> dict[str, list[int]]:
    """The seeds of each cell by its name."""
    return {cell.name: [run.seed for run in cell.runs] for cell in gather(find_runs(folder)[0])}


def test_seeds_that_were_trained_otherwise_share_no_row(tmp_path: Path) -> None:
    for seed, width in enumerate((8, 16, 8, 128)):
        config = {**CONFIG, "seed": seed, "network": {"width": width}}
        _write(tmp_path / f"{seed}/metrics.json", config, seed=seed)
    assert _names(tmp_path) == {
        "bb (network.width=8)": [0, 2],
        "bb (network.width=16)": [1],
        "bb (network.width=128)": [3],
    }


def test_seeds_of_other_faces_share_no_row(tmp_path: Path) -> None:
    for seed, data in enumerate(("3f2a91bc", "0123456789", "3f2a91bc", None)):
        _write(tmp_path / f"{seed}/metrics.json", seed=seed, data=data)
    assert _names(tmp_path) == {
        "bb (data 012345)": [1],
        "bb (data 3f2a91)": [0, 2],
        "bb (data unknown)": [3],
    }


def test_paths_devices_and_loggers_set_no_seeds_apart(tmp_path: Path) -> None:
    for seed in range(3):
        config: dict[str, Any] = {
            "seed": seed,
            "runs_dir": f"runs{seed}",
            "data_dir": f"data{seed}",
            "rerun": seed == 1,
            "workers": seed,
            "dataset": {"root": f"/data{seed}", "name": "aflw", "boxes": "landmarks"},
            "logger": {"wandb": seed == 0},
            "data": {"residency": ("auto", "host", "stream")[seed], "prefetch": 0},
            "trainer": {"devices": seed, "strategy": f"{seed}", "accelerator": f"{seed}"},
        }
        _write(tmp_path / f"{seed}/metrics.json", config, seed=seed)
    assert _names(tmp_path) == {"bb": [0, 1, 2]}


def test_streaming_that_lets_lpbb_draw_by_older_losses_is_another_training(
    tmp_path: Path,
) -> None:
    for seed, refresh in enumerate(("none", "none", "online", "online")):
        config = {
            "data": {"residency": "stream" if seed % 2 else "auto", "prefetch": 2},
            "model": {"balancing": {"refresh": refresh}},
        }
        model = "nobb" if refresh == "none" else "bbo"
        _write(tmp_path / f"{seed}/metrics.json", config, seed=seed, model=model)
    assert _names(tmp_path) == {
        "nobb": [0, 1],
        "bbo (data.residency=stream)": [3],
        "bbo (data.residency unset)": [2],
    }


def test_one_seed_of_two_settings_is_two_runs(tmp_path: Path) -> None:
    for width in (8, 16):
        _write(tmp_path / f"{width}/metrics.json", {**CONFIG, "network": {"width": width}})
    copy = _write(tmp_path / "copy/metrics.json")
    evaluated = _write(tmp_path / "evaluated/metrics.json", None, train_seconds=None)
    runs, left_out = find_runs(tmp_path)
    assert len(runs) == 2
    assert [sentence.split()[0] for sentence in left_out] == [
        str(copy.parent),
        str(evaluated.parent),
    ]


def test_runs_that_do_not_say_how_they_were_made_are_reported_apart(tmp_path: Path) -> None:
    _write(tmp_path / "0/metrics.json")
    _write(tmp_path / "1/metrics.json", None, seed=1)
    _write(tmp_path / "2/metrics.json", None, seed=2)
    (tmp_path / "2/config.yaml").write_text("a: [1")
    assert _names(tmp_path) == {"bb": [0], "bb (settings unknown)": [1, 2]}
    (said,) = find_runs(tmp_path)[1]
    assert f"{tmp_path / '1/config.yaml'} and 1 more can't be read" in said
    (tmp_path / "0/config.yaml").unlink()
    assert _names(tmp_path) == {"bb": [0, 1, 2]}, "as they were before configs were compared"


def test_a_run_behind_a_link_is_read_once(tmp_path: Path) -> None:
    runs, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    _write(elsewhere / "seed1/metrics.json", seed=1)
    _write(runs / "aflw/bb/seed0/metrics.json")
    (runs / "aflw/bb/seed1").symlink_to(elsewhere / "seed1")
    (runs / "more").symlink_to(elsewhere)
    (runs / "round").symlink_to(runs)
    (runs / "gone").symlink_to(tmp_path / "nowhere")
    found, left_out = find_runs(runs)
    assert sorted(run.seed for run in found) == [0, 1]
    assert left_out == [
        f"{runs / 'gone'} is a link that leads nowhere",
        f"{runs / 'more/seed1'} is the folder {runs / 'aflw/bb/seed1'} under another name: its "
        "runs count once",
        f"{runs / 'round'} is the folder {runs} under another name: its runs count once",
    ]


def test_a_setting_counts_where_a_sweep_varies_it(tmp_path: Path) -> None:
    for residency in ("host", "stream"):
        for seed in (0, 1):
            variant = f"data.residency={residency}"
            config = CONFIG | {"data": {"residency": residency}, "seed": seed, "variant": variant}
            _write(tmp_path / residency / f"{seed}/metrics.json", config, seed=seed)
    runs, left_out = find_runs(tmp_path)
    assert not left_out
    assert [(cell.name, len(cell.runs)) for cell in gather(runs)] == [
        ("bb (data.residency=host)", 2), ("bb (data.residency=stream)", 2)
    ]  # fmt: skip
