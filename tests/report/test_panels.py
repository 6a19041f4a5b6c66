from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes

from landmark_lightning.plots import curves as plots
from landmark_lightning.report import panels
from landmark_lightning.runs.curves import CellCurves, read_curves
from landmark_lightning.runs.results import find_runs, gather
from landmark_lightning.schemes import SCHEMES
from tests.made_runs import MakeRecords, made_records, write_run


def test_the_panels_of_a_dataset_share_their_axis(
    make_records: MakeRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else models could not be compared by eye; another dataset has an axis of its own."""
    for model, dataset, seed in (("non", "aflw", 0), ("bb", "aflw", 5), ("bb", "other", 9)):
        write_run(tmp_path, make_records(model=model, dataset=dataset, seed=seed))
    curves = [read_curves(cell)[0] for cell in gather(find_runs(tmp_path)[0])]
    read = [each for each in curves if each is not None]
    assert len(read) == 3
    axes: dict[tuple[str, str], Axes] = {}
    plot = plots.plot_scores

    def noted(made: Axes, each: CellCurves, kind: str) -> None:
        axes[each.cell.dataset, each.cell.model] = made
        plot(made, each, kind)

    monkeypatch.setattr(plots, "plot_scores", noted)
    assert [len(row) for row in panels.score_panels(read, "discard").rows] == [2, 1]
    limits = {key: made.get_ylim() for key, made in axes.items()}
    assert limits["aflw", "non"] == limits["aflw", "bb"] != limits["other", "bb"]
    for (dataset, model), (low, high) in limits.items():
        of_cell = next(e for e in read if (e.cell.dataset, e.cell.model) == (dataset, model))
        lowest, highest = (
            f(float(f(curve)) for curve in of_cell.discard.values()) for f in (min, max)
        )
        assert 0.8 * lowest < low < lowest, "the axis begins where the curves do"
        assert high > highest


def test_landmarks_stand_with_their_names_or_numbers(tmp_path: Path) -> None:
    names = tuple(f"p{i}" if i else "a very long name of one" for i in range(19))
    for dataset, scheme in (
        ("named", SCHEMES["aflw19"].to_dict() | {"names": list(names)}),
        ("numbered", SCHEMES["aflw19"].to_dict()),
    ):
        made = made_records(dataset=dataset)
        made.prediction[:, 7] += 40
        write_run(tmp_path, replace(made, info=replace(made.info, scheme=scheme)))
    read = [read_curves(cell)[0] for cell in gather(find_runs(tmp_path)[0])]
    curves = [each for each in read if each is not None]
    named, numbered = (panels.landmark_panels([each]).rows[0][0] for each in curves)
    assert ">p7</text>" in named.svg
    assert ">a very long name …</text>" in named.svg
    assert "bb is worst at landmark 7 (p7), " in named.alt
    assert ">landmark</text>" in numbered.svg
    assert "bb is worst at landmark 7, " in numbered.alt
    assert "p7" not in numbered.svg + numbered.alt
