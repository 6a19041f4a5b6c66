import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landmark_lightning.files import (
    COMPLETE,
    finish_set,
    is_of_a_set,
    locked,
    replacing,
    replacing_set,
    write_json,
    write_text,
)


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
    left_over = tmp_path / ".a.txt.0123456789abcdef.tmp"
    left_over.write_bytes(b"half")
    os.utime(left_over, (0, 0))
    write_text(tmp_path / "a.txt", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_of_a_killed_writer_of_this_machine_it_is_swept_at_once(tmp_path: Path) -> None:
    """A file and a folder of a set alike; those of a living writer stay."""
    program = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from landmark_lightning.files import replacing, replacing_set\n"
        "top = Path(sys.argv[1])\n"
        "with replacing(top / 'b.txt'), replacing_set(top, ['c.txt']) as staged:\n"
        "    (staged / 'c.txt').write_text('half')\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == b"begun\n"
        half = sorted(tmp_path.iterdir())
        assert len(half) == 2
        for path in half:
            os.utime(path, (time.time() - 2, time.time() - 2))
        write_text(tmp_path / "a.txt", "whole")
        assert sorted(tmp_path.iterdir()) == [*half, tmp_path / "a.txt"]
    finally:
        writer.kill()
        writer.communicate()
    write_text(tmp_path / "a.txt", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def _set(folder: Path, **texts: str) -> None:
    with replacing_set(folder, ["a", "b", "c"]) as staged:
        assert is_of_a_set(staged.name)
        for name, text in texts.items():
            write_text(staged / name, text)


def _texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_set_takes_the_place_of_another(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("own")
    _set(tmp_path, a="1", b="1")
    _set(tmp_path, b="2", c="2")
    assert _texts(tmp_path) == {"mine": "own", "b": "2", "c": "2"}


def test_a_set_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    _set(tmp_path / "old", a="1", b="1")
    for folder in (tmp_path / "old", tmp_path / "new/deep"):
        with pytest.raises(UnicodeEncodeError):
            _set(folder, a="2", c="\ud800")
    assert _texts(tmp_path / "old") == {"a": "1", "b": "1"}
    assert not (tmp_path / "new").exists()


def test_a_set_that_was_written_is_finished_by_whoever_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was killed after the switch, between any two of its steps."""
    _set(tmp_path, a="1", b="1")
    moved = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if path.parent.name == COMPLETE and path.name == "b":
            raise KeyboardInterrupt
        return moved(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            _set(tmp_path, a="2", b="2")
    assert is_of_a_set(COMPLETE)
    assert (tmp_path / COMPLETE).is_dir()
    finish_set(tmp_path)
    assert _texts(tmp_path) == {"a": "2", "b": "2"}


def test_a_link_in_the_place_of_a_set_takes_no_file_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a").write_text("own")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / COMPLETE).symlink_to(tmp_path / "mine")
    finish_set(tmp_path / "run")
    assert _texts(tmp_path / "mine") == {"a": "own"}


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
