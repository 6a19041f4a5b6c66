"""Which training faces LPBB drew, from the balancing.json that a balanced run writes."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from landmark_lightning.documents import from_json, read_text
from landmark_lightning.report.columns import Columns, figure, in_percent
from landmark_lightning.report.table import Entry, Table
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.results import Cell, Run
from landmark_lightning.seals import unsealed

QUANTILES = {
    "0.05": "5% quantile", "0.5": "median", "0.95": "95% quantile", "0.99": "99% quantile",
    "1": "largest",
}  # fmt: skip

COLUMNS: Columns = (
    ("model", lambda cell: cell.name),
    ("dataset", lambda cell: cell.dataset),
    ("effective sample size (% of faces)", in_percent("effective_sample_size", of=("faces",))),
    *((f"draws of the {n}% most drawn (%)", in_percent(f"top_{n}_percent")) for n in (1, 10)),
    *((f"draws, {name}", figure("draws_per_face", q, digits=0)) for q, name in QUANTILES.items()),
    *((f"loss, {name}", figure("losses", q)) for q, name in QUANTILES.items()),
)


@dataclass(frozen=True)
class BalancingEffect:
    """What LPBB drew in the runs of a cell.

    Attributes:
        cell: The balanced runs; the ``content`` of each is its balancing.json.
        subsets: Names of the training faces' subsets.
        most_drawn: Photo, number of draws and final loss of the faces that the first run drew
            most often.
    """

    cell: Cell
    subsets: Sequence[str]
    most_drawn: Sequence[tuple[str, int, float]]

    def shares(self, of: str) -> list[float]:
        """Each subset's percentage of the ``faces`` or of the ``draws``, mean over the seeds."""
        means = (Entry(self.cell.figures("subsets", name, of)).mean for name in self.subsets)
        return [100 * (mean or 0.0) for mean in means]


def read_effects(cells: Sequence[Cell]) -> tuple[list[BalancingEffect], list[str]]:
    """Reads balancing.json beside every run.

    Returns:
        An effect for each cell that has such a file, and a sentence for each file that can't be
        read.
    """
    effects, unread = [], []
    for cell in cells:
        runs = []
        for run in cell.runs:
            path = RunFolder(run.path).balancing
            if not path.is_file():
                continue
            try:
                content = unsealed(from_json(read_text(path, within=run.path)))
            except (OSError, ValueError) as error:
                unread.append(f"{path} can't be read: {' '.join(str(error).split())}")
                continue
            if isinstance(content, dict):
                runs.append(dataclasses.replace(run, content=content))
            else:
                unread.append(f"{path} is not what landmark-train writes: it holds no object")
        if runs:
            names = dict.fromkeys(name for run in runs for name in run.names("subsets"))
            balanced = dataclasses.replace(cell, runs=tuple(runs))
            effects.append(BalancingEffect(balanced, list(names), _most_drawn(runs[0])))
    return effects, unread


def _most_drawn(run: Run) -> list[tuple[str, int, float]]:
    faces = run.content.get("most_drawn")
    found = []
    for face in faces if isinstance(faces, list) else []:
        if isinstance(face, dict) and isinstance(face.get("photo"), str):
            draws, loss = face.get("draws"), face.get("loss")
            if isinstance(draws, int) and isinstance(loss, int | float):
                found.append((face["photo"], draws, float(loss)))
    return found


def effect_table(effects: Sequence[BalancingEffect]) -> Table:
    """How unevenly LPBB drew the faces and what their final losses were, a row for each cell."""
    headings = [heading for heading, _ in COLUMNS]
    rows = [[show(effect.cell) for _, show in COLUMNS] for effect in effects]
    return Table(
        "lpbb", "LPBB: draws and final losses by face", headings, rows, labels=2, folded=True
    )
