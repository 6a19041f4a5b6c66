from pathlib import Path

from landmark_lightning.runs.search import folders_below


def _run(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{}")
    return folder


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    runs, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    _run(runs / "d/m/seed0")
    _run(elsewhere / "m/seed1")
    (runs / "far").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(runs)
    (elsewhere / "m/round").symlink_to("..")
    found = folders_below(runs)
    names = [path.relative_to(runs).as_posix() for path in found.folders]
    assert names == [".", "d", "d/m", "d/m/seed0", "far", "far/m", "far/m/seed1"]
    assert found.again == {runs / "far/back": runs, runs / "far/m/round": runs / "far"}
    assert found.unread == []


def test_a_folder_goes_by_its_own_name_before_that_of_a_link(tmp_path: Path) -> None:
    _run(tmp_path / "z/m/seed0")
    for name in ("a", "b"):
        (tmp_path / name).symlink_to("z")
    found = folders_below(tmp_path)
    assert tmp_path / "z/m/seed0" in found.folders
    assert found.again == {tmp_path / name: tmp_path / "z" for name in ("a", "b")}


def test_links_that_lead_nowhere_are_said_but_for_those_of_a_run_s_own(tmp_path: Path) -> None:
    run = _run(tmp_path / "d/m/seed0")
    (run / "wandb").mkdir()
    (run / "wandb/debug.log").symlink_to("gone")
    (tmp_path / "d/m/seed1").symlink_to("/gone/seed1")
    (tmp_path / "notes").symlink_to(run / "state.json")
    (tmp_path / "itself").symlink_to("itself")
    found = folders_below(tmp_path)
    assert found.unread == [
        f"{tmp_path / 'd/m/seed1'} is a link that leads nowhere",
        f"{tmp_path / 'itself'} is a link that leads nowhere",
    ]
    assert found.again == {}


def test_nothing_lies_below_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert folders_below(tmp_path / "none").folders == []
