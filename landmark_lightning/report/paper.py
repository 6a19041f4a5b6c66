"""The paper's Tables 1 to 6 in its own layout, our figures beside the printed ones.

``paper.json`` holds what the paper prints. A table, its columns and its rows have keys:
``dataset``, ``subset``, ``model``, ``discard`` (percent) or ``figure``. The keys of all three
together say which figure of which runs stands at a place of the table.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from landmark_lightning.report.columns import by_dataset
from landmark_lightning.report.mean_face import MEAN_FACE, mean_faces
from landmark_lightning.report.table import DRAWN, Entry, Table
from landmark_lightning.runs.results import MODELS, Cell, Run, model_rank

FACTS = Path(__file__).with_name("paper.json")


@cache
def printed_facts() -> dict[str, Any]:
    """What the paper prints: ``datasets`` and ``tables``."""
    content: dict[str, Any] = json.loads(FACTS.read_text(encoding="utf-8"))
    return content


def paper_tables(cells: Sequence[Cell]) -> tuple[list[Table], list[str]]:
    """The paper's tables on datasets of which there are runs.

    NME is divided by the paper's normalizer of each dataset, even where the runs' first normalizer
    is another one. Discarding is measured by the first one alone, so its figures are left out
    where that is not the paper's.

    Args:
        cells: All cells.

    Returns:
        The tables, and a sentence for each that is left out.
    """
    rivals = [rival for group in by_dataset(cells).values() for rival in mean_faces(group)]
    found = _Found([*cells, *rivals])
    tables, left_out = [], []
    for facts in printed_facts()["tables"]:
        datasets = [facts["dataset"]] if "dataset" in facts else _named(facts["rows"], "dataset")
        if any(found.runs(dataset) for dataset in datasets):
            tables.append(_table(facts, datasets, found))
        else:
            left_out.append(f"{facts['title']}: no finished run on {' or '.join(datasets)}.")
    return tables, left_out


class _Found:
    """The cells on the paper's datasets, by dataset and name."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells: dict[tuple[str, str], Cell] = {}
        as_paper = {(c.dataset, c.model) for c in cells if _as_paper(c)}
        for cell in cells:
            if _as_paper(cell) or (cell.dataset, cell.model) not in as_paper:
                self._cells.setdefault((cell.dataset, cell.name), cell)

    def runs(self, dataset: str, name: str | None = None) -> list[Run]:
        """The runs of all cells of a dataset, or of the one that has this ``Cell.name``."""
        cells = [cell for cell in self.cells(dataset) if name in (None, cell.name)]
        return [run for cell in cells for run in cell.runs]

    def drawn(self, datasets: Iterable[str]) -> list[str]:
        """Those of the datasets whose faces are rendered ones, no photos."""
        return [d for d in datasets if any(r.content.get("rendered") for r in self.runs(d))]

    def cells(self, dataset: str) -> list[Cell]:
        """The cells of a dataset, in the order of their models."""
        of_dataset = [cell for key, cell in self._cells.items() if key[0] == dataset]
        return sorted(of_dataset, key=lambda cell: model_rank(cell.model))


def _as_paper(cell: Cell) -> bool:
    return cell.normalizer == normalizer_of(cell.dataset)


def normalizer_of(dataset: str) -> str | None:
    """The normalizer that the paper uses for a dataset; None for a dataset it does not have."""
    facts = printed_facts()["datasets"].get(dataset)
    return None if facts is None else str(facts["normalizer"])


def _named(rows: Iterable[Mapping[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(row[key] for row in rows if key in row))


def _table(facts: Mapping[str, Any], datasets: Sequence[str], found: _Found) -> Table:
    whole = {key: facts[key] for key in ("dataset",) if key in facts}
    columns: list[dict[str, Any]] = facts["columns"]
    rows = []
    for row in _with_other_models(facts, found):
        printed = row.get("printed", [None] * len(columns))
        labels = list(row["labels"])
        if "dataset" in row:
            labels[0] += f", NME {normalizer_of(row['dataset'])} (%)"
        if row.get("figure") == "fps":
            labels[0] = f"Runtime (fps), batch {row.get('batch', 1)}"
        entries = [
            _entry(whole | column | row, figure, datasets, found)
            for column, figure in zip(columns, printed, strict=True)
        ]
        rows.append([*labels, *entries])
    metric = f"NME {normalizer_of(facts['dataset'])} (%)" if "dataset" in facts else ""
    if drawn := found.drawn(datasets):
        metric += f"{', ' * bool(metric)}ours on {DRAWN} ({', '.join(drawn)})"
    return Table(
        name=facts["name"],
        title=facts["title"],
        headings=[*facts["headings"], *(column["label"] for column in columns)],
        rows=rows,
        metric=metric,
        notes=[*_notes(facts, datasets, found), *facts["notes"]],
        labels=len(facts["headings"]),
    )


def _with_other_models(facts: Mapping[str, Any], found: _Found) -> list[dict[str, Any]]:
    """The paper's rows, and below its last model a row for each of our other models."""
    rows: list[dict[str, Any]] = []
    of_paper = _named(facts["rows"], "model")
    for row, following in zip(facts["rows"], [*facts["rows"][1:], {}], strict=True):
        rows.append(row)
        if row.get("figure") == "fps":
            rows.append({"labels": row["labels"], "figure": "fps", "batch": 64})
        last = "model" not in following or row.get("discard") != following.get("discard")
        if "model" in row and last:
            rows += [
                {
                    "labels": [*row["labels"][:-1], _label(cell, of_paper)],
                    "model": cell.name,
                    **{key: row[key] for key in ("discard",) if key in row},
                }
                for cell in found.cells(facts["dataset"])
                if cell.name not in of_paper and not (cell.model == MEAN_FACE and "discard" in row)
            ]
    return rows


def _label(cell: Cell, of_paper: Sequence[str]) -> str:
    """The label of a row that the paper does not have."""
    variant = f" ({cell.variant})" if cell.variant else ""
    own = "" if cell.model in of_paper else " (not in the paper)"
    return f"{cell.model.upper()}{variant}{own}"


def _entry(
    of: Mapping[str, Any], printed: float | None, datasets: Sequence[str], found: _Found
) -> Entry:
    fps = of.get("figure") == "fps"
    digits = 0 if fps and (printed is None or printed == int(printed)) else 2
    if "model" not in of:
        return Entry(printed=printed, digits=digits)
    if fps:
        runs = [run for dataset in datasets for run in found.runs(dataset, of["model"])]
        speeds = [run.figure("fps", f"batch_{of.get('batch', 1)}") for run in runs]
        return Entry(speeds if len(_machines(runs)) == 1 else (), printed, digits)
    ours = [_figure(run, of) for run in found.runs(of["dataset"], of["model"])]
    return Entry(ours, printed)


def _figure(run: Run, of: Mapping[str, Any]) -> float | None:
    normalizer = normalizer_of(run.dataset)
    assert normalizer is not None
    if "discard" not in of:
        return run.figure("subsets", of["subset"], "nme_by", normalizer)
    if run.normalizer != normalizer:
        return None
    return run.figure("subsets", of["subset"], "discard", of["discard"])


def _machines(runs: Iterable[Run]) -> list[str]:
    """Device and precision of the runs' measured speeds, each once."""
    words = ((run.word("fps", "device"), run.word("fps", "precision")) for run in runs)
    return list(dict.fromkeys(f"{device}, {precision}" for device, precision in words if device))


def _notes(facts: Mapping[str, Any], datasets: Sequence[str], found: _Found) -> list[str]:
    """Sentences on our figures: seeds, why some are missing, other test faces than the paper's."""
    notes = []
    models = _named([*facts["columns"], *facts["rows"]], "model")
    seeds = {
        f"{model} on {dataset}": len(found.runs(dataset, model))
        for dataset in datasets
        for model in models
    }
    several = [f"{cell} ({count})" for cell, count in seeds.items() if count > 1]
    if several:
        notes.append(
            f"Ours are means ± standard deviation over the seeds of {', '.join(several)}."
        )
    varied = {f"{c.model} on {dataset}" for dataset in datasets for c in found.cells(dataset)}
    absent = [cell for cell, count in seeds.items() if not count and cell not in varied]
    if absent:
        notes.append(f"Blank, since there is no finished run of {', '.join(absent)}.")
    if several_kinds := [cell for cell, count in seeds.items() if not count and cell in varied]:
        notes.append(
            f"Blank, since the runs of {', '.join(several_kinds)} differ in more than their seed: "
            "each kind has a row in the table of all models."
        )
    for dataset in datasets:
        notes += _differences(dataset, facts, found)
    if _named(facts["rows"], "figure"):
        machines = _machines(run for d in datasets for m in models for run in found.runs(d, m))
        if len(machines) == 1:
            notes.append(
                f"Runtime of ours: the network alone, over the runs on both, on {machines[0]}."
            )
        elif machines:
            notes.append(f"Runtime of ours: blank, measured on several: {'; '.join(machines)}.")
    return notes


def _differences(dataset: str, facts: Mapping[str, Any], found: _Found) -> list[str]:
    """Sentences on a dataset whose test faces or normalizer are not the paper's."""
    runs = [run for run in found.runs(dataset) if run.model in MODELS]
    normalizer = normalizer_of(dataset)
    expected = printed_facts()["datasets"][dataset]["faces"]
    rows = [row for row in facts["rows"] if row.get("dataset") == dataset]
    notes, others, lacking = [], [], []
    for subset in _named([*facts["columns"], *rows], "subset"):
        counts = {run.figure("subsets", subset, "faces") for run in runs}
        faces = sorted(count for count in counts if count)
        if runs and not faces:
            lacking.append(subset)
        elif faces and subset in expected and faces != [expected[subset]]:
            shown = " or ".join(f"{count:.0f}" for count in faces)
            others.append(f"{subset} has {shown} faces, the paper's {expected[subset]}")
    if lacking:
        notes.append(f"Blank, since the runs on {dataset} know no subset {', '.join(lacking)}.")
    if others:
        notes.append(f"Our {dataset} is not the paper's: {'; '.join(others)}.")
    discards = _named([*facts["columns"], *facts["rows"]], "discard")
    primary = sorted({run.normalizer for run in runs} - {normalizer})
    if discards and primary:
        notes.append(
            f"Blank, since runs on {dataset} discard on {', '.join(primary)}, not {normalizer}."
        )
    return notes
