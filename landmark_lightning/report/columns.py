"""The general tables of any dataset. One more column is one more line here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from landmark_lightning.metrics.discarding import DISCARD_PERCENTS
from landmark_lightning.report.comparison import Comparison, difference_table
from landmark_lightning.report.evaluations import Elsewhere
from landmark_lightning.report.mean_face import MEAN_FACE, mean_faces
from landmark_lightning.report.table import NO_FIGURE, Entry, Table, called
from landmark_lightning.runs.results import Cell, differences

Keys = tuple[str, ...]
Show = Callable[[Cell], str | Entry]
Columns = Sequence[tuple[str, Show]]
Of = TypeVar("Of")


@dataclass(frozen=True)
class FigureOf:
    """Shows the figure that metrics.json has under ``keys``."""

    keys: Keys
    digits: int = 2

    def __call__(self, cell: Cell) -> Entry:
        """The figure of each of a cell's runs."""
        return Entry(cell.figures(*self.keys), digits=self.digits)


def figure(*keys: str, digits: int = 2) -> FigureOf:
    """Shows the figure under ``keys``."""
    return FigureOf(keys, digits)


def in_percent(*keys: str, of: Sequence[str] = (), digits: int = 1) -> Show:
    """Shows a share in percent, or a figure in percent of the one under ``of``."""

    def show(cell: Cell) -> Entry:
        parts = cell.figures(*keys)
        pairs = zip(parts, cell.figures(*of) if of else [1] * len(parts), strict=True)
        shares = [None if p is None or not w else 100 * p / w for p, w in pairs]
        return Entry(shares, digits=digits)

    return show


def _of_full(*keys: str) -> Show:
    return figure("subsets", "full", *keys)


def _all_of(*keys: str) -> Show:
    """The words that a cell's runs have under ``keys``, each once."""

    def show(cell: Cell) -> str:
        words = dict.fromkeys(word for run in cell.runs if (word := run.word(*keys)))
        return ", ".join(words) or NO_FIGURE

    return show


def epochs_of(cell: Cell) -> str:
    """The planned epochs; of a training that ended early as ``trained of planned``."""
    texts = set()
    for planned, trained in zip(
        cell.figures("epochs"), cell.figures("epochs_trained"), strict=True
    ):
        if planned is not None:
            short = trained is not None and trained < planned
            texts.add((planned, f"{trained:g} of {planned:g}" if short else f"{planned:g}"))
    return ", ".join(text for _, text in sorted(texts)) or NO_FIGURE


BOXES = {
    "landmarks": "the boxes of their true landmarks",
    "provided": "the boxes that their annotation provides",
    "detector": "a detector's boxes, as their annotation has them",
}
"""What a face was cut around, by ``dataset.boxes``."""

NME = "NME {normalizer}"

MAIN: Columns = (
    ("seeds", lambda cell: "" if cell.model == MEAN_FACE else str(len(cell.runs))),
    (f"{NME} (%)", _of_full("nme")),
    (f"{NME}, discard 30%", _of_full("discard", "30")),
    (f"{NME}, static prior 30%", _of_full("discard_prior", "30")),
    (f"{NME}, oracle 30%", _of_full("discard_oracle", "30")),
    ("Spearman", _of_full("spearman")),
    ("failure AUROC", _of_full("failure_auroc")),
    ("FR {normalizer} at 0.10 (%)", _of_full("fr_0.10")),
    (f"{NME}, validation (%)", figure("validation_nme")),
    ("epochs", epochs_of),
    ("seconds", figure("train_seconds", digits=0)),
)
"""Columns beside the model: the heading, and the function that makes a cell's entry."""

ERRORS: Columns = tuple(
    (f"{name} {{normalizer}} at {threshold}{unit}", _of_full(f"{key}_{threshold}"))
    for key, name, unit in (("fr", "FR", " (%)"), ("auc", "AUC", ""))
    for threshold in ("0.08", "0.10")
)

DISCARD: Columns = tuple(
    (f"{percent}% {word}", _of_full(key, str(percent)))
    for percent in DISCARD_PERCENTS
    for word, key in (
        ("by signal", "discard"),
        ("at random", "discard_random"),
        ("static prior", "discard_prior"),
        ("oracle", "discard_oracle"),
    )
)

SIGNAL: Columns = (
    ("Spearman", _of_full("spearman")),
    ("Spearman, by face", _of_full("spearman_face")),
    ("Pearson", _of_full("pearson")),
    ("AUSE {normalizer}", _of_full("ause")),
    ("signal MAE (px)", _of_full("signal_mae")),
    ("closed {normalizer}, within faces", _of_full("closed", "within")),
    ("closed {normalizer}, pooled", _of_full("closed", "pooled")),
    ("closed {normalizer}, whole faces", _of_full("closed", "face")),
    ("failure AUROC {normalizer} at 0.08", _of_full("failure_auroc")),
)

COST: Columns = (
    ("epochs", epochs_of),
    ("training (s)", figure("train_seconds", digits=0)),
    ("of which rescoring (s)", figure("rescore_seconds", digits=0)),
    ("rescoring (%)", in_percent("rescore_seconds", of=("train_seconds",), digits=0)),
    ("faces a second, batch 1", figure("fps", "batch_1", digits=0)),
    ("faces a second, batch 64", figure("fps", "batch_64", digits=0)),
    ("measured on", _all_of("fps", "device")),
    ("precision", _all_of("fps", "precision")),
)


def by_dataset(items: Iterable[Of]) -> dict[tuple[str, str], list[Of]]:
    """Cells, or what has a ``cell`` each, by dataset and normalizer."""
    groups: dict[tuple[str, str], list[Of]] = {}
    for item in items:
        cell: Any = getattr(item, "cell", item)
        groups.setdefault((cell.dataset, cell.normalizer), []).append(item)
    return groups


def general_tables(cells: Sequence[Cell], comparison: Comparison | None = None) -> list[Table]:
    """The tables of one dataset's cells, which share a normalizer; the main one comes first.

    Args:
        cells: One group of ``by_dataset``. Where no run has test faces, the tables on test faces
            are left out.
        comparison: Of these cells; None: no figure is marked as the best.
    """
    main, cost = main_table(cells, comparison), table_of(cells, "cost", "cost", COST, folded=True)
    if all(n == 0 for cell in cells for n in cell.figures("subsets", "full", "faces")):
        return [main, cost]
    return [
        main,
        *_differences(cells, comparison),
        *_subset_tables(cells, comparison),
        table_of(
            cells, "errors", "failure rate and area under the CED curve", ERRORS,
            comparison=comparison, mean_face=True, folded=True,
        ),
        table_of(
            cells, "discard", "landmarks discarded", DISCARD, f"{NME} (%)", comparison=comparison,
            folded=True,
        ),
        table_of(cells, "signal", "what the validation signal knows", SIGNAL, folded=True),
        cost,
    ]  # fmt: skip


ELSEWHERE: Columns = tuple(
    column for column in MAIN if column[0] not in ("epochs", "seconds", f"{NME}, validation (%)")
)
"""The columns of MAIN that speak of a test alone."""


def elsewhere_tables(tested: Elsewhere, comparison: Comparison) -> list[Table]:
    """What models have on other faces than those of the dataset that they were trained on.

    Args:
        tested: The cells.
        comparison: Of these cells.
    """
    cells, name = tested.cells, tested.trained_on
    other = "other faces of " if name == cells[0].dataset else ""
    kind, title = f"elsewhere-{name}", f"models trained on {other}{name}"
    columns: Columns = [
        *ELSEWHERE,
        *(
            (f"{NME}, {subset} ({count})", figure("subsets", subset, "nme"))
            for subset, count in _subsets(cells, "faces").items()
            if subset != "full"
        ),
    ]
    table = table_of(cells, kind, title, columns, comparison=comparison, mean_face=True)
    return [table, *_differences(cells, comparison, kind, title)]


def main_table(cells: Sequence[Cell], comparison: Comparison | None = None) -> Table:
    """The main table of one dataset's cells, with notes on boxes and on what they differ in."""
    kinds = dict.fromkeys(b for c in cells for r in c.runs if (b := r.word("boxes")))
    named = " or ".join(BOXES.get(kind, kind) for kind in kinds)
    cut = [f"Faces are cut around {named}."] if kinds else []
    notes = [*cut, *differences(cells)]
    return table_of(
        cells, "main", "all models", MAIN, notes=notes, comparison=comparison, mean_face=True
    )


def _differences(
    cells: Sequence[Cell], comparison: Comparison | None, kind: str = "difference", words: str = ""
) -> list[Table]:
    """What the models' errors are above the baseline's, where two models can be compared."""
    if comparison is None:
        return []
    dataset, normalizer = cells[0].dataset, cells[0].normalizer
    columns: list[tuple[str, Keys]] = [
        (f"{subset} ({count})", ("subsets", subset, "nme"))
        for subset, count in _subsets(cells, "faces_by", normalizer).items()
    ]
    columns += [("full, discard 30%", ("subsets", "full", "discard", "30"))]
    title = f"{words}{', ' * bool(words)}NME {normalizer} (%) less that of"
    name = "-".join(dict.fromkeys((kind, "difference", dataset, normalizer)))
    made = difference_table(comparison, columns, title, name)
    return [] if made is None else [made]


def table_of(
    cells: Sequence[Cell],
    kind: str,
    title: str,
    columns: Columns,
    metric: str = "",
    notes: Sequence[str] = (),
    comparison: Comparison | None = None,
    mean_face: bool = False,
    folded: bool = False,
) -> Table:
    """A table with a row for each cell of a dataset, named by its model.

    Title, headings and metric name the normalizer where they have ``{normalizer}``. ``comparison``
    of the cells marks the best figures; ``mean_face`` adds its row, and says what it is.
    """
    dataset, normalizer = cells[0].dataset, cells[0].normalizer
    columns = (("model", lambda cell: cell.name), *columns)
    rivals = mean_faces(cells) if mean_face else []
    told = "Mean face: the mean shape of the training faces as the answer to each face."
    table = Table(
        f"{kind}-{dataset}-{normalizer}",
        f"{called(cells)}: {title.replace('{normalizer}', normalizer)}",
        [heading.replace("{normalizer}", normalizer) for heading, _ in columns],
        [[show(cell) for _, show in columns] for cell in (*cells, *rivals)],
        metric.replace("{normalizer}", normalizer),
        [*notes, *([told] if rivals else [])],
        folded=folded,
    )
    if comparison is None:
        return table
    keys = [show.keys if isinstance(show, FigureOf) else None for _, show in columns]
    return comparison.marked(table, keys)


def _subset_tables(cells: Sequence[Cell], comparison: Comparison | None) -> list[Table]:
    """NME by subset for each normalizer; again for visible landmarks where they are known."""
    faces = _subsets(cells, "faces")
    primary = cells[0].normalizer
    tables = []
    for key, words in (("nme_by", ""), ("nme_visible_by", " of visible landmarks")):
        names = dict.fromkeys(
            name
            for cell in cells
            for run in cell.runs
            for subset in faces
            for name in run.names("subsets", subset, key)
            if key == "nme_by" or run.figure("subsets", subset, key, name) is not None
        )
        for name in sorted(names, key=lambda name: name != primary):
            counted = _subsets(cells, "faces_by", name)
            columns: Columns = tuple(
                (
                    f"{subset} ({_count(counted.get(subset, count), count)})",
                    figure("subsets", subset, key, name),
                )
                for subset, count in faces.items()
            )
            metric = f"NME {name}{words} (%)"
            title = f"by subset (faces), NME {name}{words}"
            tables.append(
                table_of(
                    cells, f"{key}-{name}", title, columns, metric,
                    comparison=comparison, mean_face=True,
                    folded=bool(words) or name != primary or len(faces) == 1,
                )
            )  # fmt: skip
    return tables


def _count(counted: str, faces: str) -> str:
    """How many faces a figure counts: all of a subset, or fewer where some lack the normalizer."""
    return faces if counted == faces else f"{counted} of {faces}"


def _subsets(cells: Iterable[Cell], *keys: str) -> dict[str, str]:
    """How many faces each subset has, read under ``keys``; as a range where the runs differ."""
    faces: dict[str, set[float]] = {}
    for run in (run for cell in cells for run in cell.runs):
        for name in run.names("subsets"):
            count = run.figure("subsets", name, *keys)
            faces.setdefault(name, set()).update(() if count is None else (count,))
    return {
        name: "-".join(f"{count:.0f}" for count in sorted({min(counts), max(counts)}))
        for name, counts in faces.items()
        if counts
    }
