"""predictions.h5: what a run predicts on the test split, face by face.

The file holds one dataset for each tensor of ``Records`` under the same name (``signal`` and
``covered`` are left out for a model that has none), ``photo`` and ``group`` (left out where no
face has one, and by older versions) as UTF-8 text, and the attributes ``format``, ``version``,
``info`` (JSON) and ``sha256``. Datasets carry fletcher32 checksums and are not compressed.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landmark_lightning import hdf5
from landmark_lightning.documents import LARGEST, from_json
from landmark_lightning.errors import UserError
from landmark_lightning.files import replacing
from landmark_lightning.metrics.nme import normalized_error
from landmark_lightning.schemes import scheme_from

KIND = hdf5.Kind("file of predictions", "landmark-evaluate writes it again")
FORMAT = "landmark-lightning predictions"
VERSION = 3
OPTIONAL = ("signal", "covered")
"""Tensors that a model may lack."""


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What the predictions of a run come from.

    Attributes:
        dataset: Name of the dataset.
        model: Name of the model, such as ``bb``.
        seed: Seed of the run.
        scheme: The landmark scheme as ``Scheme.to_dict`` gives it.
        normalizers: Names of the R normalizers. The first is the primary one: discarding, the
            failure rate and the area under the curve refer to it.
        subset_names: Names of the K subsets; the whole split, ``full``, is not among them.
        distance: What the signal was trained to predict, such as ``manhattan`` or ``euclidean``;
            None for a model without a signal.
        input_side: Pixels S of the network's input.
        data: ``FaceFile.content`` of the faces; None: not known, as in an old file.

    Raises:
        ValueError: No normalizer, a name used twice, or a subset named ``full``.
    """

    dataset: str
    model: str
    seed: int
    scheme: dict[str, Any]
    normalizers: tuple[str, ...]
    subset_names: tuple[str, ...]
    distance: str | None
    input_side: int
    data: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """L names of the landmarks; empty where the scheme has none."""
        return tuple(self.scheme.get("names", ()))

    def __post_init__(self) -> None:
        if not self.normalizers:
            raise ValueError("normalizers=() must name at least one normalizer")
        for field in ("normalizers", "subset_names"):
            names = getattr(self, field)
            if len(set(names)) != len(names):
                raise ValueError(f"{field}={names} names one twice")
        if "full" in self.subset_names:
            raise ValueError("subset_names holds 'full', which always means the whole split")


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """What a run predicts on N faces of L landmarks, in pixels of the network's input.

    N is 0 where the dataset has no test faces.

    Attributes:
        prediction: (N, L, 2) float32 predicted landmarks.
        target: (N, L, 2) float32 annotated landmarks; NaN where ``visible`` is 0.
        signal: (N, L) float32 validation signal; None for a model that has none.
        visible: (N, L) uint8: 0 not labelled, 1 labelled though something covers it, 2 visible;
            2 where the dataset does not say.
        normalizer: (N, R) float32 lengths that errors are divided by, in the order of
            ``info.normalizers``. A face of a zero or non-finite length is left out of the figures
            that need it.
        subsets: (N, K) bool membership, in the order of ``info.subset_names``.
        photo: N names of the photos that the faces come from.
        to_photo: (N, 2, 3) float32 affine maps from input pixels to photo pixels.
        prior: (L,) float32 mean error of each landmark on the training faces (static prior).
        info: Where the predictions come from.
        covered: (N, L) float32 probability of each landmark being covered; None for a model that
            does not tell.
        group: N names of the persons or videos that the faces show, empty for a face of none; ()
            where no face has one.

    Raises:
        ValueError: A tensor of another dtype or shape, or a number that is not finite.
    """

    prediction: Tensor
    target: Tensor
    signal: Tensor | None
    visible: Tensor
    normalizer: Tensor
    subsets: Tensor
    photo: tuple[str, ...]
    to_photo: Tensor
    prior: Tensor
    info: RunInfo
    covered: Tensor | None = None
    group: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.prediction.dim() != 3 or self.prediction.shape[1] == 0:
            raise ValueError(
                f"prediction has shape {tuple(self.prediction.shape)}, expected (N, L, 2) with "
                "at least one landmark"
            )
        faces, landmarks, _ = self.prediction.shape
        for name, shape in _shapes(faces, landmarks, self.info).items():
            tensor = getattr(self, name)
            if tensor is None and name in OPTIONAL:
                continue
            if tuple(tensor.shape) != shape:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
            dtype = {"visible": torch.uint8, "subsets": torch.bool}.get(name, torch.float32)
            if tensor.dtype != dtype:
                raise ValueError(f"{name} is {tensor.dtype}, expected {dtype}")
        numbers = {
            "prediction": self.prediction,
            "target": self.target[self.visible > 0],
            "signal": self.signal,
            "to_photo": self.to_photo,
            "prior": self.prior,
            "covered": self.covered,
        }
        for name, tensor in numbers.items():
            if tensor is not None and not bool(tensor.isfinite().all()):
                raise ValueError(f"{name} holds a number that is not finite")
        if not bool(self.target[self.visible == 0].isnan().all()):
            raise ValueError("target has a place for a landmark that visible says is not labelled")
        if len(self.photo) != faces:
            raise ValueError(f"photo has {len(self.photo)} names, expected {faces}")
        if len(self.group) not in (0, faces):
            raise ValueError(f"group has {len(self.group)} names, expected {faces} or none")

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The tensors that there are, in the order of the file."""
        tensors = {name: getattr(self, name) for name in _shapes(0, 0, self.info)}
        return {n: t.detach().cpu().numpy() for n, t in tensors.items() if t is not None}

    @property
    def error(self) -> Tensor:
        """(N, L) float64 error in percent of the primary normalizer; NaN where not labelled."""
        primary = self.normalizer[:, 0].double()
        return normalized_error(self.prediction.double(), self.target.double(), primary)


def _shapes(faces: int, landmarks: int, info: RunInfo) -> dict[str, tuple[int, ...]]:
    return {
        "prediction": (faces, landmarks, 2),
        "target": (faces, landmarks, 2),
        "signal": (faces, landmarks),
        "visible": (faces, landmarks),
        "normalizer": (faces, len(info.normalizers)),
        "subsets": (faces, len(info.subset_names)),
        "to_photo": (faces, 2, 3),
        "prior": (landmarks,),
        "covered": (faces, landmarks),
    }


def write_records(path: Path, records: Records) -> None:
    """Writes a file of predictions so that a reader sees the old one or the complete new one."""
    with replacing(path) as temporary, hdf5.created(temporary, path) as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file.attrs["info"] = json.dumps(dataclasses.asdict(records.info))
        file.attrs["sha256"] = _digest(records)
        # HDF5 can't checksum text of variable length, so the names are padded to one length.
        texts = {"photo": records.photo} | ({"group": records.group} if records.group else {})
        names = {
            name: np.array([text.encode() for text in of_faces], dtype="S")
            for name, of_faces in texts.items()
        }
        for name, array in {**records.arrays(), **names}.items():
            stored = {"chunks": True, "fletcher32": True} if array.size else {}
            file.create_dataset(name, data=array, **stored)


def read_records(path: Path) -> Records:
    """Reads what ``write_records`` wrote; the tensors are on the CPU.

    Raises:
        OSError: There is no such file, or it can't be opened now; one sentence.
        UserError: The file is damaged or holds something else; one sentence.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; landmark-evaluate writes it")
    with KIND.open(path) as file, KIND.guarded(path):
        return _read(file)


def _read(file: h5py.File) -> Records:
    if (found := KIND.said(file, "format", LARGEST)) != FORMAT:
        raise UserError(f"its format is {found!r:.80}, expected {FORMAT!r}")
    if (found := KIND.said(file, "version", LARGEST)) != VERSION:
        raise UserError(f"its version is {found!r:.80}, expected {VERSION}")
    content = from_json(KIND.said(file, "info", LARGEST))
    for field in ("normalizers", "subset_names"):
        content[field] = tuple(content[field])
    scheme_from(content["scheme"], file=False)
    info = RunInfo(**content)
    tensors: dict[str, Tensor | None] = {
        name: torch.from_numpy(_array(file, name))
        for name in _shapes(0, 0, info)
        if name not in OPTIONAL or name in file
    }
    texts = {
        name: tuple(np.char.decode(_array(file, name), "utf-8").tolist())
        for name in ("photo", "group")
        if name == "photo" or name in file
    }
    records = Records(**{"signal": None, **tensors}, **texts, info=info)  # type: ignore[arg-type]
    if KIND.said(file, "sha256", LARGEST) != _digest(records):
        raise UserError("its content does not agree with its sha256")
    return records


def _digest(records: Records) -> str:
    """SHA-256 of the content: HDF5 checksums its numbers, but not its names, text and tables."""
    texts = [records.photo, records.group] if records.group else [records.photo]
    text = json.dumps([dataclasses.asdict(records.info), *texts])
    digest = hashlib.sha256(text.encode())
    for array in records.arrays().values():
        digest.update(array.tobytes())
    return digest.hexdigest()


def _array(file: h5py.File, name: str) -> NDArray[Any]:
    """One dataset; refuses one that leads out of the file or declares more than it holds."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise UserError(f"{name} is a link")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise UserError(f"{name} is not a dataset")
    if dataset.is_virtual or dataset.external:
        raise UserError(f"{name} is stored in another file")
    if dataset.id.get_storage_size() < dataset.nbytes:
        raise UserError(f"{name} declares more numbers than the file holds")
    return np.asarray(dataset[()])
