"""How the models were trained: the settings they differ in, and what came of each training."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from landmark_lightning.report.columns import Columns, epochs_of, figure, table_of
from landmark_lightning.report.table import NO_FIGURE, Table, called
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.results import Cell, Run
from landmark_lightning.runs.state import written_at
from landmark_lightning.runs.variants import CONTENT, SETS, data_name, differing

UNSET = "unset"
LONGEST = 32
"""Letters of a setting in the table; notes have what is longer."""

SHARED = (
    "network.side", "network.width", "batch_size", "phases.name", "phases.scale",
    "phases.lr_scale", "augmentation.mirror", "augmentation.occlusion", "model.validation",
    "model.balancing.refresh", "trainer.precision", "init_from",
)  # fmt: skip
"""Settings that are told where all models have the same."""

Settings = Mapping[str, Any]


def training_tables(cells: Sequence[Cell]) -> list[Table]:
    """The settings that one dataset's cells differ in, where they do, and their trainings."""
    return [*_settings_table(cells), _trainings_table(cells)]


def _settings_table(cells: Sequence[Cell]) -> list[Table]:
    """A row for each cell, a column for each setting that is not the same in all."""
    known = [(cell, cell.runs[0].settings) for cell in cells]
    told = {cell.name: settings for cell, settings in known if settings is not None}
    names = [n for n in differing([*told.values()]) if n not in (CONTENT, SETS)]
    columns = _folded(names, [*told.values()])
    if not columns:
        return []
    notes = []
    rows = []
    for cell in cells:
        row = [cell.name]
        for name, below in columns.items():
            text = _value(told.get(cell.name), name, below)
            if len(text) > LONGEST:
                notes.append(f"{cell.name}: {name} is {text}.")
                text = f"{text[: LONGEST - 1]}…"
            row.append(text)
        rows.append(row)
    dataset, normalizer = cells[0].dataset, cells[0].normalizer
    title = f"{called(cells)}: the settings that differ"
    table = Table(f"settings-{dataset}-{normalizer}", title, ["model", *columns], rows, "", notes)
    return [table]


def _folded(names: Sequence[str], known: Sequence[Settings]) -> dict[str, list[str]]:
    """The columns for settings that differ: those of a group that is on or off as a whole are one.

    Returns:
        The names of the settings in each column; empty for a column that is one setting.
    """
    columns: dict[str, list[str]] = {}
    for name in names:
        parts = name.split(".")
        for end in range(1, len(parts)):
            group = ".".join(parts[:end])
            below = [n for n in names if n.startswith(f"{group}.")]
            kinds = {_plain([of_one.get(n, UNSET) for n in below]) for of_one in known}
            if len(below) > 1 and len(kinds) == 2 and _plain([UNSET] * len(below)) in kinds:
                columns.setdefault(_shared_start(below), below)
                break
        else:
            columns[name] = []
    return columns


def _shared_start(names: Sequence[str]) -> str:
    """The dotted name of what all of these settings are in."""
    split = zip(*(name.split(".") for name in names), strict=False)
    return ".".join(parts[0] for parts in takewhile(lambda p: len(set(p)) == 1, split))


def _value(settings: Settings | None, name: str, below: Sequence[str]) -> str:
    if settings is None:
        return "unknown"
    if not below:
        return _plain(settings[name]) if name in settings else UNSET
    values: dict[str, list[str]] = {}
    for setting in below:
        if setting in settings:  # the items of a list are settings of their own
            key = re.sub(r"\.\d+$", "", setting[len(name) + 1 :])
            values.setdefault(key, []).append(_plain(settings[setting]))
    return ", ".join(f"{key}={' '.join(texts)}" for key, texts in values.items()) or UNSET


def _plain(value: Any) -> str:  # noqa: ANN401
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _trainings_table(cells: Sequence[Cell]) -> Table:
    columns: Columns = (
        ("seeds", lambda cell: ", ".join(str(run.seed) for run in cell.runs)),
        ("epochs", epochs_of),
        ("training (s)", figure("train_seconds", digits=0)),
        ("date", lambda cell: _span([_date(run) for run in cell.runs])),
        ("device", lambda cell: _each([_device(run) for run in cell.runs])),
        ("library", lambda cell: _each([run.word("provenance", "library") for run in cell.runs])),
        ("torch", lambda cell: _each([run.word("torch") for run in cell.runs])),
        ("commit", lambda cell: _each([run.word("provenance", "commit") for run in cell.runs])),
    )
    return table_of(cells, "trainings", "how they were trained", columns, notes=_facts(cells))


def _facts(cells: Sequence[Cell]) -> list[str]:
    """What holds for all: the faces, and the settings that are the same."""
    runs = [run for cell in cells for run in cell.runs]
    faces = {data_name(run.word("data")): run.figure("subsets", "full", "faces") for run in runs}
    tested = "; ".join(
        f"{name}, {count:.0f} test faces" for name, count in faces.items() if count is not None
    )
    notes = [f"Faces: {tested}; {_each([run.word('scheme') for run in runs])}."] if tested else []
    known = [run.settings for run in runs if run.settings is not None]
    shared = [
        f"{name}={_plain(known[0][name])}"
        for name in (SHARED if len(known) == len(runs) else ())
        if all(name in s and _plain(s[name]) == _plain(known[0].get(name)) for s in known)
    ]
    if shared:
        notes.append(f"The same in all: {', '.join(shared)}.")
    return notes


def _date(run: Run) -> str | None:
    """The day on which a training ended, as its metrics.json or its state.json says."""
    date = run.word("provenance", "date") or written_at(RunFolder(run.path))
    return None if date is None else date[:10]


def _device(run: Run) -> str | None:
    """What a run was trained on; one of before says at least where its speed was measured."""
    return run.word("provenance", "device") or run.word("fps", "device")


def _span(dates: Sequence[str | None]) -> str:
    known = sorted(date for date in dates if date)
    if not known:
        return NO_FIGURE
    return known[0] if known[0] == known[-1] else f"{known[0]} to {known[-1]}"


def _each(words: Sequence[str | None]) -> str:
    return ", ".join(dict.fromkeys(word for word in words if word)) or NO_FIGURE
