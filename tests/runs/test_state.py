import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landmark_lightning.errors import UserError
from landmark_lightning.runs import lock, state
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.runs.state import (
    SILENT_SECONDS,
    Attempt,
    CellState,
    read_state,
    read_states,
    write_plan,
)

ATTEMPT = """
import signal, sys, time
from pathlib import Path
from landmark_lightning.runs.state import Attempt
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background job
with Attempt(Path(sys.argv[1])) as attempt:
    attempt.begin()
    print("begun", flush=True)
    time.sleep(60)
"""


def _begun_elsewhere(folder: Path) -> "subprocess.Popen[str]":
    """A process of its own that has begun an attempt."""
    process = subprocess.Popen(
        [sys.executable, "-c", ATTEMPT, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def _fail(folder: Path, error: Exception) -> None:
    with Attempt(folder) as attempt:
        attempt.begin()
        assert read_state(folder).state == "running"
        raise error


def test_the_states_of_a_runs_folder(tmp_path: Path) -> None:
    for model, name, content in (
        ("old", "metrics.json", "{}"),
        ("begun", "config.yaml", ""),
        ("bad", "state.json", "{"),
    ):
        (tmp_path / "aflw" / model / "seed3").mkdir(parents=True)
        (tmp_path / "aflw" / model / "seed3" / name).write_text(content)
    (tmp_path / "aflw" / "empty" / "seed0").mkdir(parents=True)
    (tmp_path / "aflw" / "other" / "seedling").mkdir(parents=True)
    with pytest.raises(ValueError, match="no faces"):
        _fail(tmp_path / "300w/bb/seed1", UserError("no faces"))
    write_plan(tmp_path, ["300w/bb/seed1", "300w/bb/seed2", "aflw/old/seed3"])
    assert read_states(tmp_path) == [
        CellState("300w", "bb", 1, "failed", "no faces", tmp_path / "300w/bb/seed1"),
        CellState("300w", "bb", 2, "missing", None, tmp_path / "300w/bb/seed2"),
        CellState("aflw", "bad", 3, "cut", None, tmp_path / "aflw/bad/seed3"),
        CellState("aflw", "begun", 3, "cut", None, tmp_path / "aflw/begun/seed3"),
        CellState("aflw", "old", 3, "done", None, tmp_path / "aflw/old/seed3"),
    ]
    assert [s.dataset for s in read_states(tmp_path / "aflw")] == ["aflw"] * 3
    assert len(read_states(tmp_path / "300w/bb/seed1")) == 1


def test_a_failed_attempt_keeps_its_traceback_and_the_next_one_drops_it(tmp_path: Path) -> None:
    folder = tmp_path / "d/m/seed0"
    with pytest.raises(RuntimeError, match="CUDA"):
        _fail(folder, RuntimeError("CUDA out of\nmemory"))
    assert read_state(folder).error == "RuntimeError: CUDA out of memory"
    assert "test_state.py" in (folder / "error.txt").read_text()
    with Attempt(folder) as second:
        second.begin()
        assert not (folder / "error.txt").exists()
        (folder / "metrics.json").write_text("{}")
        assert read_state(folder).state == "running"
    assert read_state(folder).state == "done"
    with pytest.raises(ValueError, match="wrong"):
        _fail(folder, UserError("wrong"))
    assert read_state(folder).state == "done", "the finished run is still there"


def test_an_attempt_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "d/m/seed0")
    with pytest.raises(ValueError, match="wrong"), attempt:
        raise UserError("wrong")
    assert list(tmp_path.iterdir()) == []
    assert attempt.error == "wrong"


def test_an_attempt_within_another_leaves_the_end_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "d/m/seed0"
    with Attempt(folder) as outer:
        outer.begin()
        with Attempt(folder) as inner:
            inner.begin()
        assert read_state(folder).state == "running"
    assert json.loads((folder / "state.json").read_text())["state"] == "done"


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_an_attempt_that_is_stopped_is_cut(tmp_path: Path, signal_number: int) -> None:
    folder = tmp_path / "d/m/seed0"
    process = _begun_elsewhere(folder)
    try:
        assert read_state(folder).state == "running"
        with pytest.raises(ValueError, match=rf"trained by process {process.pid} on"):
            Attempt(folder).begin()
        os.kill(process.pid, signal_number)
        while read_state(folder).state == "running":  # also before its parent asks how it ended
            time.sleep(0.05)
        assert read_state(folder).state == "cut"
    finally:
        process.kill()
        process.communicate()
    with Attempt(folder) as again:
        again.begin()
    assert json.loads((folder / "state.json").read_text())["state"] == "done"


def test_another_machine_s_attempt_runs_while_its_file_is_touched(tmp_path: Path) -> None:
    folder = tmp_path / "d/m/seed0"
    folder.mkdir(parents=True)
    state = folder / "state.json"
    record = {"state": "running", "host": "a-node-elsewhere", "pid": 1, "process_start": "1"}
    state.write_text(json.dumps(record))
    assert read_state(folder).state == "running"
    silent = time.time() - SILENT_SECONDS - 1
    os.utime(state, (silent, silent))
    assert read_state(folder).state == "cut"


def _unseen(state: Path, **changed: str) -> None:
    """Makes a running attempt look like one whose process number means nothing here."""
    record = json.loads(state.read_text())
    state.write_text(json.dumps(record | changed))


def test_two_containers_of_one_host_name_never_train_one_folder(tmp_path: Path) -> None:
    """A killed one frees the folder at once, though nobody here sees its process."""
    folder = tmp_path / "d/m/seed0"
    process = _begun_elsewhere(folder)
    try:
        _unseen(folder / "state.json", space="pid:[1]", process_start="another")
        assert read_state(folder).state == "running"
        with pytest.raises(ValueError, match=r"is trained by process .* already"):
            Attempt(folder).begin()
    finally:
        process.kill()
        process.communicate()
    assert read_state(folder).state == "cut"
    with Attempt(folder) as again:
        again.begin()
    assert read_state(folder).state == "cut"  # it has no metrics.json


def test_a_process_of_the_same_number_is_not_the_one_that_began(tmp_path: Path) -> None:
    folder = tmp_path / "d/m/seed0"
    process = _begun_elsewhere(folder)
    process.kill()
    process.communicate()
    _unseen(folder / "state.json", pid=os.getpid())  # type: ignore[arg-type]
    assert read_state(folder).state == "cut"
    with Attempt(folder) as again:
        again.begin()


def test_a_forked_child_does_not_keep_the_folder(tmp_path: Path) -> None:
    forks = ATTEMPT.replace(
        'print("begun", flush=True)',
        'import os; child = not os.fork(); os.write(1, b"begun\\n"); child and time.sleep(60)',
    )
    folder = tmp_path / "d/m/seed0"
    process = subprocess.Popen(
        [sys.executable, "-c", forks, str(folder)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    try:
        for _ in range(2):  # the child has let go of the folder by then
            assert process.stdout.readline() == b"begun\n"
        assert read_state(folder).state == "running"
        process.kill()
        process.wait()
        assert read_state(folder).state == "cut"
        with Attempt(folder) as again:
            again.begin()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


@pytest.fixture
def _no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    monkeypatch.setattr(state, "_warned", False)


@pytest.mark.usefixtures("_no_locks")
def test_without_locks_a_lease_keeps_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, other = tmp_path / "d/m/seed0", tmp_path / "d/m/seed1"
    with Attempt(folder) as attempt, Attempt(other) as beside:
        attempt.begin()
        beside.begin()
        said = capsys.readouterr().out
        assert said.count("without locks") == 1
        assert read_state(folder).state == "running"
        lock.release(attempt.folder.lock)  # as another process sees it
        _unseen(folder / "state.json", space="pid:[1]")
        with pytest.raises(ValueError, match="is trained by process"):
            Attempt(folder).begin()
        silent = time.time() - SILENT_SECONDS - 1
        os.utime(folder / "state.json", (silent, silent))
        Attempt(folder).begin()


@pytest.mark.usefixtures("_no_locks")
def test_a_job_that_slurm_starts_again_takes_its_folder_back_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "d/m/seed0"
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    Attempt(folder).begin()
    lock.release(RunFolder(folder).lock)
    _unseen(folder / "state.json", host="another-node")
    with pytest.raises(ValueError, match="on another-node already"):
        Attempt(folder).begin()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    Attempt(folder).begin()
    lock.release(RunFolder(folder).lock)


def test_a_plan_is_the_same_file_for_the_same_cells(tmp_path: Path) -> None:
    first = write_plan(tmp_path, ["d/b/seed0", "d/a/seed0"])
    assert write_plan(tmp_path, ["d/a/seed0", "d/b/seed0"]) == first
    assert write_plan(tmp_path, ["d/a/seed0"]) != first
    (tmp_path / "plan-broken.json").write_text("[")
    assert [s.model for s in read_states(tmp_path)] == ["a", "b"]


def test_a_folder_of_another_name_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its name must be seed<number>"):
        read_state(tmp_path)


def test_links_to_runs_are_followed_and_count_once(tmp_path: Path) -> None:
    runs, elsewhere = tmp_path / "runs", tmp_path / "elsewhere/bb/seed0"
    elsewhere.mkdir(parents=True)
    (elsewhere / "config.yaml").write_text("")
    (runs / "300w").mkdir(parents=True)
    (runs / "300w/bb").symlink_to(elsewhere.parent)
    (runs / "again").symlink_to(runs)
    write_plan(runs, ["300w/bb/seed0", "300w/bb/seed1"])
    write_plan(elsewhere.parent.parent, ["bb/seed0"])
    assert [(s.dataset, s.model, s.seed, s.state) for s in read_states(runs)] == [
        ("300w", "bb", 0, "cut"),
        ("300w", "bb", 1, "missing"),
    ]
