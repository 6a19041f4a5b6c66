"""What the report says of studies: which trial is the best of each."""

from collections.abc import Sequence

from landmark_lightning.runs.results import Cell
from landmark_lightning.runs.studies import Study


def best_trials(studies: Sequence[Study], cells: Sequence[Cell]) -> list[str]:
    """A sentence for each study with a complete trial; it names the row of the best one."""
    rows = {run.path.resolve(): cell.name for cell in cells for run in cell.runs}
    sentences = []
    for study in studies:
        if (best := study.best) is None:
            continue
        complete = sum(trial.value is not None for trial in study.trials)
        paths = ((study.runs / cell).resolve() for cell in best.cells)
        row = next((rows[path] for path in paths if path in rows), None)
        end = "lowest" if study.direction == "minimize" else "highest"
        sentences.append(
            f"Study {study.name}: of {complete} trials, trial {best.number} has the {end} "
            f"{study.metric}, {best.value:.4g}, with {best}" + (f": row {row}." if row else ".")
        )
    return sentences
