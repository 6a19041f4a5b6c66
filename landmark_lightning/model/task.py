"""LandmarkTask: the LightningModule that joins augmentation, network, objective and phases."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.seed import reset_seed
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torchmetrics import MeanMetric

from landmark_lightning import geometry
from landmark_lightning.config import schema
from landmark_lightning.config.instantiate import build
from landmark_lightning.config.older import CHECKPOINT_FORMAT
from landmark_lightning.config.read import check, plain, speaking_of
from landmark_lightning.datasets.boxes import jitter_of
from landmark_lightning.distributed import Part
from landmark_lightning.errors import UserError
from landmark_lightning.loading.datamodule import FaceDataModule
from landmark_lightning.loading.faces import Batch
from landmark_lightning.metrics.coverage import own_covers
from landmark_lightning.metrics.offset import label_offset
from landmark_lightning.metrics.validation import DiscardError, NormalizedMeanError, SignalQuality
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.model.losses import (
    Objective,
    coverage_losses,
    drawing_losses,
    loss_name,
)
from landmark_lightning.model.network import LandmarkNetwork
from landmark_lightning.model.saved import take_weights
from landmark_lightning.model.schedule import Schedule
from landmark_lightning.schemes import scheme_from

# Lightning warns of a hook that it expects in a datamodule; the task needs no certain datamodule.
warnings.filterwarnings("ignore", message="You have overridden `on_after_batch_transfer`")

DIVERGED = (
    "the network's predictions are not finite: the training diverged; start it again with a lower "
    "phases.lr and rerun=true"
)

UNMIRRORED = 0.1
"""Share of a training that ``mirror_offset=auto`` leaves without mirror, until it has measured.

A network that had learned mirrored labels as they are could not be asked any more: they lie to
both sides of the point, and to an absolute error all between them is as good."""


class LandmarkTask(pl.LightningModule):
    """Training and validation of a LandmarkNetwork.

    All arguments are plain mappings, lists, numbers and text. They are the checkpoint's
    hyperparameters, so ``checkpoint.load_task`` needs the file alone.

    Args:
        dataset: ``scheme``, ``normalizers`` and ``subsets`` as in the FaceFile.
        crop: The FaceFile's crop rule.
        network: ``_target_`` and arguments of the network, without landmarks and outputs.
        augmentation: Arguments of Augmentation; ``box_jitter`` as four numbers, so that the
            checkpoint says them.
        phases: ``list`` of phases, ``scale``, ``warmup``, ``decay``, ``lr_scale``, ``reduction``,
            ``optimizer``, ``gradient_clip``, ``mean_shape``.
        validation: Distance that the validation signal learns: a name, a ``_target_``, or None.
        steps_per_epoch: Batches in an epoch.
        coverage: Whether a fourth output learns which landmarks are covered: by the augmentation,
            and as the dataset says (``own_covers``). A number is the weight of its loss, which
            true makes 1.
        run: What made the run, so that the checkpoint alone says it: the settings ``dataset``,
            ``data``, ``data_dir``, ``model`` (its name) and ``seed``.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.
        to_train: Whether it is to be trained. Else of its ``_target_``s the network's alone are
            built: no loss, optimizer or augmentation of one's own.

    Attributes:
        score: Which loss of a face LPBB draws it by: ``total``, or that of its ``coordinates``.
        taken: A line that says which weights of another run it starts with; None: of none.

    Raises:
        UserError: A value out of range; it is named.
    """

    static_prior: Tensor
    metrics: Any  # an nn.ModuleList of torchmetrics
    score = "total"
    taken: str | None = None

    def __init__(
        self,
        dataset: Mapping[str, Any],
        crop: Mapping[str, Any],
        network: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        phases: Mapping[str, Any],
        validation: str | Mapping[str, Any] | None,
        steps_per_epoch: int,
        coverage: bool | float = False,
        run: Mapping[str, Any] | None = None,
        allow_targets: Sequence[str] = (),
        to_train: bool = True,
    ) -> None:
        super().__init__()
        # The loggers get the whole configuration.
        self.save_hyperparameters(logger=False, ignore=["to_train"])
        self.scheme = scheme_from(dataset["scheme"], file=False)
        check(schema.Model, coverage=coverage)
        schema.check_coverage(coverage, validation)
        self.coverage = float(coverage)
        told = ("x", "y", "the signal", "how covered it is")
        self.outputs = told[: 2 if validation is None else 4 if coverage else 3]
        outputs = len(self.outputs)
        with speaking_of("network"):
            self.network: LandmarkNetwork = build(
                network, landmarks=self.scheme.landmarks, outputs=outputs, kind=nn.Module,
                parts=[nn.Module], has=["side"], allow=allow_targets,
            )  # fmt: skip
        self.network.to(memory_format=torch.channels_last)  # a quarter faster on a CPU
        if not to_train:
            augmentation = {**augmentation, "extra": ()}
        with speaking_of("augmentation"):
            self.augmentation = Augmentation(
                self.scheme,
                crop["side"],
                crop["margin"],
                self.network.side,
                **augmentation,
                scale=crop.get("scale", 1.2),
                allow_targets=allow_targets,
            )
        with speaking_of("phases"):
            check(
                schema.Phases, reduction=phases["reduction"],
                gradient_clip=phases["gradient_clip"], mean_shape=phases["mean_shape"],
            )  # fmt: skip
            self.schedule = Schedule(
                phases["list"],
                steps_per_epoch,
                phases["scale"],
                phases["warmup"],
                phases["decay"],
                phases.get("lr_scale", 1.0),
            )
        phases_trained = self.schedule.phases if to_train else ()
        self.objectives = [
            Objective(phase.loss, validation, allow_targets) for phase in phases_trained
        ]
        per_output = phases["reduction"] == "mean"
        self.loss_scale = 1 / (self.scheme.landmarks * outputs) if per_output else 1.0
        self.gradient_clip: float | None = phases["gradient_clip"]
        self.mean_shape = bool(phases["mean_shape"])
        self.started = False  # whether the weights are no longer those of a new network
        self.calibration: dict[str, Any] | None = None  # inference/calibration's, once measured
        self.optimizer_config = dict(phases["optimizer"])
        self.allow_targets = tuple(allow_targets)
        if to_train:
            self._build_optimizer()  # a wrong argument is said before the training starts
        self.register_buffer("static_prior", torch.full((self.scheme.landmarks,), torch.nan))
        normalizers, subsets = dataset["normalizers"], dataset["subsets"]
        self.metrics = nn.ModuleList(
            [NormalizedMeanError(normalizers, subsets), DiscardError(normalizers, subsets)]
        )
        self.label_offset = MeanMetric(nan_strategy="ignore")
        self.crop = dict(crop)
        self.run = dict(run or {})
        self.distance = loss_name(validation)
        if validation is not None:
            self.metrics.append(SignalQuality(normalizers, subsets, self.distance))
        self.normalizer = str(normalizers[0])

    @classmethod
    def for_data(cls, data: FaceDataModule, config: schema.Train) -> Self:
        """The task of a training on some faces: it knows their mean shape and steps an epoch.

        Args:
            data: The faces, of which the validation faces are taken out already.
            config: The settings.

        Raises:
            UserError: A setting that can't be used; it is named.
        """
        file, settings = data.faces, plain(config)
        augmentation = settings["augmentation"]
        if config.augmentation.box_jitter:
            augmentation["box_jitter"] = jitter_of(augmentation["box_jitter"], data.box_map)
        if data.detector_boxes:
            augmentation["detector_boxes"] = data.detector_boxes
        task = cls(
            dataset={
                "scheme": file.scheme.to_dict(),
                "normalizers": list(file.normalizers),
                "subsets": list(file.subsets),
            },
            crop=asdict(file.crop),
            network=config.network,
            augmentation=augmentation,
            phases=settings["phases"],
            validation=config.model.validation,
            steps_per_epoch=len(data.sampler),
            coverage=config.model.coverage,
            run={key: settings[key] for key in ("dataset", "data", "data_dir", "seed")}
            | {"model": config.model.name},
            allow_targets=config.allow_targets,
        )
        if task.coverage and not task.sees_covers(data.train_faces.visible):
            raise UserError(
                f"model.coverage={config.model.coverage} has nothing to learn from: no training "
                "face has a covered landmark, and nothing covers one; pass "
                "augmentation.occluders.probability=0.5"
            )
        task.score = data.strategy.score
        if task.mean_shape:
            task.start_at_mean_shape(data.train_faces.landmarks)
        if config.init_from is not None:
            task.taken = take_weights(task.network, task.scheme, config.network, config.init_from)
            task.started = True
        return task

    @property
    def objective(self) -> Objective:
        """The objective of the current phase."""
        return self.objectives[self.schedule.index(self.global_step)]

    def to_input(self, batch: Batch, fixed: bool = False) -> Batch:
        """Takes a batch from stored crops to the network's input: the one door between them.

        Args:
            batch: As ``loading.faces`` has it, lengths in crop pixels.
            fixed: Whether the middle of the crops is taken even in training mode, in which they
                are changed at random.

        Returns:
            The batch on the task's device with ``image`` (B, 1, S, S) float32 in [-1, 1],
            ``landmarks`` (B, L, 2) and ``normalizer`` (B, R) in input pixels, and with coverage
            ``covered`` (B, L) bool.
        """
        image, points = batch["image"].to(self.device), batch["landmarks"].to(self.device)
        covered = None
        if self.coverage:
            covered = own_covers(batch["visible"].to(self.device), self.scheme.name)
        if fixed:
            image, points = self.augmentation.cut(image, points)
        else:
            offset = batch["offset"].to(self.device) if "offset" in batch else None
            length = None
            if self.augmentation.moves_labels:
                length = batch["normalizer"][:, 0].to(self.device)
            part = Part.of_batch(batch)
            if self.augmentation.occluders is not None:
                last = self.schedule.in_last_phase(self.global_step)
                self.augmentation.occluders.enter(last)
            image, points, covered = self.augmentation.with_covered(
                image, points, covered, part, offset, length
            )
        taken = batch | {"image": image, "landmarks": points}
        if covered is not None:
            taken["covered"] = covered
        if "normalizer" in batch:
            taken["normalizer"] = batch["normalizer"].to(self.device) * self.input_per_crop
        return taken

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Lightning's way through ``to_input``."""
        return self.to_input(batch)

    def forward(self, images: Tensor) -> Tensor:
        """Predicts.

        Args:
            images: (B, 1, S, S) in [-1, 1], as ``to_input`` makes them.

        Returns:
            (B, L, 3) x, y and validation signal in input pixels; (B, L, 2) without validation;
            with coverage (B, L, 4), the logit of being covered behind them.
        """
        # Losses and metrics stay in float32 where the network runs in less.
        prediction: Tensor = self.network(images).float()
        return prediction

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """One step; returns what ``losses`` does."""
        return self.losses(batch)

    def losses(self, batch: Batch, prediction: Tensor | None = None) -> dict[str, Tensor]:
        """The ``loss`` of a batch, and what it consists of.

        Args:
            batch: A batch from ``to_input``.
            prediction: What was predicted for it; None: what ``forward`` predicts.

        Returns:
            ``loss``, a scalar, and beside it, (B,) and detached: ``coordinates``, ``validation``
            and with coverage ``coverage``, the parts of each face's loss, and ``drawing``, the
            loss by which LPBB draws it (Eq. 1), in which coverage does not count.
        """
        part, target = Part.of_batch(batch), batch["landmarks"]
        prediction = self(batch["image"]) if prediction is None else prediction
        coordinates, validation = self.objective.parts(prediction, target)
        losses = coordinates + validation
        scored = losses.detach() if self.score == "total" else coordinates.detach()
        parts = {"coordinates": coordinates.detach(), "validation": validation.detach()}
        if self.coverage:
            coverage = coverage_losses(prediction[..., 3], batch["covered"], target)
            losses = losses + self.coverage * coverage
            parts["coverage"] = coverage.detach()
        # DDP averages over the ranks, whose parts of the batch may differ in size.
        loss = losses.mean() if part is None else losses.sum() * (part.ranks / part.faces)
        drawing = drawing_losses(scored, target)
        return {"loss": loss * self.loss_scale, **parts, "drawing": drawing}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the metrics."""
        (points, signal), target = self.split_output(self(batch["image"])), batch["landmarks"]
        for metric in self.metrics:
            metric.update(points, target, signal, batch["normalizer"], batch["subsets"])
        if self.augmentation.measures_labels:
            mirrored, length = self.in_mirror(batch["image"]), batch["normalizer"][:, 0]
            self.label_offset.update(label_offset(points, mirrored, target, length))

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the metrics."""
        self.validation_step(batch, batch_idx)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """What ``forward`` says of a batch."""
        prediction: Tensor = self(batch["image"])
        return prediction

    def on_validation_epoch_end(self) -> None:
        """Logs the validation metrics; ``val/nme`` is what the best checkpoint is chosen by.

        With ``mirror_offset=auto`` the augmentation is told where the labels lie.

        Raises:
            UserError: The training diverged.
        """
        figures = self.figures("val")
        if not bool(figures["val/nme"].isfinite()) and not self.trainer.sanity_checking:
            raise UserError(DIVERGED)
        first = UNMIRRORED * self.schedule.total_steps
        measured = self.augmentation.measures_labels and not self.trainer.sanity_checking
        if measured and self.global_step >= first:
            # In place, where a graph reads it.
            self.augmentation.label_offset.copy_(figures["val/label_offset"] / 100)
        self.log_dict(figures)

    def on_test_epoch_end(self) -> None:
        """Logs the test metrics, ``test/nme`` among them."""
        self.log_dict(self.figures("test"))

    def figures(self, split: str) -> dict[str, Tensor]:
        """The metrics of the faces that were added since the last call, as ``<split>/<name>``."""
        figures: dict[str, Tensor] = {}
        for metric in self.metrics:
            figures |= {f"{split}/{name}": value for name, value in metric.compute().items()}
            metric.reset()
        if self.augmentation.measures_labels:
            figures[f"{split}/label_offset"] = self.label_offset.compute()
            self.label_offset.reset()
        return figures | {f"{split}/nme": figures[f"{split}/nme/full/{self.normalizer}"]}

    @property
    def input_per_crop(self) -> float:
        """Input pixels in a stored-crop pixel."""
        return self.network.side * self.augmentation.margin / self.augmentation.crop_side

    def split_output(self, prediction: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, L, 2) landmarks and (B, L) validation signal (None without) of a prediction."""
        has_signal = prediction.shape[-1] > 2
        return prediction[..., :2], prediction[..., 2] if has_signal else None

    def in_mirror(self, images: Tensor) -> Tensor:
        """Predicts mirrored images.

        Args:
            images: (B, 1, S, S) in [-1, 1], as ``to_input`` makes them.

        Returns:
            (B, L, 2) landmarks, taken back to the images as they are, in input pixels.
        """
        points, _ = self.split_output(self(images.flip(-1)))
        points = points[:, self.augmentation.permutation]
        return torch.cat([self.network.side - 1 - points[..., :1], points[..., 1:]], dim=-1)

    def covered(self, prediction: Tensor) -> Tensor | None:
        """(B, L) probability of each landmark being covered; None without coverage."""
        return prediction[..., 3].sigmoid() if prediction.shape[-1] > 3 else None

    def sees_covers(self, visible: Tensor) -> bool:
        """Whether landmarks are covered in training, on faces of this (N, L) ``visible``."""
        cut = self.augmentation
        adds = cut.occluders is not None or cut.occlusion > 0
        return adds or bool(own_covers(visible, self.scheme.name).any())

    def start_at_mean_shape(self, landmarks: Tensor) -> None:
        """Sets the network's last bias to the mean of (N, L, 2) landmarks in crop pixels.

        Of a landmark the faces count that have it; one that no face has starts in the middle.

        Raises:
            UserError: The network can't be told where to start.
        """
        if not hasattr(self.network, "start_at"):
            raise UserError(
                f"{type(self.network).__name__} has no method start_at, which "
                "phases.mean_shape=true needs; give it one or pass phases.mean_shape=false"
            )
        cut, side = self.augmentation, self.network.side
        to_crop = geometry.input_to_crop(
            cut.crop_side, cut.margin, side, shift=torch.zeros(1, 2), angle=torch.zeros(1)
        )
        to_input = geometry.invert_affine(to_crop)
        mean = geometry.apply_affine(to_input, landmarks.nanmean(dim=0)[None])[0]
        self.started = True
        self.network.start_at(mean.nan_to_num(nan=(side - 1) / 2))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimizer, with the schedule's rate at every step."""
        optimizer = self._build_optimizer()
        first = self.schedule.phases[0].lr
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: self.schedule.lr(step) / first
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips the gradient's norm to the task's own ``gradient_clip``, or to the trainer's.

        Lightning's own clipping refuses fused optimizers in any mixed precision, though bf16-mixed
        scales no gradient; where one is scaled, or clipped by value, it is left to Lightning.
        """
        clip = self.gradient_clip if gradient_clip_val is None else gradient_clip_val
        if clip is None:
            return
        if self.trainer.scaler is not None or gradient_clip_algorithm not in (None, "norm"):
            self.clip_gradients(optimizer, clip, gradient_clip_algorithm)
        else:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)

    def setup(self, stage: str) -> None:
        """Starts at the training faces' mean shape, where that is wanted and not done yet."""
        datamodule = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and self.mean_shape and not self.started and datamodule is not None:
            self.start_at_mean_shape(datamodule.train_faces.landmarks)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Notes in which format the checkpoint is, and what was measured of the network."""
        checkpoint["format"] = CHECKPOINT_FORMAT
        checkpoint["calibration"] = self.calibration

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Notes that the weights are trained ones."""
        self.started = True

    def on_train_start(self) -> None:
        """Starts a new training from its seed again: the same on one device and on several."""
        if self.trainer.global_step == 0:
            reset_seed()

    def _build_optimizer(self) -> torch.optim.Optimizer:
        with speaking_of("phases.optimizer"):
            optimizer: torch.optim.Optimizer = build(
                self.optimizer_config,
                list(self.network.parameters()),
                lr=self.schedule.phases[0].lr,
                kind=torch.optim.Optimizer,
                allow=self.allow_targets,
            )
        return optimizer
