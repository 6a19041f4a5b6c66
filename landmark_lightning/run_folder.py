"""A run's folder: ``<runs_dir>/<dataset>/<model>/seed<k>/`` and what lies where in it."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from landmark_lightning.settings import first_difference

IGNORED = ("rerun", "data_dir", "runs_dir", "logger", "trainer", "allow_targets")
"""Settings that may differ when a run is started again: they do not change what it learns."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, or a lone checkpoint file.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration, YAML."""
        return self.path / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint with the lowest validation NME."""
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        """The newest checkpoint, from which a run that was cut goes on."""
        return self.checkpoints / "last.ckpt"

    @property
    def curves(self) -> Path:
        """Training and validation curves, CSV."""
        return self.path / "metrics.csv"

    @property
    def metrics(self) -> Path:
        """The test figures; a run that has them is finished."""
        return self.path / "metrics.json"

    @property
    def predictions(self) -> Path:
        """The test predictions, HDF5."""
        return self.path / "predictions.h5"

    @property
    def faces(self) -> Path:
        """Test faces with their predictions, PNG."""
        return self.path / "faces.png"

    def clear(self) -> None:
        """Removes what a run writes, so that it starts anew."""
        for path in (
            self.config,
            self.best,
            self.last,
            self.curves,
            self.metrics,
            self.predictions,
            self.faces,
        ):
            path.unlink(missing_ok=True)

    def check_same(self, config: Mapping[str, Any]) -> None:
        """Refuses to go on with, or to skip, a run that was started with other settings.

        Raises:
            ValueError: It names the first setting that differs.
        """
        if not self.config.is_file():
            return
        before: Any = OmegaConf.to_container(OmegaConf.load(self.config))
        if found := first_difference(before, config, IGNORED):
            key, old, new = found
            raise ValueError(
                f"{self.path} holds a run with {key}={old}, now it is {new}; pass rerun=true to "
                "replace it or runs_dir=... to keep both"
            )


def write_text(path: Path, text: str) -> None:
    """Writes a text file that takes ``path``'s place only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a mapping as JSON, atomically; NaN and infinities are refused."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
