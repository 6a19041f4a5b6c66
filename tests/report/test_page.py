"""The page of a full grid, as a browser shows it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from landmark_lightning.plots.faces import predicted_faces
from landmark_lightning.report.write import write_report
from tests.made_runs import made_records, write_run

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MODELS = ("non", "nobb", "bbo", "bb")
DATASETS = {
    "300w": ("ibug68", ("common", "challenging")),
    "aflw": ("aflw19", ("frontal",)),
    "wflw": ("wflw98", ("pose", "blur")),
}
SECTIONS = {
    "figure4": 12, "discard": 15, "training": 12, "coverage": 24, "ced": 3,
    "landmarks": 3, "calibration": 3, "balancing": 6, "surprises": 9,
}  # fmt: skip
"""Figures of each section."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's page on four models and three datasets."""
    folder = tmp_path_factory.mktemp("grid")
    image = torch.full((1, 64, 64), 90, dtype=torch.uint8)
    for dataset, (scheme, subsets) in DATASETS.items():
        for seed, model in enumerate(MODELS):
            records = made_records(
                faces=12, scheme=scheme, subset_names=subsets, model=model, dataset=dataset
            )
            run = write_run(folder / "runs", records, train_seconds=50.0 + seed)
            if records.signal is not None:
                points = records.target[:1], records.prediction[:1], records.signal[:1]
                predicted_faces(image, *points).save(run / "surprises.png")
            curves = "step,epoch,val/nme,train/loss,train/lr,balancing/effective_sample_size\n"
            curves += "4,,,9.5,0.001,12\n4,0,8.5,,,\n9,,,7.5,0.0005,11\n9,1,6.5,,,\n"
            (run / "metrics.csv").write_text(curves)
            if model in ("bbo", "bb"):
                effect = {"subsets": {subsets[0]: {"faces": 0.2, "draws": 0.4}}}
                (run / "balancing.json").write_text(json.dumps(effect))
    write_report(folder / "runs", folder / "report")
    return folder / "report" / "index.html"


def _browse(page: Path, profile: Path) -> tuple[str, str]:
    """The page's elements after its scripts have run, and what the browser logged."""
    assert BROWSER is not None
    options = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--enable-logging=stderr", f"--user-data-dir={profile}", "--virtual-time-budget=2000",
    ]  # fmt: skip
    done = subprocess.run(
        [BROWSER, *options, "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return done.stdout, done.stderr


def _with_script(page: Path, script: str) -> Path:
    """A copy of the page that runs one more script at its end."""
    copy = page.with_name("scripted.html")
    html = page.read_text().replace("</body>", f"<script>{script}</script></body>")
    copy.write_text(html)
    return copy


def test_all_tables_and_figures_are_there(page: Path) -> None:
    html = page.read_text()
    assert html.count("<table") == html.count("<caption")
    for number in range(1, 7):
        assert f'<table class="sortable" id="table{number}">' in html
    for name, count in SECTIONS.items():
        (section,) = re.findall(rf'<section id="{name}">(.*?)</section>', html, re.DOTALL)
        assert section.count("<figure") == count, name
        assert section.count('class="how"') == 1
    for dataset in DATASETS:
        for model in MODELS:
            assert re.search(rf'<figure id="figure4-{dataset}-\w+-{model}">', html)
    names = re.findall(r'\bid="([^"]*)"', html)
    assert len(names) == len(set(names))
    assert "Left out" not in html
    assert html.count('<svg role="img" aria-label=') + html.count("<img alt=") == sum(
        SECTIONS.values()
    )


def test_the_page_needs_no_network(page: Path) -> None:
    html = page.read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', html) + re.findall(r"url\(([^)]*)\)", html)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "@import" not in html
    anchors = re.findall(r'<a href="#([^"]*)"', html)
    assert all(f'<section id="{anchor}">' in html for anchor in anchors)
    assert set(SECTIONS) < set(anchors)
    assert page.stat().st_size < 5e6


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_a_browser_has_nothing_to_complain_of(page: Path, tmp_path: Path) -> None:
    shown, log = _browse(page, tmp_path / "one")
    assert "CONSOLE" not in log
    assert shown.count("<figure") == sum(SECTIONS.values())
    assert shown.count('<button type="button">') == shown.count('scope="col"')
    # The same look finds an error where there is one.
    _, log = _browse(_with_script(page, "nowhere();"), tmp_path / "two")
    assert "CONSOLE" in log


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_twelve_runs_are_seen_at_once_and_the_rest_unfolds(page: Path, tmp_path: Path) -> None:
    script = """
      document.documentElement.style.width = "1400px";
      const seen = [document.body.scrollHeight];
      location.hash = "#calibration";
      addEventListener("hashchange", () => {
        seen.push(document.querySelector("#calibration details").open);
        dispatchEvent(new Event("beforeprint"));
        seen.push(document.querySelectorAll("details:not([open])").length);
        document.body.textContent = "seen " + JSON.stringify(seen) + " end";
      });
    """
    shown, log = _browse(_with_script(page, script), tmp_path / "profile")
    assert "CONSOLE" not in log
    found = re.search(r"seen (\[.*\]) end", shown)
    assert found is not None
    height, opened, folded = json.loads(found[1])
    assert 1000 < height < 8000
    assert opened
    assert folded == 0


@pytest.mark.skipif(BROWSER is None, reason="no Chromium")
def test_pressing_a_heading_sorts(page: Path, tmp_path: Path) -> None:
    script = """
      const column = (table, place) =>
        [...table.tBodies[0].rows].map((row) => row.cells[place].dataset.value);
      const seen = [];
      const press = (name, place) => {
        const table = document.getElementById(name);
        const head = table.querySelector(`th[data-column="${place}"]`);
        head.querySelector("button").click();
        seen.push([head.getAttribute("aria-sort"), column(table, place)]);
      };
      press("table2", 3);
      press("table2", 3);
      press("table2", 0);
      press("table6", 1);
      document.body.textContent = "seen " + JSON.stringify(seen) + " end";
    """
    shown, log = _browse(_with_script(page, script), tmp_path / "profile")
    assert "CONSOLE" not in log
    found = re.search(r"seen (\[.*\]) end", shown)
    assert found is not None
    (up, rising), (down, falling), (_, names), (_, speeds) = json.loads(found[1])
    assert (up, down) == ("ascending", "descending")
    figures = [float(value) for value in rising]
    assert len(figures) == 10
    assert figures == sorted(figures)
    assert [float(value) for value in falling] == sorted(figures, reverse=True)
    assert names == sorted(names, key=str.lower)
    assert speeds[-1] == ""  # nothing is printed of batch 64: it stays last
    assert [float(value) for value in speeds[:-1]] == sorted(map(float, speeds[:-1]))
