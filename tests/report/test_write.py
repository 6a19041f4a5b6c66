import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landmark_lightning.report.write import write_report
from landmark_lightning.runs.figures import summarize
from tests.made_runs import MakeRecords, write_run

NAMES = ["index.html", "tables.md", "tables.tex", "tables.csv", "discard.png"]


def _rows(tables: str, title: str) -> dict[str, dict[str, str]]:
    """The table below a title of tables.md, as text by model and column."""
    lines = tables.split(title, 1)[1].split("\n\n")[1].splitlines()
    rows = [[text.strip() for text in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def test_the_tables_say_what_the_runs_say(make_records: MakeRecords, tmp_path: Path) -> None:
    records = {model: make_records(model=model) for model in ("bb", "non")}
    for of_model in records.values():
        write_run(tmp_path / "runs", of_model)
    written = write_report(tmp_path / "runs", tmp_path / "new" / "report")
    assert [path.name for path in written] == NAMES
    tables = written[1].read_text()
    assert "Left out" not in tables
    rows = _rows(tables, "aflw: all models")
    assert list(rows) == ["non", "bb"]
    figures = summarize(records["bb"])
    full = figures["full"]
    assert rows["bb"] == {
        "model": "bb",
        "seeds": "1",
        "epochs": "3",
        "NME box, validation (%)": "7.25",
        "NME box (%)": f"{full['nme']:.2f}",
        "FR box at 0.10 (%)": f"{full['fr_0.10']:.2f}",
        "NME box, discard 30%": f"{full['discard']['30']:.2f}",
        "NME box, static prior 30%": f"{full['discard_prior']['30']:.2f}",
        "NME box, oracle 30%": f"{full['discard_oracle']['30']:.2f}",
        "Spearman": f"{full['spearman']:.2f}",
        "failure AUROC": f"{full['failure_auroc']:.2f}",
        "seconds": "61",
    }
    assert rows["non"]["Spearman"] == rows["non"]["failure AUROC"] == "-"
    assert _rows(tables, "aflw: by subset")["bb"] == {
        "model": "bb",
        "full (40)": f"{full['nme']:.2f}",
        f"frontal ({figures['frontal']['faces']})": f"{figures['frontal']['nme']:.2f}",
        "none (0)": "-",
    }
    assert _rows(tables, "Table 3: AFLW")["BB"]["Full"] == f"{full['nme']:.2f} (1.56)"
    with (tmp_path / "new" / "report" / "tables.csv").open(newline="") as file:
        lines = {(row["table"], row["row"], row["column"]): row for row in csv.DictReader(file)}
    line = lines["table3", "BB", "Full, NME box (%)"]
    assert float(line["ours mean"]) == pytest.approx(full["nme"])
    assert line["printed"] == "1.56"
    assert "AFLW against the state of the art (the paper's Table 3)" in written[2].read_text()


def test_seeds_are_averaged(make_records: MakeRecords, tmp_path: Path) -> None:
    nme = []
    for seed in range(3):
        records = make_records(seed=seed, subset_names=())
        write_run(tmp_path, records, epochs=3 + seed // 2, epochs_trained=3 - seed / 4)
        nme.append(summarize(records)["full"]["nme"])
    tables = write_report(tmp_path, tmp_path / "report")[1].read_text()
    row = _rows(tables, "aflw: all models")["bb"]
    assert row["seeds"] == "3"
    assert row["epochs"] == "2.75 of 3, 3, 2.5 of 4"
    assert row["NME box (%)"] == f"{np.mean(nme):.2f} ± {np.std(nme, ddof=1):.2f}"


def test_what_is_broken_is_named_and_the_rest_reported(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    good = write_run(tmp_path, make_records(model="nobb"))
    metrics = write_run(tmp_path, make_records(model="bb")) / "metrics.json"
    metrics.write_text("{")
    missing = write_run(tmp_path, make_records(model="bbo")) / "predictions.h5"
    missing.unlink()
    damaged = write_run(tmp_path, make_records(model="bbs")) / "predictions.h5"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    picture = good / "surprises.png"
    picture.write_bytes(b"no picture")
    balancing = good / "balancing.json"
    balancing.write_text("{")
    written = write_report(tmp_path, tmp_path / "report")
    tables = written[1].read_text()
    for path in (metrics, missing, damaged, picture, balancing):
        assert sum(str(path) in line for line in tables.splitlines()) == 1
        assert str(path) in written[0].read_text()
    assert str(good / "metrics.json") not in tables
    assert list(_rows(tables, "aflw: all models")) == ["nobb", "bbo", "bbs"]
    assert len(written) == 5


def test_without_predictions_there_are_tables_alone(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    folder = write_run(tmp_path, make_records())
    written = write_report(tmp_path, tmp_path / "report")
    assert written[-1].name == "discard.png"
    (folder / "predictions.h5").unlink()
    written = write_report(tmp_path, tmp_path / "report")
    assert [path.name for path in written] == NAMES[:-1]
    assert not (tmp_path / "report" / "discard.png").exists()
    assert "<figure" not in written[0].read_text()


def test_the_picture_has_a_panel_for_each_dataset_and_model(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    write_run(tmp_path / "one", make_records(model="non"))
    for dataset, model in (("aflw", "non"), ("aflw", "bb"), ("other", "bb")):
        write_run(tmp_path / "three", make_records(model=model, dataset=dataset))
    one, three = (
        Image.open(write_report(tmp_path / name, tmp_path / f"{name}_report")[-1]).convert("RGB")
        for name in ("one", "three")
    )
    assert three.width > 1.5 * one.width
    assert three.height > 1.5 * one.height
    blue = [np.asarray(image)[..., :3].tolist() for image in (one, three)]
    signal = [any([0, 114, 178] in row for row in picture) for picture in blue]
    assert signal == [False, True]


def test_runs_that_are_not_finished_are_shown_all_the_same(tmp_path: Path) -> None:
    begun = tmp_path / "runs" / "300w" / "bb" / "seed0"
    begun.mkdir(parents=True)
    (begun / "config.yaml").write_text("seed: 0")
    written = write_report(tmp_path / "runs", tmp_path / "report")
    assert [path.name for path in written] == NAMES[:-1]
    page = written[0].read_text()
    assert "holds no finished run yet: 1 cut" in page
    assert '<span class="state cut">cut</span>' in page
    assert "Table 1" not in page


def test_a_report_says_the_same_twice(make_records: MakeRecords, tmp_path: Path) -> None:
    write_run(tmp_path / "runs", make_records())
    first, second = (write_report(tmp_path / "runs", tmp_path / name) for name in ("a", "b"))
    for one, other in zip(first[:4], second[:4], strict=True):
        assert one.read_bytes() == other.read_bytes()


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


def test_a_metrics_json_from_before_is_read(make_records: MakeRecords, tmp_path: Path) -> None:
    metrics = write_run(tmp_path, make_records()) / "metrics.json"
    content = json.loads(metrics.read_text())
    del content["fps"]
    metrics.write_text(json.dumps(content))
    tables = write_report(tmp_path, tmp_path / "report")[1].read_text()
    assert _rows(tables, "aflw: cost")["bb"]["faces a second, batch 1"] == "-"


def test_runs_of_several_settings_have_rows_and_figures_of_their_own(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    """Seeds of other widths would make a mean of 5 and 50 out of good runs and bad ones."""
    for seed, width in enumerate((8, 8, 16)):
        config = {"network": {"width": width, "side": 64}, "batch_size": width}
        folder = write_run(tmp_path / f"w{width}", make_records(seed=seed), config)
        effect = {"subsets": {"frontal": {"faces": 0.2, "draws": 0.4}}}
        (folder / "balancing.json").write_text(json.dumps(effect))
        Image.new("RGB", (8, 8)).save(folder / "surprises.png")
    write_run(tmp_path, make_records(model="non", seed=9))
    page, markdown, _, table_file, picture = write_report(tmp_path, tmp_path / "report")
    names = [f"bb (batch_size={width}, network.width={width})" for width in (8, 16)]
    tables = markdown.read_text()
    for title in ("all models", "by subset", "landmarks discarded", "cost"):
        assert list(_rows(tables, f"aflw: {title}")) == ["non", *names]
    assert [_rows(tables, "aflw: all models")[name]["seeds"] for name in names] == ["2", "1"]
    of_paper = _rows(tables, "Table 3: AFLW")
    assert of_paper["BB"]["Full"] == "(1.56)"
    assert "±" in of_paper[names[0].replace("bb", "BB")]["Full"]
    assert "the runs of bb on aflw differ in more than their seed" in tables
    html = page.read_text()
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    for section in ("figure4", "discard", "balancing", "surprises"):
        (found,) = re.findall(rf'<section id="{section}">(.*?)</section>', html, re.DOTALL)
        assert all(f"<figcaption>aflw, {name}" in found for name in names)
    with table_file.open(newline="") as file:
        seeds = {row["row"]: row["seeds"] for row in csv.DictReader(file) if row["row"] in names}
    assert seeds == {names[0]: "2", names[1]: "1"}
    alone = write_report(tmp_path / "w8", tmp_path / "alone")[-1]
    with Image.open(picture) as several, Image.open(alone) as one:
        assert several.width > 2 * one.width


def test_the_states_of_one_model_in_two_folders_are_two_rows(
    make_records: MakeRecords, tmp_path: Path
) -> None:
    write_run(tmp_path / "a", make_records())
    cut = tmp_path / "b/aflw/bb/seed0"
    cut.mkdir(parents=True)
    (cut / "config.yaml").write_text("seed: 0")
    tables = write_report(tmp_path, tmp_path / "report")[1].read_text()
    lines = [line for line in tables.splitlines() if line.startswith("| aflw | bb")]
    assert lines == [
        f"| aflw | bb ({tmp_path / 'a'}) | done |",
        f"| aflw | bb ({tmp_path / 'b'}) | cut |",
    ]
