import subprocess
from pathlib import Path

from landmark_lightning.runs.provenance import commit


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_the_commit_of_a_folder_and_whether_it_was_changed(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    _git(tmp_path, "init")
    assert commit(tmp_path) is None, "nothing is committed yet"
    (tmp_path / "mine.py").write_text("1")
    _git(tmp_path, "add", "mine.py")
    _git(tmp_path, "commit", "-m", "first")
    (tmp_path / "not_kept.txt").write_text("2")
    head = commit(tmp_path)
    assert head is not None
    assert len(head) == 10
    (tmp_path / "mine.py").write_text("3")
    assert commit(tmp_path) == f"{head}+"


def test_a_folder_that_is_none_has_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path / "nowhere") is None
