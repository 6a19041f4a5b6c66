"""Where runs may lie: every folder below another one, those behind symbolic links too."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from landmark_lightning.files import is_of_a_set
from landmark_lightning.runs.folder import RunFolder


@dataclass
class Below:
    """What lies below a folder.

    Attributes:
        folders: The folder itself and all below it, links followed, each one once.
        again: Folders that are listed already under another name, and that name.
        unread: A sentence for each folder that can't be read and each link that leads nowhere.
    """

    folders: list[Path] = field(default_factory=list)
    again: dict[Path, Path] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def folders_below(top: Path) -> Below:
    """Every folder below another one.

    A folder that a link leads to is listed under the link's name, unless it is listed under its
    own; so a circle of links ends. Of several links the deepest goes first: it leads to a run
    rather than to what holds it. What lies in a run's own folder and leads nowhere is passed over:
    W&B leaves such links behind.

    Args:
        top: The folder; of one that does not exist, nothing is listed.
    """
    found = Below()
    listed: dict[tuple[int, int], Path] = {}
    links: list[Path] = []

    def walk(start: Path) -> None:
        waiting = [start]
        while waiting:
            folder = waiting.pop()
            try:
                status = folder.stat()
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                found.unread.append(f"{folder} can't be read: {error.strerror}")
                continue
            first = listed.setdefault((status.st_dev, status.st_ino), folder)
            if first is not folder:
                found.again[folder] = first
                continue
            found.folders.append(folder)
            for entry in reversed(entries):
                if entry.is_dir(follow_symlinks=False) and not is_of_a_set(entry.name):
                    waiting.append(folder / entry.name)
            links.extend(folder / entry.name for entry in entries if entry.is_symlink())

    if top.is_dir():
        walk(top)
    while links:
        links.sort(key=lambda link: (-len(link.parts), link))
        link = links.pop(0)
        if link.is_dir():
            walk(link)
        elif not link.exists() and not _in_a_run(link, top):
            found.unread.append(f"{link} is a link that leads nowhere")
    return found


def _in_a_run(path: Path, top: Path) -> bool:
    """Whether a path below ``top`` lies in the folder of a run."""
    below = [parent for parent in path.parents if parent == top or top in parent.parents]
    return any(RunFolder(folder).begun for folder in below)
