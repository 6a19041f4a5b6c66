"""Facial landmarks that know their own error: validation signal and loss-balanced batches.

The names below are the public ones; each is loaded when it is first asked for, so that importing
the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landmark_lightning.data.balancing import LossBalancer as LossBalancer
    from landmark_lightning.data.datamodule import FaceDataModule as FaceDataModule
    from landmark_lightning.data.face import Face as Face
    from landmark_lightning.data.facefile import CropRule as CropRule
    from landmark_lightning.data.facefile import FaceFile as FaceFile
    from landmark_lightning.data.preparing import prepare as prepare
    from landmark_lightning.data.sampling import BatchSampler as BatchSampler
    from landmark_lightning.data.sources.aflw import read as read_aflw
    from landmark_lightning.data.sources.own import read as read_own
    from landmark_lightning.data.sources.synthetic import read as read_synthetic
    from landmark_lightning.data.sources.w300 import read as read_300w
    from landmark_lightning.data.sources.wflw import read as read_wflw
    from landmark_lightning.evaluation.metrics import DiscardError as DiscardError
    from landmark_lightning.evaluation.metrics import NormalizedMeanError as NormalizedMeanError
    from landmark_lightning.evaluation.metrics import SignalQuality as SignalQuality
    from landmark_lightning.evaluation.report import write_report as write_report
    from landmark_lightning.evaluation.runs import Run as Run
    from landmark_lightning.evaluation.runs import find_runs as find_runs
    from landmark_lightning.learning.augmentation import Augmentation as Augmentation
    from landmark_lightning.learning.callbacks import OnlineBalancing as OnlineBalancing
    from landmark_lightning.learning.callbacks import Rescoring as Rescoring
    from landmark_lightning.learning.exporting import export as export_onnx
    from landmark_lightning.learning.network import LandmarkNetwork as LandmarkNetwork
    from landmark_lightning.learning.objective import Objective as Objective
    from landmark_lightning.learning.task import LandmarkTask as LandmarkTask
    from landmark_lightning.schemes import SCHEMES as SCHEMES
    from landmark_lightning.schemes import Scheme as Scheme
    from landmark_lightning.schemes import scheme_from as scheme_from

_HOMES = {
    "Augmentation": "learning.augmentation:Augmentation",
    "BatchSampler": "data.sampling:BatchSampler",
    "CropRule": "data.facefile:CropRule",
    "DiscardError": "evaluation.metrics:DiscardError",
    "Face": "data.face:Face",
    "FaceDataModule": "data.datamodule:FaceDataModule",
    "FaceFile": "data.facefile:FaceFile",
    "LandmarkNetwork": "learning.network:LandmarkNetwork",
    "LandmarkTask": "learning.task:LandmarkTask",
    "LossBalancer": "data.balancing:LossBalancer",
    "NormalizedMeanError": "evaluation.metrics:NormalizedMeanError",
    "Objective": "learning.objective:Objective",
    "OnlineBalancing": "learning.callbacks:OnlineBalancing",
    "Rescoring": "learning.callbacks:Rescoring",
    "Run": "evaluation.runs:Run",
    "SCHEMES": "schemes:SCHEMES",
    "Scheme": "schemes:Scheme",
    "SignalQuality": "evaluation.metrics:SignalQuality",
    "export_onnx": "learning.exporting:export",
    "find_runs": "evaluation.runs:find_runs",
    "prepare": "data.preparing:prepare",
    "read_300w": "data.sources.w300:read",
    "read_aflw": "data.sources.aflw:read",
    "read_own": "data.sources.own:read",
    "read_synthetic": "data.sources.synthetic:read",
    "read_wflw": "data.sources.wflw:read",
    "scheme_from": "schemes:scheme_from",
    "write_report": "evaluation.report:write_report",
}
"""Public name -> where it lives: room, colon, name there."""


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name == "__version__":
        from importlib.metadata import version

        return version("landmark-lightning")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, own = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), own)


def __dir__() -> list[str]:
    return [*_HOMES, "__version__"]
