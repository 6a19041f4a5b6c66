"""A finished run and its FaceFile as somebody mails them, changed by whoever sends them."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import yaml
from PIL import Image

from landmark_lightning.documents import from_json
from landmark_lightning.runs.folder import RunFolder
from tests.console import TINY, Command, Outcome

VARIABLE = "LANDMARK_TEST_SECRET"
OF_ENVIRONMENT, OF_FILE = "e7b1-value-of-a-variable", "f29c-content-of-a-file"
"""What must be in no output: the value of a variable, and the content of files."""


class Pickled:
    """Runs a shell command when it is unpickled."""

    def __init__(self, shell: str) -> None:
        self.shell = shell

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.shell,)


@dataclass(frozen=True)
class Mail:
    """What was mailed, unpacked, and the secrets of who has unpacked it.

    Attributes:
        folder: Where all lies: ``runs``, ``data``, ``secrets``, and ``out`` for outputs.
        command: Calls a console script.
    """

    folder: Path
    command: Command

    @property
    def run(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.folder / "runs/synthetic/bb/seed0")

    @property
    def faces(self) -> Path:
        """The FaceFile."""
        return self.folder / "data/synthetic.h5"

    @property
    def secrets(self) -> Path:
        """A folder of files that nobody has named to a command."""
        return self.folder / "secrets"

    @property
    def touch(self) -> str:
        """A shell command that leaves a trace."""
        return f"touch '{self.trace}'"

    @property
    def trace(self) -> Path:
        """What code that ran leaves behind."""
        return self.folder / "code-ran"

    @contextmanager
    def checkpoint(self, name: str = "best") -> Iterator[dict[str, Any]]:
        """The content of a checkpoint, to be changed."""
        path = getattr(self.run, name)
        content = torch.load(path, weights_only=True)
        yield content
        torch.save(content, path)

    @contextmanager
    def config(self) -> Iterator[dict[str, Any]]:
        """The content of config.yaml, to be changed."""
        content = yaml.safe_load(self.run.config.read_text())
        yield content
        self.run.config.write_text(yaml.safe_dump(content))

    @contextmanager
    def described(self) -> Iterator[dict[str, Any]]:
        """What the FaceFile says of itself, to be changed."""
        with h5py.File(self.faces, "r+") as file:
            content = from_json(file.attrs["described"])
            yield content
            file.attrs["described"] = _json(content)
            del file.attrs["seal"]

    def evaluate(self, *more: str) -> Outcome:
        """Tests the run."""
        where = (f"run={self.run.path}", f"data_dir={self.faces.parent}")
        return self.command("evaluate", *where, f"output={self.folder}/out/evaluated", *more)

    def export(self) -> Outcome:
        """Exports the run."""
        where = f"output={self.folder}/out/model.onnx"
        return self.command("export", f"run={self.run.path}", "check=false", where)

    def predict(self, run: Path | None = None) -> Outcome:
        """Predicts a photo."""
        photo = self.folder / "photo.png"
        Image.fromarray(np.full((64, 64), 99, np.uint8)).save(photo)
        where = f"output={self.folder}/out/predicted"
        named = (f"run={run or self.run.path}", f"images={photo}", "boxes=whole")
        return self.command("predict", *named, where)

    def report(self) -> Outcome:
        """Reports on all runs."""
        where = f"output={self.folder}/out/report"
        return self.command("report", f"runs={self.folder}/runs", where)

    def resume(self, *more: str) -> Outcome:
        """Trains on from the last checkpoint."""
        self.run.metrics.unlink(missing_ok=True)
        return self._train(f"runs_dir={self.folder}/runs", *more)

    def start_with(self, *more: str) -> Outcome:
        """Trains another run, which starts with the weights of this one."""
        return self._train(f"runs_dir={self.folder}/out/runs", f"init_from={self.run.path}", *more)

    def train(self, *more: str) -> Outcome:
        """Trains another run on the FaceFile."""
        return self._train(f"runs_dir={self.folder}/out/runs", *more)

    def _train(self, *more: str) -> Outcome:
        usual = ("model=bb", "logger.wandb=false", f"data_dir={self.faces.parent}")
        return self.command("train", *usual, *TINY, *more)

    def leaks(self) -> list[str]:
        """Where secrets, or the trace of code that ran, are found."""
        found = [str(self.trace)] if self.trace.exists() else []
        secrets = [text.encode() for text in (OF_ENVIRONMENT, OF_FILE)]
        for path in self.folder.rglob("*"):
            inside = path.is_relative_to(self.secrets) or path.is_symlink() or not path.is_file()
            if not inside and any(secret in path.read_bytes() for secret in secrets):
                found.append(str(path))
        return found


def unpacked(finished: RunFolder, folder: Path, command: Command) -> Mail:
    """A copy of a finished run and its FaceFile, beside secrets."""
    shutil.copytree(finished.runs.parent, folder, dirs_exist_ok=True)
    mail = Mail(folder, command)
    mail.secrets.mkdir()
    for name, text in (
        ("secret.txt", f"{OF_FILE}\n"),
        ("secret.yaml", f"name: {OF_FILE}\nnetwork: {{width: {OF_FILE}}}\n"),
        ("secret.json", f'{{"state": "failed", "error": "{OF_FILE}", "dataset": "{OF_FILE}"}}'),
    ):
        (mail.secrets / name).write_text(text)
    return mail


Attack = Callable[[Mail], list[Outcome]]


def _json(content: object) -> str:
    import json

    return json.dumps(content, sort_keys=True)
