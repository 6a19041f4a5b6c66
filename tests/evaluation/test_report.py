import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.evaluation.records import Records, write_records
from landmark_lightning.evaluation.report import format_figures, write_report
from landmark_lightning.evaluation.summary import summarize

MakeRecords = Callable[..., Records]


def _write_run(runs: Path, records: Records, epochs: int = 3) -> Path:
    info = records.info
    folder = runs / info.dataset / info.model / f"seed{info.seed}"
    write_records(folder / "predictions.h5", records)
    content = {
        "dataset": info.dataset,
        "model": info.model,
        "seed": info.seed,
        "scheme": info.scheme["name"],
        "normalizer": info.normalizers[0],
        "epochs": epochs,
        "train_seconds": 61.4,
        "rescore_seconds": 5.6,
        "subsets": summarize(records),
    }
    (folder / "metrics.json").write_text(json.dumps(content))
    return folder


def _rows(tables: str, heading: str) -> dict[str, dict[str, str]]:
    """The first table below a heading, as text by model and column."""
    lines = tables.split(heading, 1)[1].split("| model", 1)[1].splitlines()
    table = ["| model" + lines[0], *lines[1:]]
    rows = []
    for line in table:
        if not line.startswith("|"):
            break
        rows.append([text.strip() for text in line.strip("|").split("|")])
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def test_the_tables_say_what_the_runs_say(make_records: MakeRecords, tmp_path: Path) -> None:
    records = {model: make_records(model=model) for model in ("bb", "non")}
    for of_model in records.values():
        _write_run(tmp_path / "runs", of_model)
    written = write_report(tmp_path / "runs", tmp_path / "new" / "report")
    assert [path.name for path in written] == ["tables.md", "discard.png"]
    tables = written[0].read_text()
    assert "Left out" not in tables
    rows = _rows(tables, "## aflw, box")
    assert list(rows) == ["non", "bb"]
    figures = summarize(records["bb"])
    full = figures["full"]
    assert rows["bb"] == {
        "model": "bb",
        "seeds": "1",
        "epochs": "3",
        "NME box (%)": f"{full['nme']:.2f}",
        "FR at 0.10 (%)": f"{full['fr_0.10']:.2f}",
        "discard 10%": f"{full['discard']['10']:.2f}",
        "discard 20%": f"{full['discard']['20']:.2f}",
        "discard 30%": f"{full['discard']['30']:.2f}",
        "static prior 30%": f"{full['discard_prior']['30']:.2f}",
        "oracle 30%": f"{full['discard_oracle']['30']:.2f}",
        "Spearman": f"{full['spearman']:.2f}",
        "closed within": f"{full['closed']['within']:.2f}",
        "seconds": "61",
        "of which rescoring": "6",
    }
    assert rows["non"]["Spearman"] == rows["non"]["closed within"] == "-"
    by_subset = _rows(tables, "by subset")
    assert by_subset["bb"] == {
        "model": "bb",
        "full (40)": f"{full['nme']:.2f}",
        f"frontal ({figures['frontal']['faces']})": f"{figures['frontal']['nme']:.2f}",
        "none (0)": "-",
    }


def test_seeds_are_averaged(make_records: MakeRecords, tmp_path: Path) -> None:
    nme = []
    for seed in range(3):
        records = make_records(seed=seed, subset_names=())
        _write_run(tmp_path, records, epochs=3 + seed // 2)
        nme.append(summarize(records)["full"]["nme"])
    tables = write_report(tmp_path, tmp_path / "report")[0].read_text()
    row = _rows(tables, "## aflw")["bb"]
    assert row["seeds"] == "3"
    assert row["epochs"] == "3, 4"
    assert row["NME box (%)"] == f"{np.mean(nme):.2f} ± {np.std(nme, ddof=1):.2f}"
    assert "by subset" not in tables


def test_what_is_broken_is_named_and_the_rest_reported(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    good = _write_run(tmp_path, make_records(model="nobb"))
    metrics = _write_run(tmp_path, make_records(model="bb")) / "metrics.json"
    metrics.write_text("{")
    missing = _write_run(tmp_path, make_records(model="bbo")) / "predictions.h5"
    missing.unlink()
    damaged = _write_run(tmp_path, make_records(model="bbs")) / "predictions.h5"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    written = write_report(tmp_path, tmp_path / "report")
    tables = written[0].read_text()
    for path in (metrics, missing, damaged):
        assert sum(str(path) in line for line in tables.splitlines()) == 1
    assert str(good) not in tables
    assert list(_rows(tables, "## aflw")) == ["nobb", "bbo", "bbs"]
    assert len(written) == 2


def test_predictions_on_another_normalizer_are_not_drawn(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    metrics = _write_run(tmp_path, make_records()) / "metrics.json"
    metrics.write_text(metrics.read_text().replace('"normalizer": "box"', '"normalizer": "diag"'))
    written = write_report(tmp_path, tmp_path / "report")
    assert [path.name for path in written] == ["tables.md"]
    assert "predictions.h5 is not on diag" in written[0].read_text()


def test_the_picture_has_a_panel_for_each_dataset_and_model(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    _write_run(tmp_path / "one", make_records(model="non"))
    for dataset, model in (("aflw", "non"), ("aflw", "bb"), ("other", "bb")):
        _write_run(tmp_path / "three", make_records(model=model, dataset=dataset))
    one, three = (
        Image.open(write_report(tmp_path / name, tmp_path / f"{name}_report")[1]).convert("RGB")
        for name in ("one", "three")
    )
    assert three.width > 1.5 * one.width
    assert three.height > 1.5 * one.height
    blue = [np.asarray(image)[..., :3].tolist() for image in (one, three)]
    signal = [any([0, 114, 178] in row for row in picture) for picture in blue]
    assert signal == [False, True]


@pytest.mark.parametrize("content", [None, "{"])
def test_no_runs_say_how_to_make_one(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(ValueError, match=rf"{tmp_path} holds no finished run.*landmark-train"):
        write_report(tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere holds no finished run.*landmark-train"):
        write_report(tmp_path / "nowhere", tmp_path / "report")


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ([1.005], "1.00"),
        ([None], "-"),
        ([], "-"),
        ([1.0, None], "-"),
        ([0.0], "0.00"),
        ([1.0, 2.0, 3.0], "2.00 ± 1.00"),
    ],
)
def test_figures_as_text(figures: list[float | None], text: str) -> None:
    assert format_figures(figures) == text
