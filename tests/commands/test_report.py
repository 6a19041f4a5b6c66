from tests.commands.conftest import Command


def test_a_folder_without_runs_is_named(command: Command) -> None:
    done = command("report", "runs=none")
    assert done.code == 1
    assert "runs=none is no folder" in done.err
    done = command("report", "runs=.")
    assert done.code == 1
    assert "landmark-train" in done.err
