"""The tables of how far a run's figures can be trusted.

Its bound, a detector's boxes, faces told from non-faces, landmarks told from covered ones, and
labels that lie beside the point.
"""

from collections.abc import Sequence

from landmark_lightning.report.columns import NME, Columns, figure, in_percent, table_of
from landmark_lightning.report.table import Entry, Table
from landmark_lightning.runs.figures import offset_sentence
from landmark_lightning.runs.results import Cell

BROKEN = 0.02
"""How far below its promise a bound's coverage may lie before the report speaks of it."""

SHARE = "0.99"
"""Of true faces kept, where non-faces are counted."""


def trust_tables(cells: Sequence[Cell]) -> list[Table]:
    """The tables of one dataset's cells; those that no run has figures for are left out."""
    made = []
    if _any(cells, "bound", "promised"):
        made += [_bound_table(cells), _coverage_table(cells)]
    if _any(cells, "detector", "faces"):
        made.append(_boxes_table(cells))
    if _any(cells, "rejection", "faces"):
        made.append(_rejection_table(cells))
    if _any(cells, "coverage", "full", "auroc"):
        made.append(_covered_table(cells))
    if _any(cells, "offset", "labels"):
        made.append(_offset_table(cells))
    return made


def _any(cells: Sequence[Cell], *keys: str) -> bool:
    return any(figure is not None for cell in cells for figure in cell.figures(*keys))


def _bound_table(cells: Sequence[Cell]) -> Table:
    """Coverage and mean width of the bound, beside its two rivals."""
    full = ("bound", "subsets", "full")
    columns = [("promised (%)", in_percent("bound", "promised"))]
    for name, words in (
        ("bound", "bound"),
        ("constant", "one constant a landmark"),
        ("predicted_error", "predicted error as it is"),
    ):
        columns += [
            (f"{words}: holds (%)", in_percent(*full, name, "coverage")),
            (f"{words}: width (%)", figure(*full, name, "width")),
        ]
    title = "bound on the error, its width in percent of {normalizer}"
    return table_of(cells, "bound", title, columns, notes=_broken(cells), folded=True)


def _broken(cells: Sequence[Cell]) -> list[str]:
    """A sentence for each cell whose bound does not hold what it promises on the test faces."""
    notes = []
    for cell in cells:
        promised = Entry(cell.figures("bound", "promised")).mean
        held = Entry(cell.figures("bound", "subsets", "full", "bound", "coverage")).mean
        if promised is not None and held is not None and held < promised - BROKEN:
            notes.append(
                f"The bound of {cell.name} holds {100 * held:.0f}% of the test landmarks, not "
                f"{100 * promised:.0f}%: the test faces are not like the validation faces."
            )
    return notes


def _coverage_table(cells: Sequence[Cell]) -> Table:
    """What the bound holds, by subset."""
    names = dict.fromkeys(n for c in cells for r in c.runs for n in r.names("bound", "subsets"))
    columns: Columns = tuple(
        (name, in_percent("bound", "subsets", name, "bound", "coverage")) for name in names
    )
    title, metric = "what the bound holds, by subset", "landmarks within the bound (%)"
    return table_of(cells, "bound-subsets", title, columns, metric, folded=True)


def _covered_table(cells: Sequence[Cell]) -> Table:
    """Which landmarks the dataset calls covered, told by the fourth output and by its rivals."""
    columns: Columns = tuple(
        (words, figure("coverage", "full", name, digits=3))
        for name, words in (
            ("auroc", "by coverage"),
            ("auroc_rate", "by each landmark's rate in training"),
            ("auroc_signal", "by the signal"),
            ("auroc_landmark", "by coverage, across faces (a constant has 0.5)"),
        )
    )
    title, metric = (
        "which landmarks are covered",
        "AUROC of landmarks that are labelled as covered",
    )
    return table_of(cells, "covered", title, columns, metric, folded=True)


def _boxes_table(cells: Sequence[Cell]) -> Table:
    """NME by true boxes beside that by a detector's, on the same faces."""

    def missed(cell: Cell) -> Entry:
        found, faces = (cell.figures("detector", key) for key in ("found", "faces"))
        pairs = zip(found, faces, strict=True)
        return Entry([None if f is None or not n else 100 * (1 - f / n) for f, n in pairs])

    def ratio(cell: Cell) -> Entry:
        keys = ("detector", "subsets", "full")
        by, true = (cell.figures(*keys, key) for key in ("nme", "nme_true"))
        return Entry([b / t if b and t else None for b, t in zip(by, true, strict=True)])

    columns: Columns = (
        ("faces missed (%)", missed),
        (f"{NME}, true boxes (%)", figure("detector", "subsets", "full", "nme_true")),
        (f"{NME}, detector's boxes (%)", figure("detector", "subsets", "full", "nme")),
        ("ratio", ratio),
    )
    title = "true and a detector's boxes, faces that it found"
    return table_of(cells, "boxes", title, columns, folded=True)


def _rejection_table(cells: Sequence[Cell]) -> Table:
    """Non-faces that pass where nearly all true faces are kept."""
    kinds = dict.fromkeys(n for c in cells for r in c.runs for n in r.names("rejection", "auroc"))
    columns: Columns = (
        *(
            (kind.replace("_", " "), in_percent("rejection", "kept", SHARE, "passed", kind))
            for kind in kinds
        ),
        ("AUROC, all", figure("rejection", "auroc", "all", digits=4)),
        ("validity at least", figure("rejection", "kept", SHARE, "validity", digits=3)),
    )
    title = f"non-faces that pass where {100 * float(SHARE):.0f}% of the faces are kept (%)"
    return table_of(cells, "rejection", title, columns, folded=True)


def _offset_table(cells: Sequence[Cell]) -> Table:
    """Where the labels lie by the mirror check, and NME less the mean error vector."""
    columns: Columns = (
        (f"{NME} (%)", figure("subsets", "full", "nme")),
        (f"{NME}, less the mean vector (%)", figure("subsets", "full", "nme_less_mean")),
        ("labels to the right (% of {normalizer})", figure("offset", "labels", digits=1)),
        ("the same (px of the photo)", figure("offset", "pixels", digits=1)),
        ("network to the right (% of {normalizer})", figure("offset", "training", digits=1)),
    )
    notes = []
    for cell in cells:
        keys = ("labels", "training", "error", "pixels")
        means = {key: Entry(cell.figures("offset", key)).mean for key in keys}
        if told := offset_sentence(means, cell.normalizer):
            notes.append(f"By {cell.name}, {told}" + "." * (not told.endswith("?")))
    title = "where the labels lie, by mirrored faces"
    return table_of(cells, "offset", title, columns, notes=notes, folded=True)
