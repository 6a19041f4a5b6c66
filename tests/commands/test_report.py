from pathlib import Path

from tests.console import Command
from tests.made_runs import made_records, write_run


def test_a_folder_without_runs_is_named(command: Command) -> None:
    done = command("report", "runs=none")
    assert done.code == 1
    assert "runs=none is no folder" in done.err
    done = command("report", "runs=.")
    assert done.code == 1
    assert "landmark-train" in done.err


def test_the_main_tables_are_shown_and_the_files_named(command: Command, tmp_path: Path) -> None:
    for dataset in ("aflw", "mine"):
        write_run(tmp_path / "runs", made_records(dataset=dataset))
    done = command("report", "output=there")
    assert done.code == 0, done.err
    assert "aflw: all models" in done.out
    assert "mine: all models" in done.out
    assert "Table 3" not in done.out
    last = done.out.strip().splitlines()[-1]
    for name in ("index.html", "tables.md", "tables.tex", "tables.csv", "discard.png"):
        assert f"there/{name}" in last
        assert (tmp_path / "there" / name).is_file()


def test_an_output_that_can_t_be_written_is_named(command: Command, tmp_path: Path) -> None:
    write_run(tmp_path / "runs", made_records())
    (tmp_path / "report").write_text("a file")
    done = command("report")
    assert done.code == 1
    assert "report" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
