from pathlib import Path

from landmark_lightning.report.studies import best_trials
from landmark_lightning.report.write import read_contents
from landmark_lightning.runs.studies import Study, Trial
from tests.made_runs import made_records, write_run


def test_the_row_of_the_best_trial_is_named(tmp_path: Path) -> None:
    paths = [
        write_run(tmp_path / f"r{width}", made_records(), {"network": {"width": width}})
        for width in (8, 16)
    ]
    trials = [
        Trial(k, "complete", 5.0 - k, {"network.width": w}, [str(path.relative_to(tmp_path))])
        for k, (w, path) in enumerate(zip((8, 16), paths, strict=True))
    ]
    study = Study(tmp_path, "o", "validation_nme", "minimize", 2, trials)
    study.write()
    contents = read_contents(tmp_path)
    said = (
        "Study o: of 2 trials, trial 1 has the lowest validation_nme, 4, with network.width=16: "
        "row bb (network.width=16)."
    )
    assert contents.summary.endswith(said)
    assert best_trials([study], []) == [said.replace(": row bb (network.width=16)", "")]
    assert best_trials([Study(tmp_path, "o", "x", "minimize", 2, [])], []) == []
