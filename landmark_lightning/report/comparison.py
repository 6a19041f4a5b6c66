"""What is better, and whether that is more than chance.

Differences are paired: on the same test faces, seed by seed, with the 95% interval over persons
and seeds of ``metrics.intervals``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from landmark_lightning.errors import UserError
from landmark_lightning.metrics.intervals import Interval, Means
from landmark_lightning.report.mean_face import mean_faces
from landmark_lightning.report.table import Entry, Table, called
from landmark_lightning.runs.by_face import Array
from landmark_lightning.runs.curves import CellCurves
from landmark_lightning.runs.results import Cell

NME = ("subsets", "full", "nme")
"""Where metrics.json has the figure that the models are ranked by."""

HIGHER_IS_BETTER = ("auc",)


class Comparison:
    """Intervals of differences between the cells of one dataset.

    Args:
        cells: All cells of the dataset that share a normalizer.
        curves: Of those whose predictions could be read.
        baseline: Name of a model or cell; None: the first.
    """

    def __init__(
        self, cells: Sequence[Cell], curves: Sequence[CellCurves], baseline: str | None = None
    ) -> None:
        self.cells = cells
        self.by_face = {each.cell.name: each.by_face for each in curves}
        self.baseline = find_baseline(cells, baseline) or cells[0]
        self._means: dict[tuple[str, ...], Means] = {}

    @property
    def persons(self) -> bool:
        """Whether all test faces that were read say whom they show."""
        return all(each.group for each in self.by_face.values())

    def paired(
        self, cell: Cell, rival: Cell, keys: Sequence[str]
    ) -> tuple[Array, Array, Interval] | None:
        """A figure of two cells, face by face, and the interval of how much the first is above.

        Args:
            cell: One cell.
            rival: Another one.
            keys: Where metrics.json has the figure.

        Returns:
            (S, N) of each for the S seeds that both have, and the interval; None where there is no
            such seed, the faces are others or too few, or it is no figure that is a mean over
            faces.
        """
        one, other = self.by_face.get(cell.name), self.by_face.get(rival.name)
        if one is None or other is None or one.photo != other.photo or _data(cell) != _data(rival):
            return None
        seeds = [seed for seed in one.seeds if seed in other.seeds]
        ours, theirs = one.of(keys), other.of(keys)
        if not seeds or ours is None or theirs is None:
            return None
        ours = ours[[one.seeds.index(seed) for seed in seeds]]
        theirs = theirs[[other.seeds.index(seed) for seed in seeds]]
        group = one.group or other.group or ("",) * len(one.photo)
        if group not in self._means:
            self._means[group] = Means(group)
        found = self._means[group].interval(ours, theirs)
        return None if found is None else (ours, theirs, found)

    def best(self, keys: Sequence[str]) -> str | None:
        """The name of the cell that is better than every other one, beyond doubt, in a figure.

        None where there is none, or where not every other one can be compared with it.
        """
        sign = -1 if str(keys[-1]).startswith(HIGHER_IS_BETTER) else 1
        ranked = ranking(self.cells, keys, sign)
        if len(ranked) < 2:
            return None
        first, *others = ranked
        for other in others:
            found = self.paired(first, other, keys)
            if found is None or not (found[2].high < 0 if sign > 0 else found[2].low > 0):
                return None
        return first.name

    def marked(self, table: Table, shown: Sequence[tuple[str, ...] | None]) -> Table:
        """A table of the cells, the best figure of each column marked where it is beyond doubt.

        Args:
            table: A row for each cell, in the order of ``cells``; more rows may follow.
            shown: Of each column the keys of its figure in metrics.json; None: not compared.
        """
        rows = [list(row) for row in table.rows]
        marked = False
        for column, keys in enumerate(shown):
            name = None if keys is None else self.best(keys)
            for cell, row in zip(self.cells, rows, strict=False):
                entry = row[column]
                if cell.name == name and isinstance(entry, Entry):
                    row[column] = replace(entry, strong=True)
                    marked = True
        note = (
            "Bold: better than every other model, its 95% interval of the difference excludes 0."
        )
        return replace(table, rows=rows, notes=[*([note] if marked else []), *table.notes])


def find_baseline(cells: Sequence[Cell], name: str | None) -> Cell | None:
    """The cell of this name, or else the first one of the model of this name; None: none."""
    named = [cell for cell in cells if cell.name == name]
    return next(iter([*named, *(cell for cell in cells if cell.model == name)]), None)


def check_baseline(cells: Sequence[Cell], name: str | None) -> None:
    """Checks that a baseline is the name of a model or a cell.

    Raises:
        UserError: It is none.
    """
    if name is not None and cells and find_baseline(cells, name) is None:
        known = ", ".join(dict.fromkeys(n for cell in cells for n in (cell.model, cell.name)))
        raise UserError(f"baseline={name} is no model of these runs; there are {known}")


def ranking(cells: Sequence[Cell], keys: Sequence[str], sign: int = 1) -> list[Cell]:
    """Cells that have a figure, the best one first."""
    means = [(Entry(cell.figures(*keys)).mean, cell) for cell in cells]
    known = [(mean, cell) for mean, cell in means if mean is not None]
    return [cell for _, cell in sorted(known, key=lambda each: sign * each[0])]


def difference_table(
    comparison: Comparison, columns: Sequence[tuple[str, tuple[str, ...]]], title: str, name: str
) -> Table | None:
    """How much each cell's figures are above the baseline's, with 95% intervals.

    Args:
        comparison: Of a dataset's cells.
        columns: Headings and keys of figures.
        title: What they are.
        name: The table's name.

    Returns:
        None where nothing can be compared.
    """
    base = comparison.baseline
    rows: list[list[str | Entry]] = []
    for cell in comparison.cells:
        row: list[str | Entry] = [cell.name]
        for _, keys in columns:
            found = None if cell is base else comparison.paired(cell, base, keys)
            row.append(Entry() if found is None else _difference(*found))
        if any(isinstance(entry, Entry) and entry.bounds for entry in row):
            rows.append(row)
    if not rows:
        return None
    over = _over(comparison)
    notes = [
        f"Below 0: a lower error than {base.name}. In brackets the 95% interval over {over}; bold "
        "where it excludes 0."
    ]
    if not comparison.persons:
        notes.append(
            "The predictions do not say whom the faces show, so each face counts as a person of "
            "its own, and the intervals are too narrow where several show the same one; "
            "landmark-evaluate run=<run> writes that for runs of before, where the dataset knows."
        )
    headings = ["model", *(heading for heading, _ in columns)]
    title = f"{called(comparison.cells)}: {title} {base.name}"
    return Table(name, title, headings, rows, notes=notes)


def _difference(ours: Array, theirs: Array, found: Interval) -> Entry:
    by_seed = [float(value) for value in _means(ours) - _means(theirs)]
    strong = found.low > 0 or found.high < 0
    return Entry(by_seed, bounds=(found.low, found.high), strong=strong)


def _means(values: Array) -> Array:
    known = ~(values != values)
    total: Array = values.copy()
    total[~known] = 0
    means: Array = total.sum(axis=1) / known.sum(axis=1)
    return means


def _over(comparison: Comparison) -> str:
    return f"{'persons' if comparison.persons else 'faces'} and seeds"


def _data(cell: Cell) -> set[str | None]:
    return {run.word("data") for run in cell.runs}


def finding(comparison: Comparison) -> str:
    """Which model is best on a dataset, and whether that is more than chance, in a few words."""
    cells = comparison.cells
    what = f"NME {cells[0].normalizer}"
    keys: tuple[str, ...] = NME
    ranked = ranking(cells, keys)
    if not ranked:
        what, keys = f"validation NME {cells[0].normalizer}", ("validation_nme",)
        ranked = ranking(cells, keys)
    if not ranked:
        return f"{called(cells)}: no run has a figure to rank it by."

    def percent(cell: Cell) -> str:
        return f"{Entry(cell.figures(*keys)).mean:.2f}%"

    first, *others = ranked
    told = f"{called(cells)}: " + (
        _ranked(comparison, first, others, keys, what, percent)
        if others
        else f"{first.name} has {what} {percent(first)}."
    )
    for rival in mean_faces(cells):
        mean, best = (Entry(cell.figures(*keys)).mean for cell in (rival, first))
        if mean is not None and best is not None:
            than = "; no model is better than that" if best >= mean else ""
            told += f" The {rival.name} has {mean:.2f}%{than}."
    return told


def _ranked(
    comparison: Comparison,
    first: Cell,
    others: Sequence[Cell],
    keys: Sequence[str],
    what: str,
    percent: Callable[[Cell], str],
) -> str:
    pairs = [(other, comparison.paired(first, other, keys)) for other in others]
    unknown = [other.name for other, found in pairs if found is None]
    open_ = [
        f"{other.name} ({_words(found[2])})"
        for other, found in pairs
        if found is not None and not found[2].high < 0
    ]
    seeds = {len(found[0]) for _, found in pairs if found is not None}
    alone = " Of one seed each: other seeds may differ by more." if seeds == {1} else ""
    lead = f"{first.name} has the lowest {what}, {percent(first)}"
    if open_:
        worse = [o.name for o, found in pairs if found is not None and found[2].high < 0]
        rest = f" Worse beyond doubt: {', '.join(worse)}." if worse else ""
        told = f"no model is best beyond doubt. {lead}, but it can't be told from "
        return told + f"{', '.join(open_)}.{rest}{_not_compared(unknown)}{alone}"
    if len(unknown) == len(others):
        next_one = f"{others[0].name} follows with {percent(others[0])}"
        return f"{lead}; {next_one}.{_not_compared(unknown)}"
    (second, found) = next((other, found) for other, found in pairs if found is not None)
    return (
        f"{lead}, and that is real: {second.name}, the next, has {percent(second)} "
        f"({_words(found[2])}, over {_over(comparison)}).{_not_compared(unknown)}{alone}"
    )


def _words(found: Interval) -> str:
    return f"difference {found.value:+.2f}, 95% interval {found.low:+.2f} to {found.high:+.2f}"


def _not_compared(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f" Whether it is more than chance can't be told for {', '.join(names)}: that takes the "
        "same test faces, a common seed and predictions that can be read."
    )
