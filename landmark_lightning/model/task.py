"""LandmarkTask: the LightningModule that joins augmentation, network, objective and phases."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from landmark_lightning import geometry
from landmark_lightning.config import schema
from landmark_lightning.config.instantiate import build
from landmark_lightning.config.read import check, speaking_of
from landmark_lightning.distributed import Part
from landmark_lightning.errors import UserError
from landmark_lightning.loading.faces import Batch
from landmark_lightning.metrics.validation import DiscardError, NormalizedMeanError, SignalQuality
from landmark_lightning.model.augmentation import Augmentation
from landmark_lightning.model.losses import (
    Objective,
    drawing_losses,
    loss_name,
)
from landmark_lightning.model.network import LandmarkNetwork
from landmark_lightning.model.schedule import Schedule
from landmark_lightning.schemes import scheme_from

DIVERGED = (
    "the network's predictions are not finite: the training diverged; start it again with a lower "
    "phases.lr and rerun=true"
)


class LandmarkTask(pl.LightningModule):
    """Training and validation of a LandmarkNetwork.

    All arguments are plain mappings, lists, numbers and text. They are the checkpoint's
    hyperparameters, so ``trained.load_task`` needs the checkpoint alone.

    Args:
        dataset: ``scheme``, ``normalizers`` and ``subsets`` as in the FaceFile.
        crop: The FaceFile's crop rule.
        network: ``_target_`` and arguments of the network, without landmarks and outputs.
        augmentation: Arguments of Augmentation.
        phases: ``list`` of phases, ``scale``, ``warmup``, ``decay``, ``lr_scale``, ``reduction``,
            ``optimizer``, ``gradient_clip``, ``mean_shape``.
        validation: Distance that the validation signal learns: a name, a ``_target_``, or None.
        steps_per_epoch: Batches in an epoch.
        run: What made the run, for who finds the checkpoint alone: the settings ``dataset``,
            ``data``, ``data_dir``, ``model`` (its name) and ``seed``.
        allow_targets: Prefixes of ``_target_`` to trust besides the usual.

    Attributes:
        score: Which loss of a face LPBB draws it by: ``total``, or that of its ``coordinates``.

    Raises:
        UserError: A value out of range; it is named.
    """

    static_prior: Tensor
    score = "total"

    def __init__(
        self,
        dataset: Mapping[str, Any],
        crop: Mapping[str, Any],
        network: Mapping[str, Any],
        augmentation: Mapping[str, Any],
        phases: Mapping[str, Any],
        validation: str | Mapping[str, Any] | None,
        steps_per_epoch: int,
        run: Mapping[str, Any] | None = None,
        allow_targets: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)  # the loggers get the whole configuration
        self.scheme = scheme_from(dataset["scheme"])
        outputs = 2 if validation is None else 3
        with speaking_of("network"):
            self.network: LandmarkNetwork = build(
                network, landmarks=self.scheme.landmarks, outputs=outputs, allow=allow_targets
            )
        self.network.to(memory_format=torch.channels_last)  # a quarter faster on a CPU
        with speaking_of("augmentation"):
            self.augmentation = Augmentation(
                self.scheme,
                crop["side"],
                crop["margin"],
                self.network.side,
                **augmentation,
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
        self.objectives = [
            Objective(phase.loss, validation, allow_targets) for phase in self.schedule.phases
        ]
        per_output = phases["reduction"] == "mean"
        self.loss_scale = 1 / (self.scheme.landmarks * outputs) if per_output else 1.0
        self.gradient_clip: float | None = phases["gradient_clip"]
        self.optimizer_config = dict(phases["optimizer"])
        self.allow_targets = tuple(allow_targets)
        self._build_optimizer()  # a wrong argument is said before the training starts
        self.register_buffer("static_prior", torch.full((self.scheme.landmarks,), torch.nan))
        normalizers, subsets = dataset["normalizers"], dataset["subsets"]
        self.nme = NormalizedMeanError(normalizers, subsets)
        self.discard = DiscardError(normalizers, subsets)
        self.crop = dict(crop)
        self.run = dict(run or {})
        self.distance = loss_name(validation)
        self.signal_quality = (
            None if validation is None else SignalQuality(normalizers, subsets, self.distance)
        )
        self.normalizer = str(normalizers[0])

    @property
    def objective(self) -> Objective:
        """The objective of the current phase."""
        return self.objectives[self.schedule.index(self.global_step)]

    def forward(
        self, images: Tensor, landmarks: Tensor, part: Part | None = None
    ) -> tuple[Tensor, Tensor]:
        """Predicts on stored crops, changed at random while in training mode.

        Args:
            images: (B, 1, C, C) uint8.
            landmarks: (B, L, 2) in crop pixels.
            part: Which part of a batch the faces are; None: the whole.

        Returns:
            (B, L, 3) prediction, or (B, L, 2) without validation, and (B, L, 2) target, both in
            input pixels.
        """
        image, target = self.augmentation(images, landmarks, part)
        # Losses and metrics stay in float32 where the network runs in less.
        return self.network(image).float(), target

    def face_losses(self, batch: Batch) -> Tensor:
        """(B,) loss of each face in the current phase, as LPBB weighs it (Eq. 1)."""
        prediction, target = self(batch["image"], batch["landmarks"])
        parts = self.objective.parts(prediction, target)
        return drawing_losses(*parts, target, self.score)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """One step; returns what ``losses`` does."""
        return self.losses(batch)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of a batch's forward pass and, detached, each face's two losses (B,).

        Beside them, ``drawing`` (B,): the losses by which LPBB draws the faces.
        """
        part = Part.of_batch(batch)
        prediction, target = self(batch["image"], batch["landmarks"], part)
        coordinates, validation = self.objective.parts(prediction, target)
        losses = coordinates + validation
        # DDP averages over the ranks, whose parts of the batch may differ in size.
        loss = losses.mean() if part is None else losses.sum() * (part.ranks / part.faces)
        coordinates, validation = coordinates.detach(), validation.detach()
        return {
            "loss": loss * self.loss_scale,
            "coordinates": coordinates,
            "validation": validation,
            "drawing": drawing_losses(coordinates, validation, target, self.score),
        }

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Adds a batch to the validation metrics."""
        prediction, target = self(batch["image"], batch["landmarks"])
        points, signal = self.split_output(prediction)
        normalizer = batch["normalizer"] * self.input_per_crop
        faces = (points, target, signal, normalizer, batch["subsets"])
        self.nme.update(*faces)
        self.discard.update(*faces)
        if self.signal_quality is not None:
            self.signal_quality.update(*faces)

    def on_validation_epoch_end(self) -> None:
        """Logs the validation metrics; ``val/nme`` is what the best checkpoint is chosen by.

        Raises:
            UserError: The training diverged.
        """
        figures = self.validation_figures()
        if not bool(figures["val/nme"].isfinite()):
            raise UserError(DIVERGED)
        self.log_dict(figures)

    def validation_figures(self) -> dict[str, Tensor]:
        """The figures of the faces that were validated since the last call, by their names."""
        figures: dict[str, Tensor] = {}
        for metric in (self.nme, self.discard, self.signal_quality):
            if metric is not None:
                figures |= {f"val/{name}": value for name, value in metric.compute().items()}
                metric.reset()
        return figures | {"val/nme": figures[f"val/nme/full/{self.normalizer}"]}

    @property
    def input_per_crop(self) -> float:
        """Input pixels in a stored-crop pixel."""
        return self.network.side * self.augmentation.margin / self.augmentation.crop_side

    def split_output(self, prediction: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, L, 2) landmarks and (B, L) validation signal (None without) of a prediction."""
        has_signal = prediction.shape[-1] == 3
        return prediction[..., :2], prediction[..., 2] if has_signal else None

    def start_at_mean_shape(self, landmarks: Tensor) -> None:
        """Sets the network's last bias to the mean of (N, L, 2) landmarks in crop pixels.

        Of a landmark the faces count that have it; one that no face has starts in the middle.
        """
        nothing = torch.zeros(1)
        to_crop = geometry.input_to_crop(
            self.augmentation.crop_side,
            self.augmentation.margin,
            self.network.side,
            nothing[:, None].expand(1, 2),
            nothing,
        )
        mean = geometry.apply_affine(
            geometry.invert_affine(to_crop), landmarks.nanmean(dim=0)[None]
        )
        self.network.start_at(mean[0].nan_to_num(nan=(self.network.side - 1) / 2))

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
        """Clips the gradient's norm.

        Lightning's own clipping refuses fused optimizers in any mixed precision, though bf16-mixed
        scales no gradient; where one is scaled, or clipped by value, it is left to Lightning.
        """
        by_norm = gradient_clip_algorithm in (None, "norm")
        if gradient_clip_val is None or self.trainer.scaler is not None or not by_norm:
            super().configure_gradient_clipping(
                optimizer, gradient_clip_val, gradient_clip_algorithm
            )
        else:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), gradient_clip_val)

    def _build_optimizer(self) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = build(
            self.optimizer_config,
            list(self.network.parameters()),
            lr=self.schedule.phases[0].lr,
            allow=self.allow_targets,
        )
        return optimizer
