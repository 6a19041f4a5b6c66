import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from landmark_lightning.files import locked, replacing, write_json, write_text


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"nme": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"nme": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == '{\n "nme": 1.0\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_writer_left_over_is_swept(tmp_path: Path) -> None:
    left_over = tmp_path / ".a.txt.xyz.tmp"
    left_over.write_bytes(b"half")
    os.utime(left_over, (0, 0))
    write_text(tmp_path / "a.txt", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_two_writers_of_one_file_do_not_harm_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as slow:
        slow.write_text("slow")
        write_text(path, "fast")
        assert path.read_text() == "fast"
    assert path.read_text() == "slow"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_folder_is_made_and_the_umask_says_who_may_read(
    tmp_path: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "new" / "a.bin") as temporary:
            assert temporary.stat().st_mode & 0o777 == mode
            temporary.write_bytes(b"1")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "a.bin").stat().st_mode & 0o777 == mode


def test_a_mount_without_chmod_fsync_and_locks_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    for module, name in ((os, "chmod"), (os, "fchmod"), (os, "fsync"), (fcntl, "flock")):
        monkeypatch.setattr(module, name, refused)
    with locked(tmp_path / "a.txt"):
        write_text(tmp_path / "a.txt", "whole")
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_locked_path_keeps_other_processes_waiting(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.h5"
    waits = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    other = [sys.executable, "-c", waits, str(path.with_name(".a.h5.lock"))]
    with locked(path):
        assert subprocess.run(other, stderr=subprocess.DEVNULL, check=False).returncode == 1
    assert subprocess.run(other, check=False).returncode == 0
