"""How a run came about: when, on what, with which library and at which commit of its folder."""

import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

GIT_SECONDS = 5.0


def provenance(device: torch.device) -> dict[str, str | None]:
    """What metrics.json says of how its run came about.

    Args:
        device: What it was trained on.

    Returns:
        ``library``, the version of this one; ``commit``, what git calls the working folder;
        ``date``, of now, in UTC; ``device``, its name. ``commit`` is None where the working folder
        is no checkout of git, and ends in ``+`` where files that git keeps have been changed.
    """
    return {
        "library": version("landmark-lightning"),
        "commit": commit(Path.cwd()),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device_name(device),
    }


def device_name(device: torch.device) -> str:
    """The name of a device for readers, such as ``NVIDIA H100`` or ``CPU, 2 threads``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type.upper()
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def commit(folder: Path) -> str | None:
    """The short name of the commit that a folder has checked out, ``+`` where it was changed."""
    head = _git(folder, "rev-parse", "--short=10", "HEAD")
    if not head:
        return None
    return head + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None where there is no git, no checkout, or no answer in time."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
