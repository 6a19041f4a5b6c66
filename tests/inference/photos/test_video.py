import builtins
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from landmark_lightning.datasets.boxes import BoxMap
from landmark_lightning.errors import UserError
from landmark_lightning.inference.detector import LandmarkDetector, Landmarks
from landmark_lightning.inference.networks import Answer
from landmark_lightning.inference.photos.names import video_name
from landmark_lightning.inference.photos.stream import Found
from landmark_lightning.inference.photos.tracking import SEARCH_SECONDS, Tracker, find_in_video
from landmark_lightning.inference.photos.video import AHEAD, SETTLING, Annotated, Frame, Video
from landmark_lightning.plots.overlays import BAR
from tests.inference.made_network import BLOB, SHAPE, blobs, calibration, card, find_blobs

av = pytest.importorskip("av")

from tests.inference.photos.clips import write_clip  # noqa: E402 - it needs av

TIGHT = BoxMap((0.0, 0.0), 1.0, (0.0, 0.0, 0.0), 10)
"""The map of a detector whose box is the tight box of the landmarks."""


class Boxes:
    """A face detector that knows where the blobs are, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.blind = False

    def __call__(self, grays: NDArray[np.uint8]) -> NDArray[np.float64]:
        self.asked += 1
        found = []
        for column in np.array_split(np.arange(grays.shape[1]), 2):  # one in each half
            y, x = np.nonzero(grays[:, column] > 128)
            if len(x) and not self.blind:
                points = (x.mean() + column[0], y.mean()) + BLOB * SHAPE
                found.append([*points.min(axis=0), *points.max(axis=0)])
        return np.array(found, np.float64).reshape(-1, 4)


def made(detect: Boxes) -> LandmarkDetector:
    return LandmarkDetector(find_blobs, card(calibration(TIGHT)), detect)


def moving(count: int, step: float = 2.0) -> list[NDArray[np.uint8]]:
    """Frames of 120 x 400 pixels in which a blob goes to the right."""
    return [blobs(120, 400, (40.5 + step * n, 60.5)) for n in range(count)]


def middles(count: int, step: float = 2.0) -> NDArray[np.float64]:
    return np.array([(40.5 + step * n, 60.5) + BLOB * SHAPE for n in range(count)])


def found(path: Path, detect: Boxes, whole: bool = False) -> list[Found]:
    with Video(str(path)) as video:
        return list(find_in_video(made(detect), video, whole))


def test_a_face_is_followed_and_the_face_detector_is_asked_once_a_second(tmp_path: Path) -> None:
    detect = Boxes()
    answers = found(write_clip(tmp_path / "a.mp4", moving(60)), detect)
    assert len(answers) == 60
    for number, (answer, expected) in enumerate(zip(answers, middles(60), strict=True)):
        assert answer.moment is not None
        assert answer.faces is not None
        assert answer.moment.frame == number
        assert answer.moment.time == pytest.approx(number / 25, abs=1e-3)
        assert answer.moment.numbers.tolist() == [0]
        np.testing.assert_allclose(answer.faces.points[0], expected, atol=1.0)
    assert detect.asked == 3  # at 0, 1 and 2 seconds


@pytest.mark.parametrize("suffix", [".mov", ".avi", ".mkv", ".m4v"])
def test_other_containers(tmp_path: Path, suffix: str) -> None:
    with Video(str(write_clip(tmp_path / f"a{suffix}", moving(30)))) as video:
        frames = list(video)
        assert [frame.number for frame in frames] == list(range(30))
        assert video.problem is None
        assert video.rate == 25
        assert video.frames == 30


def test_more_frames_than_are_decoded_ahead_in_their_order(tmp_path: Path) -> None:
    grays = [np.full((64, 64), 5 * n, np.uint8) for n in range(5 * AHEAD)]
    with Video(str(write_clip(tmp_path / "a.mp4", grays))) as video:
        shown = [int(frame.grays.mean()) for frame in video]
    np.testing.assert_allclose(shown, [5 * n for n in range(5 * AHEAD)], atol=3)


def test_a_video_may_be_left_while_frames_are_being_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving(60))
    for count in range(1, 20):
        with Video(str(path)) as video:
            assert len(list(islice(video, count))) == count


@pytest.mark.parametrize("rotation", [0, 90, -90, 180])
def test_frames_are_upright(tmp_path: Path, rotation: int) -> None:
    gray = np.zeros((64, 128), np.uint8)
    gray[:32, :32] = 255  # above on the left as it is stored
    path = write_clip(tmp_path / "a.mp4", [gray] * 3, rotation=rotation)
    with Video(str(path)) as video:
        frame = next(iter(video)).grays
    assert frame.shape == ((64, 128) if rotation in (0, 180) else (128, 64))
    height, width = frame.shape
    # As a player shows it: turned by so much counterclockwise.
    corner = {0: (0, 0), 90: (1, 0), -90: (0, 1), 180: (1, 1)}[rotation]
    assert frame[corner[0] * (height - 1), corner[1] * (width - 1)] > 200
    assert (frame > 128).sum() == pytest.approx(32 * 32, rel=0.1)


def test_irregular_times_are_kept(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.15, 0.4, 1.0]
    path = write_clip(tmp_path / "a.mp4", moving(5), times=times)
    with Video(str(path)) as video:
        assert [frame.time for frame in video] == pytest.approx(times, abs=2e-3)


class Falling:
    """The blobs' network, with signals that are large where there is no blob."""

    def __call__(self, images: NDArray[np.uint8]) -> Answer:
        points, signals, _ = find_blobs(images)
        assert signals is not None
        empty = images.max(axis=(1, 2)) < 128
        return Answer(points, np.where(empty[:, None], np.float32(100), signals))


def falling(detect: Boxes) -> LandmarkDetector:
    return LandmarkDetector(Falling(), card(calibration(TIGHT)), detect)


def test_a_new_face_gets_the_next_number_and_a_lost_one_ends() -> None:
    track = Tracker(falling(Boxes()))
    one, both, other = (60.5, 60.5), ((60.5, 60.5), (300.5, 60.5)), (300.5, 60.5)
    seen = []
    for step in range(60):
        middle = (one,) if step < 20 else both if step < 40 else (other,)
        _, numbers = track(blobs(120, 400, *middle), step / 10)
        seen.append(numbers.tolist())
    assert seen[:20] == [[0]] * 20
    assert seen[20] == [0, 1]  # a second has passed
    assert seen[20:40] == [[0, 1]] * 20
    assert seen[40:] == [[1]] * 20


def test_a_face_that_is_no_more_valid_is_searched_at_once() -> None:
    detect = Boxes()
    track = Tracker(falling(detect))
    one, far = (60.5, 60.5), (300.5, 60.5)
    assert track(blobs(120, 400, one), 0.0)[1].tolist() == [0]
    assert track(blobs(120, 400, one), 0.1)[1].tolist() == [0]
    assert detect.asked == 1
    faces, numbers = track(blobs(120, 400, far), 0.2)  # a cut: it is elsewhere, so another
    assert detect.asked == 2
    assert numbers.tolist() == [1]
    np.testing.assert_allclose(faces.points[0], far + BLOB * SHAPE, atol=1)
    faces, numbers = track(np.zeros((120, 400), np.uint8), 0.3)
    assert detect.asked == 3
    assert len(faces) == len(numbers) == 0
    assert faces.points.shape == (0, 3, 2)
    track(np.zeros((120, 400), np.uint8), 0.4)
    assert detect.asked == 3  # nobody is followed, and a second has not passed
    assert track(blobs(120, 400, one), 0.3 + SEARCH_SECONDS)[1].tolist() == [2]


def test_a_face_that_the_detector_misses_is_followed_while_it_is_valid() -> None:
    detect = Boxes()
    track = Tracker(falling(detect))
    track(blobs(120, 400, (60.5, 60.5)), 0.0)
    detect.blind = True
    for step in range(1, 40):
        assert track(blobs(120, 400, (60.5 + step, 60.5)), step / 10)[1].tolist() == [0]
    assert detect.asked == 4


def test_without_a_calibration_the_face_detector_decides() -> None:
    detect = Boxes()
    track = Tracker(LandmarkDetector(find_blobs, card(), detect))
    track.detector.card.__dict__["detector_map"] = lambda: TIGHT
    photo = blobs(120, 400, (60.5, 60.5))
    assert track(photo, 0.0)[1].tolist() == [0]
    assert track(photo, 1.0)[1].tolist() == [0]
    detect.blind = True
    assert track(photo, 1.9)[1].tolist() == [0]
    assert track(photo, 2.0)[1].tolist() == []


def test_two_tracks_on_one_face_become_one() -> None:
    detect = Boxes()
    track = Tracker(made(detect))
    # Two faces that meet: the network then sees one blob in both squares.
    for step in range(60):
        left, right = (60.5 + 2 * step, 60.5), (300.5 - 2 * step, 60.5)
        faces, numbers = track(blobs(120, 400, left, right), step / 100)
        if step == 0:
            assert numbers.tolist() == [0, 1]
    assert numbers.tolist() == [0]
    assert len(faces) == 1


def test_whole_frames_need_no_detector(tmp_path: Path) -> None:
    frames = [blobs(64, 64, (30.5 + n, 30.5)) for n in range(6)]
    detect = Boxes()
    answers = found(write_clip(tmp_path / "a.mp4", frames), detect, whole=True)
    assert detect.asked == 0
    for n, answer in enumerate(answers):
        assert answer.faces is not None
        np.testing.assert_allclose(
            answer.faces.points[0], (30.5 + n, 30.5) + BLOB * SHAPE, atol=1.5
        )


def test_of_a_truncated_video_the_beginning_is_kept_and_the_rest_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 64), dtype=np.uint8) for _ in range(100)]
    for name, options in (("a.mp4", {"movflags": "faststart"}), ("a.mkv", {})):
        path = write_clip(tmp_path / name, noise, options=options)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        answers = found(path, Boxes(), whole=True)
        assert 30 < sum(answer.faces is not None for answer in answers) < 70, name
        assert answers[-1].faces is None
        assert f"{name} is damaged" in answers[-1].reason
        assert "of 4.0 seconds" in answers[-1].reason


def test_frames_after_a_damaged_part_are_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (64, 64), dtype=np.uint8) for _ in range(100)]
    path = write_clip(tmp_path / "a.mp4", noise, options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    answers = found(path, Boxes(), whole=True)
    told = [answer.moment.frame for answer in answers if answer.moment is not None]
    assert told[-1] >= 95
    assert 70 < len(told) < 100
    assert "can't be decoded" in answers[-1].reason


def test_what_is_no_video_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match=r"a\.mp4 is damaged or no video"):
        Video(str(tmp_path / "a.mp4"))
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(UserError, match=r"b\.mp4 has no pictures"):
        Video(str(tmp_path / "b.mp4"))
    with pytest.raises(UserError, match="claims 400 x 120 pixels, more than max_pixels=999"):
        Video(str(write_clip(tmp_path / "c.mp4", moving(2))), max_pixels=999)
    with pytest.raises(FileNotFoundError, match="is no file"):
        Video(str(tmp_path / "d.mp4"))

    plain = builtins.__import__

    def without(name: str, *given: Any) -> Any:  # noqa: ANN401
        if name == "av":
            raise ImportError(name)
        return plain(name, *given)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"pip install 'landmark-lightning\[video\]'"):
        Video(str(tmp_path / "c.mp4"))


def test_one_video_at_a_time() -> None:
    assert video_name(["a/B.MP4"], "a/B.MP4") == "a/B.MP4"
    assert video_name(["a.jpg", "b.jpg"], "*") is None
    with pytest.raises(UserError, match=r"images=\* means 2 files, of which b\.webm is a video"):
        video_name(["a.jpg", "b.webm"], "*")


def faces(error: float) -> Landmarks:
    """A face in the middle of a frame of 480 x 640."""
    points = np.array([[[100.0, 100.0], [300.0, 100.0], [200.0, 300.0]]])
    return Landmarks(
        np.zeros(1, np.int64), points, np.full((1, 3), error), np.full((1, 3), error),
        np.ones((1, 3), np.bool_), np.array([[80.0, 80, 320, 320]]), np.ones(1),
        np.full((1, 3), np.nan),
    )  # fmt: skip


def copied(path: Path) -> tuple[list[NDArray[np.uint8]], list[float], Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        return [f.to_ndarray(format="rgb24") for f in frames], [f.time for f in frames], stream


def test_the_colours_of_a_copy_mean_the_same_in_all_frames(tmp_path: Path) -> None:
    path = tmp_path / "overlays/a.mp4"
    with Annotated(path, Fraction(30)) as copy:
        for n in range(SETTLING + 10):
            error = 10.0 if n == 0 else 2.0
            copy.add(Frame(n, n / 30, np.zeros((480, 640), np.uint8)), faces(error))
        assert not path.exists()
    frames, times, stream = copied(path)
    assert stream.codec_context.name == "h264"
    assert stream.average_rate == 30
    assert times == pytest.approx([n / 30 for n in range(SETTLING + 10)], abs=1e-3)
    assert frames[0].shape == (480 + BAR, 640, 3)
    worst, *rest = (frame[100, 100].astype(int) for frame in frames)
    assert np.ptp(rest, axis=0).max() < 25
    assert worst[1] < rest[0][1] - 60  # redder
    assert [path.name for path in path.parent.iterdir()] == ["a.mp4"]


def test_a_copy_has_the_times_of_the_frames_and_even_sides(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.1, 0.45]
    with Annotated(tmp_path / "a.mp4", Fraction(30000, 1001)) as copy:
        for n, time in enumerate(times):
            copy.add(Frame(n, time, np.zeros((481 + 40 * (n > 2), 641), np.uint8)), faces(1.0))
    frames, told, _ = copied(tmp_path / "a.mp4")
    assert told == pytest.approx(times, abs=1e-3)
    assert {frame.shape for frame in frames} == {((481 + BAR + 1) // 2 * 2, 642, 3)}


def test_a_copy_that_fails_leaves_nothing_and_one_without_frames_neither(tmp_path: Path) -> None:
    def failing() -> None:
        with Annotated(tmp_path / "a.mp4", Fraction(25)) as copy:
            for n in range(2 * SETTLING):
                copy.add(Frame(n, n / 25, np.zeros((48, 64), np.uint8)), faces(1.0))
            assert len(list(tmp_path.iterdir())) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    with Annotated(tmp_path / "b.mp4", Fraction(25)):
        pass
    assert list(tmp_path.iterdir()) == []
