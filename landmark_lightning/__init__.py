"""Facial landmarks that know their own error: validation signal and loss-balanced batches.

The names below are the public ones; each is loaded when it is first asked for, so that importing
the package costs nothing.
"""

import importlib

TYPE_CHECKING = False  # typing itself would be loaded before a command can answer to Ctrl-C
if TYPE_CHECKING:
    import typing

    from landmark_lightning.config.compose import compose as compose
    from landmark_lightning.datasets.face import Face as Face
    from landmark_lightning.datasets.facefile import CropRule as CropRule
    from landmark_lightning.datasets.facefile import FaceFile as FaceFile
    from landmark_lightning.datasets.preparation.prepare import prepare as prepare
    from landmark_lightning.datasets.sources.aflw import read as read_aflw
    from landmark_lightning.datasets.sources.own import read as read_own
    from landmark_lightning.datasets.sources.w300 import read as read_300w
    from landmark_lightning.datasets.sources.wflw import read as read_wflw
    from landmark_lightning.datasets.synthetic.faces import read as read_synthetic
    from landmark_lightning.inference.calibration import Calibration as Calibration
    from landmark_lightning.inference.detector import LandmarkDetector as LandmarkDetector
    from landmark_lightning.inference.detector import Landmarks as Landmarks
    from landmark_lightning.inference.evaluate import evaluate as evaluate
    from landmark_lightning.inference.export import export as export_onnx
    from landmark_lightning.inference.predict import predict as predict
    from landmark_lightning.loading.datamodule import FaceDataModule as FaceDataModule
    from landmark_lightning.metrics.validation import DiscardError as DiscardError
    from landmark_lightning.metrics.validation import NormalizedMeanError as NormalizedMeanError
    from landmark_lightning.metrics.validation import SignalQuality as SignalQuality
    from landmark_lightning.model.augmentation import Augmentation as Augmentation
    from landmark_lightning.model.checkpoint import load_task as load_task
    from landmark_lightning.model.losses import Objective as Objective
    from landmark_lightning.model.network import LandmarkNetwork as LandmarkNetwork
    from landmark_lightning.model.task import LandmarkTask as LandmarkTask
    from landmark_lightning.report.write import write_report as write_report
    from landmark_lightning.runs.results import Run as Run
    from landmark_lightning.runs.results import find_runs as find_runs
    from landmark_lightning.samplers.batch_sampler import BatchSampler as BatchSampler
    from landmark_lightning.samplers.loss_balancer import LossBalancer as LossBalancer
    from landmark_lightning.samplers.strategies import Even as Even
    from landmark_lightning.samplers.strategies import Online as Online
    from landmark_lightning.samplers.strategies import Rescored as Rescored
    from landmark_lightning.samplers.strategies import Strategy as Strategy
    from landmark_lightning.schemes import SCHEMES as SCHEMES
    from landmark_lightning.schemes import Scheme as Scheme
    from landmark_lightning.schemes import scheme_from as scheme_from
    from landmark_lightning.training.balancing import OnlineBalancing as OnlineBalancing
    from landmark_lightning.training.balancing import Rescoring as Rescoring
    from landmark_lightning.training.fit import seed_everything as seed_everything
    from landmark_lightning.training.fit import train as train

    __all__ = [  # other names than they have at home
        "export_onnx", "read_300w", "read_aflw", "read_own", "read_synthetic", "read_wflw",
    ]  # fmt: skip


def _homes() -> dict[str, tuple[str, str]]:
    """Public name -> its module and its name there, as the imports above have them."""
    import ast
    from pathlib import Path

    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    imports = (node for block in tree.body if isinstance(block, ast.If) for node in block.body)
    return {
        str(alias.asname): (str(node.module), alias.name)
        for node in imports
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def __getattr__(name: str) -> "typing.Any":  # noqa: ANN401
    if name == "__version__":
        from importlib.metadata import version

        return version("landmark-lightning")
    if (home := _homes().get(name)) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(home[0]), home[1])
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*_homes(), "__version__"])
