"""What became of each run of a sweep: ``state.json`` in a run's folder, ``plan-*.json`` above it.

A run is its dataset, model and seed; its folder says which: ``<dataset>/<model>/seed<k>``.
``state.json`` holds ``state`` (running, done, cut or failed), ``error`` (one sentence, or null),
``time`` (when the state was reached), ``lock`` (how a running one keeps others out, as of
``lock.py``) and the process, as ``processes.py`` describes it.
A plan holds ``cells``: the folders that a sweep was started with, relative to the plan's own.
"""

import hashlib
import os
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

from landmark_lightning.documents import from_json, read_text
from landmark_lightning.errors import UserError, sentence
from landmark_lightning.files import write_json, write_text
from landmark_lightning.runs import lock, processes
from landmark_lightning.runs.folder import PLANS, RunFolder
from landmark_lightning.runs.search import folders_below

STATES = ("done", "running", "cut", "failed", "missing")
"""Finished; a process works on it; it stopped and goes on when it is started again; an error
stopped it; planned by a sweep but never started."""

BEAT_SECONDS = 30.0
"""Seconds between two touches of its state.json by a running attempt."""

SILENT_SECONDS = 300.0
"""Without a lock, a running attempt counts as cut after so many seconds without a touch."""

_warned = False


@dataclass(frozen=True)
class CellState:
    """The state of one run.

    Attributes:
        dataset: Name of the dataset.
        model: Name of the model.
        seed: Seed of the run.
        state: One of ``STATES``.
        error: Of a failed run, one sentence that says why.
        folder: The run's folder; that of a missing run need not exist.
        variant: What sets it apart from others of the model, as its folder's name has it.
    """

    dataset: str
    model: str
    seed: int
    state: str
    error: str | None
    folder: Path
    variant: str = ""


def read_states(runs: Path) -> list[CellState]:
    """The state of every run below a folder and of every run that a plan there names.

    Links to folders are followed; what several of them lead to is one run. The states are sorted
    by dataset, model, seed and folder.
    """
    folders = folders_below(runs).folders
    begun = [path for path in folders if _seed(path) is not None and RunFolder(path).begun]
    for plan in (plan for folder in folders for plan in folder.glob(PLANS)):
        begun += _planned(plan)
    once = {path.resolve(): path for path in reversed(begun)}
    states = [read_state(path) for path in once.values()]
    return sorted(states, key=lambda s: (s.dataset, s.model, s.seed, s.folder))


def read_state(path: Path) -> CellState:
    """The state of the run whose folder is ``path``; missing where nothing lies there.

    A run that has its test figures is done, unless a process trains it again just now. One that
    was begun and is neither done, failed nor running is cut, whatever ended it.

    Raises:
        UserError: The folder's name is not ``seed<k>``.
    """
    folder = RunFolder(path)
    seed = _seed(path)
    if seed is None:
        raise UserError(f"{path} is no run's folder: its name must be seed<number>")
    record = _read(folder.state)
    error = None
    if record.get("state") == "running" and _alive(record, folder):
        state = "running"
    elif folder.metrics.is_file():
        state = "done"
    elif record.get("state") == "failed":
        state, error = "failed", str(record.get("error"))
    else:
        state = "cut" if folder.begun else "missing"
    whole = path.absolute()
    model, _, variant = whole.parent.name.partition("+")
    return CellState(whole.parent.parent.name, model, seed, state, error, path, variant)


def written_at(folder: RunFolder) -> str | None:
    """When a run's state was reached, as its state.json says; None where it does not."""
    time = _read(folder.state).get("time")
    return time if isinstance(time, str) else None


def write_plan(runs: Path, cells: Iterable[str]) -> Path:
    """Notes which runs a sweep will make, so that one that never started is seen to be missing.

    The same cells, ``<dataset>/<model>/seed<k>`` below ``runs``, give the same file, so a sweep
    that is started again leaves no second plan.
    """
    planned = sorted(cells)
    mark = hashlib.sha256("\n".join(planned).encode()).hexdigest()[:8]
    path = runs / PLANS.replace("*", mark)
    write_json(path, {"cells": planned})
    return path


class Attempt:
    """One try at a run: keeps its state.json from ``begin`` to the end of the block.

    The state becomes done, cut (Ctrl-C) or failed, with the traceback in ``error.txt``; an error
    goes on to the caller. A killed process leaves ``running`` behind; that it was cut is seen by
    its lock, which is free again, or on another machine by the file, which nobody touches any
    more. Within another attempt of this process at the same run, it does nothing.

    Args:
        folder: The run's folder.
        parent: Number of a process at whose end this one ends, too; None: none.
    """

    def __init__(self, folder: Path, parent: int | None = None) -> None:
        self.folder = RunFolder(folder)
        self.parent = parent
        self.error: str | None = None
        self._begun = False
        self._lock: str | None = None
        self._ended = threading.Event()

    def begin(self) -> None:
        """From here on the run counts as running.

        Raises:
            UserError: Another process trains it.
        """
        if lock.holds(self.folder.lock):
            return
        record = _read(self.folder.state)
        taken = f"{self.folder.path} is trained by process {record.get('pid')} on "
        taken += f"{record.get('host')} already; wait for it or end it"
        try:
            self._lock = lock.acquire(self.folder.lock)
        except BlockingIOError as error:
            raise UserError(taken) from error
        # Of another machine, the file alone may tell.
        if record.get("state") == "running" and _alive(record, self.folder, locked=False):
            lock.release(self.folder.lock)
            raise UserError(taken)
        if self._lock == lock.LEASE:
            _say_lease(self.folder)
        self._begun = True
        self.folder.error.unlink(missing_ok=True)
        self._write("running")
        threading.Thread(target=self._beat, daemon=True).start()

    def __enter__(self) -> "Attempt":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if error is not None:
            self.error = sentence(error)
        if not self._begun:
            return
        try:
            if error is None:
                self._write("done")
            elif isinstance(error, Exception):
                lines = traceback.format_exception(kind, error, trace)
                write_text(self.folder.error, "".join(lines))
                self._write("failed")
            else:
                self._write("cut")
        except OSError:
            if error is None:  # else that one is said, such as what the disk had no room for
                raise
        finally:
            lock.release(self.folder.lock)

    def _write(self, state: str) -> None:
        content = {
            "state": state,
            "error": self.error if state == "failed" else None,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "lock": self._lock,
            **processes.describe(os.getpid()),
        }
        write_json(self.folder.state, content)

    def _beat(self) -> None:
        """Touches state.json now and then, and ends the process when its parent is gone."""
        touched = time.monotonic()
        while not self._ended.wait(1.0):
            if self.parent is not None and os.getppid() != self.parent:
                os._exit(1)
            if time.monotonic() - touched >= BEAT_SECONDS:
                touched = time.monotonic()
                with suppress(FileNotFoundError):  # somebody removed the run
                    os.utime(self.folder.state)


def _say_lease(folder: RunFolder) -> None:
    """Says, once in a process, that a folder has no lock."""
    global _warned
    if not _warned:
        _warned = True
        print(
            f"{folder.path} lies on a file system without locks: its {folder.state.name}, "
            f"touched every {BEAT_SECONDS:.0f} s, keeps others out, for {SILENT_SECONDS:.0f} s "
            "after a crash"
        )


def _seed(path: Path) -> int | None:
    """The seed in a run folder's name; None: it is not named ``seed<k>``."""
    number = path.name.removeprefix("seed")
    return int(number) if path.name.startswith("seed") and number.isdecimal() else None


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none, or it is damaged or a link to elsewhere."""
    try:
        content = from_json(read_text(path, within=path.parent))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _planned(plan: Path) -> list[Path]:
    cells = _read(plan).get("cells")
    named = [PurePosixPath(str(cell)) for cell in cells] if isinstance(cells, list) else []
    below = [cell for cell in named if not cell.is_absolute() and ".." not in cell.parts]
    return [plan.parent / cell for cell in below if _seed(plan.parent / cell) is not None]


def _alive(record: dict[str, Any], folder: RunFolder, locked: bool | None = None) -> bool:
    """Whether the process that wrote a state.json still runs.

    Whether another one holds the folder's lock is looked up where ``locked`` is None.
    """
    if record.get("lock") == lock.KERNEL and processes.of_this_boot(record):
        return lock.is_held(folder.lock) if locked is None else locked
    if processes.of_an_earlier_start(record):
        return False
    if not processes.of_this_machine(record):
        return time.time() - folder.state.stat().st_mtime < SILENT_SECONDS
    return processes.is_running(record)
