"""The mean face among the models: what each of them must be better than."""

from collections.abc import Sequence
from dataclasses import replace

from landmark_lightning.runs.results import Cell
from landmark_lightning.runs.variants import data_name

MEAN_FACE = "mean face"
"""What its row is called."""


def mean_faces(cells: Sequence[Cell]) -> list[Cell]:
    """The mean face of the test faces of cells, as a cell whose figures are its own.

    It answers every face with the mean shape of the training faces. There is one for each set of
    faces that the cells were tested on, none where no run's metrics.json tells of it.
    """
    found: dict[str | None, Cell] = {}
    for cell in cells:
        for run in cell.runs:
            figures = run.content.get("mean_face")
            validation = run.figure("validation_nme_mean_face")
            if not isinstance(figures, dict) and validation is None:
                continue
            content = {"subsets": figures or {}, "validation_nme": validation}
            alone = replace(run, model=MEAN_FACE, content=content)
            known = found.get(run.word("data"))
            if known is None or known.runs[0].figure("validation_nme") is None:
                found[run.word("data")] = Cell(cell.dataset, cell.normalizer, MEAN_FACE, (alone,))
    if len(found) > 1:
        return [replace(cell, variant=data_name(data)) for data, cell in found.items()]
    return list(found.values())
