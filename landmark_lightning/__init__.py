"""Facial landmarks that know their own error: validation signal and loss-balanced batches.

The names below are the public ones; each is loaded when it is first asked for, so that importing
the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landmark_lightning.datasets.face import Face as Face
    from landmark_lightning.datasets.facefile import CropRule as CropRule
    from landmark_lightning.datasets.facefile import FaceFile as FaceFile
    from landmark_lightning.datasets.preparation.prepare import prepare as prepare
    from landmark_lightning.datasets.sources.aflw import read as read_aflw
    from landmark_lightning.datasets.sources.own import read as read_own
    from landmark_lightning.datasets.sources.w300 import read as read_300w
    from landmark_lightning.datasets.sources.wflw import read as read_wflw
    from landmark_lightning.datasets.synthetic.faces import read as read_synthetic
    from landmark_lightning.inference.export import export as export_onnx
    from landmark_lightning.loading.datamodule import FaceDataModule as FaceDataModule
    from landmark_lightning.metrics.validation import DiscardError as DiscardError
    from landmark_lightning.metrics.validation import NormalizedMeanError as NormalizedMeanError
    from landmark_lightning.metrics.validation import SignalQuality as SignalQuality
    from landmark_lightning.model.augmentation import Augmentation as Augmentation
    from landmark_lightning.model.losses import Objective as Objective
    from landmark_lightning.model.network import LandmarkNetwork as LandmarkNetwork
    from landmark_lightning.model.task import LandmarkTask as LandmarkTask
    from landmark_lightning.report.write import write_report as write_report
    from landmark_lightning.runs.results import Run as Run
    from landmark_lightning.runs.results import find_runs as find_runs
    from landmark_lightning.samplers.batch_sampler import BatchSampler as BatchSampler
    from landmark_lightning.samplers.loss_balancer import LossBalancer as LossBalancer
    from landmark_lightning.samplers.strategies import Strategy as Strategy
    from landmark_lightning.schemes import SCHEMES as SCHEMES
    from landmark_lightning.schemes import Scheme as Scheme
    from landmark_lightning.schemes import scheme_from as scheme_from
    from landmark_lightning.training.balancing import OnlineBalancing as OnlineBalancing
    from landmark_lightning.training.balancing import Rescoring as Rescoring

_HOMES = {
    "Augmentation": "model.augmentation:Augmentation",
    "BatchSampler": "samplers.batch_sampler:BatchSampler",
    "CropRule": "datasets.facefile:CropRule",
    "DiscardError": "metrics.validation:DiscardError",
    "Face": "datasets.face:Face",
    "FaceDataModule": "loading.datamodule:FaceDataModule",
    "FaceFile": "datasets.facefile:FaceFile",
    "LandmarkNetwork": "model.network:LandmarkNetwork",
    "LandmarkTask": "model.task:LandmarkTask",
    "LossBalancer": "samplers.loss_balancer:LossBalancer",
    "NormalizedMeanError": "metrics.validation:NormalizedMeanError",
    "Objective": "model.losses:Objective",
    "OnlineBalancing": "training.balancing:OnlineBalancing",
    "Rescoring": "training.balancing:Rescoring",
    "Run": "runs.results:Run",
    "SCHEMES": "schemes:SCHEMES",
    "Scheme": "schemes:Scheme",
    "SignalQuality": "metrics.validation:SignalQuality",
    "Strategy": "samplers.strategies:Strategy",
    "export_onnx": "inference.export:export",
    "find_runs": "runs.results:find_runs",
    "prepare": "datasets.preparation.prepare:prepare",
    "read_300w": "datasets.sources.w300:read",
    "read_aflw": "datasets.sources.aflw:read",
    "read_own": "datasets.sources.own:read",
    "read_synthetic": "datasets.synthetic.faces:read",
    "read_wflw": "datasets.sources.wflw:read",
    "scheme_from": "schemes:scheme_from",
    "write_report": "report.write:write_report",
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
