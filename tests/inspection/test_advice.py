import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from landmark_lightning.config.compose import compose
from landmark_lightning.config.schema import NETWORK, Train
from landmark_lightning.datasets.facefile import FaceFile
from landmark_lightning.errors import UserError
from landmark_lightning.inspection.advice import REACHED, advise, mean_face_error, reached
from tests.conftest import Splits, changed


def composed(
    faces: FaceFile, splits: Splits, folder: Path, init_from: Path | None = None
) -> Train:
    """The settings that the advised experiment comes to."""
    advice = advise(faces, splits, "custom", folder, init_from)
    (folder / "experiment.yaml").write_text(advice.experiment)
    return compose(f"experiment={folder / 'experiment.yaml'}")


def test_the_experiment_is_one_and_says_why(
    dots: FaceFile, splits: Splits, tmp_path: Path
) -> None:
    config = composed(dots, splits, tmp_path)
    assert (config.dataset.name, config.data_dir) == ("dots", tmp_path)
    assert (config.batch_size, config.phases.scale) == (10, 6)
    assert config.network["width"] == 24
    assert config.augmentation.shift == compose("augmentation=mild").augmentation.shift
    assert config.augmentation.mirror == 0.5
    assert config.data.detector_boxes == 0
    for line in (tmp_path / "experiment.yaml").read_text().splitlines():
        assert len(line) < 100
        name = line.strip().split(":")[0]
        if name in ("side", "width", "batch_size", "scale", "mirror", "threads"):
            assert " # " in line


def test_it_follows_the_faces(
    dots: FaceFile, boxed: FaceFile, splits: Splits, tmp_path: Path
) -> None:
    lopsided = dataclasses.replace(dots.scheme, mirror=tuple(range(5)))
    config = composed(dataclasses.replace(dots, scheme=lopsided), splits, tmp_path)
    assert config.augmentation.mirror == 0
    config = composed(boxed, {name: boxed.read(name) for name in splits}, tmp_path)
    assert (config.data.detector_boxes, config.augmentation.box_jitter) == (0.5, "auto")


def test_it_starts_with_a_run(dots: FaceFile, splits: Splits, tmp_path: Path) -> None:
    network = {"_target_": NETWORK, "side": 32, "width": 6, "hidden": 20}
    path = tmp_path / "some.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": {"network": network}}, path)
    config = composed(dots, splits, tmp_path, init_from=path)
    assert (config.init_from, config.network, config.phases.scale) == (path, network, 1)
    with pytest.raises(FileNotFoundError, match="init_from=none is neither"):
        composed(dots, splits, tmp_path, init_from=Path("none"))
    other = {"_target_": "mine.Tiny"}
    torch.save({"state_dict": {}, "hyper_parameters": {"network": other}}, path)
    with pytest.raises(UserError, match=r"has a network of mine\.Tiny"):
        composed(dots, splits, tmp_path, init_from=path)


def test_the_mean_face_s_error_by_hand(splits: Splits) -> None:
    trained = np.array([[[0, 0], [4, 4]], [[2, 0], [np.nan, np.nan]]], dtype=np.float32)
    points = np.array([[[1, 3], [4, 0]], [[1, 1], [np.nan, np.nan]], [[9, 9], [9, 9]]])
    lengths = np.array([[10.0], [2.0], [np.nan]])  # the last face has no normalizer
    split = changed(
        splits, "test", landmarks=points.astype(np.float32), normalizer=lengths.astype(np.float32)
    )["test"]
    # The mean is (1, 0) and (4, 4): 3 and 4 pixels off, then 1.
    assert mean_face_error(trained, split, np.arange(3)) == pytest.approx(100 * (0.35 + 0.5) / 2)


def test_more_faces_promise_less_error_and_the_measured_ones_what_was_measured() -> None:
    assert [reached(count) for count, _ in REACHED] == pytest.approx([s for _, s in REACHED])
    shares = [reached(count) for count in (10, 100, 300, 1000, 3000, 100_000)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == REACHED[0][1]
