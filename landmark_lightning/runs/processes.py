"""Processes: what tells one from all others, and whether it still runs.

A description is a mapping of ``host``, ``boot`` (one start of the machine), ``space`` (of the
process's number: two containers may have one host name and the same numbers), ``pid``,
``process_start`` and, in a job of Slurm, ``job`` (its number and how often Slurm has started it
again). What a system does not tell is None.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Description = Mapping[str, Any]


def describe(pid: int) -> dict[str, Any]:
    """The description of a process of this machine."""
    return {**_machine(), "pid": pid, "process_start": _start(pid), "job": _job()}


def of_this_boot(process: Description) -> bool:
    """Whether a process was started on this machine since the machine's last start."""
    boot = _machine()["boot"]
    return boot is not None and process.get("boot") == boot


def of_this_machine(process: Description) -> bool:
    """Whether a process's number means the same here as where the process was described."""
    return all(process.get(name) == value for name, value in _machine().items())


def of_an_earlier_start(process: Description) -> bool:
    """Whether a process belongs to an earlier start of this Slurm job, and so has ended."""
    job, now = str(process.get("job") or ""), str(_job() or "")
    return job != now and job.partition(".")[0] == now.partition(".")[0]


def is_running(process: Description) -> bool:
    """Whether a process of this machine still runs."""
    pid = process.get("pid")
    if not isinstance(pid, int) or pid < 1:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, so it is there
        pass
    return _start(pid) == process.get("process_start")


def _machine() -> dict[str, str | None]:
    boot, space = None, None
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    return {"host": socket.gethostname(), "boot": boot, "space": space}


def _start(pid: int) -> str | None:
    """When a process began; None: it has ended, or the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]  # Z and X: it has ended


def _job() -> str | None:
    number = os.environ.get("SLURM_JOB_ID")
    return None if number is None else f"{number}.{os.environ.get('SLURM_RESTART_COUNT', 0)}"
