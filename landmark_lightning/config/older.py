"""Files of before: the one place that knows what settings were once called."""

from collections.abc import Mapping
from typing import Any

CHECKPOINT_FORMAT = 2
"""Of the checkpoints that are written now; 1 had no number and names of before."""

OLDER = {
    "landmark_lightning.learning.network.LandmarkNetwork": "landmark_lightning.LandmarkNetwork",
    "landmark_lightning.data.sources.w300.read": "landmark_lightning.read_300w",
    **{
        f"landmark_lightning.data.sources.{name}.read": f"landmark_lightning.read_{name}"
        for name in ("aflw", "own", "synthetic", "wflw")
    },
}
"""What targets were called before they had public names."""

GONE = (({"choice", "drawn"}, ("choice", "drawn")), ({"list", "optimizer"}, ("lr", "schedules")))
"""Settings that a room of the configuration no longer has, after what the room is known by."""


def modern(settings: Any) -> Any:  # noqa: ANN401
    """Settings of a checkpoint, a FaceFile or a run's folder as they would be written today."""
    if isinstance(settings, list):
        return [modern(value) for value in settings]
    if not isinstance(settings, Mapping):
        return settings
    changed = {key: modern(value) for key, value in settings.items()}
    if isinstance(target := changed.get("_target_"), str):
        changed["_target_"] = OLDER.get(target, target)
    if {"loss", "lr", "epochs"} <= changed.keys():
        changed.setdefault("decay", "constant")
    for known_by, names in GONE:
        if known_by <= changed.keys():
            changed = {key: value for key, value in changed.items() if key not in names}
    return changed
