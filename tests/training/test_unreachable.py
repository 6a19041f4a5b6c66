"""W&B asked for, and a server that is not there or does not want us, or worse."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import wandb

from landmark_lightning.config.compose import compose
from landmark_lightning.errors import UserError
from landmark_lightning.runs.folder import RunFolder
from landmark_lightning.training.loggers import RunLogger, one_wandb_run
from tests.console import TINY, Command

OFFLINE = compose("dataset=custom", "dataset.name=dots", "model=bb")
ONLINE = replace(OFFLINE, logger=replace(OFFLINE.logger, offline=False))
KEY = "0123456789" * 4


@contextmanager
def _listening(backlog: int) -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if backlog >= 0:
            server.listen(backlog)
        yield server


def _url(server: socket.socket) -> str:
    return "http://{}:{}".format(*server.getsockname())


@contextmanager
def closed() -> Iterator[str]:
    """A port on which nobody listens."""
    with _listening(-1) as server:
        yield _url(server)


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes what it is sent and never answers."""
    with _listening(50) as server:
        yield _url(server)


@contextmanager
def black_hole() -> Iterator[str]:
    """A server with which no connection comes about: its queue is full."""
    with _listening(0) as server, ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield _url(server)


@contextmanager
def nameless() -> Iterator[str]:
    """A name that no server has."""
    yield "http://nosuch.invalid"


@contextmanager
def answering(status: int, message: str = "") -> Iterator[str]:
    """A server with one answer to everything."""
    content = f'{{"data": null, "errors": [{{"message": "{message}"}}]}}'.encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def failing() -> Iterator[str]:
    """A server that is broken."""
    with answering(500) as url:
        yield url


UNREACHABLE = (black_hole, closed, nameless, silent, failing)


@pytest.fixture
def own_wandb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """W&B as in a new process, without the user's settings and with a patience of a second."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
    wandb.teardown()
    yield
    wandb.teardown()


@pytest.mark.usefixtures("own_wandb")
@pytest.mark.parametrize("server", UNREACHABLE, ids=lambda server: server.__name__)
def test_a_run_begins_offline_where_no_server_answers(
    server: type,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    logger = RunLogger(RunFolder(tmp_path / "run"), ONLINE, "box")
    with server() as url:
        monkeypatch.setenv("WANDB_BASE_URL", url)
        with one_wandb_run(logger):
            logger.log_metrics({"val/nme": 5.0}, 3)
    (offline,) = (tmp_path / "run/wandb").glob("offline-run-*")
    assert (offline / f"run-{logger.version}.wandb").is_file()
    told = capsys.readouterr().out
    assert "W&B does not take the run" in told
    assert f"wandb sync {tmp_path}/run/wandb/offline-run-*" in told


@pytest.mark.usefixtures("own_wandb")
def test_a_refused_key_is_one_sentence_and_the_run_goes_on_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    logger = RunLogger(RunFolder(tmp_path / "run"), ONLINE, "box")
    with answering(401, "user is not logged in") as url:
        monkeypatch.setenv("WANDB_BASE_URL", url)
        with one_wandb_run(logger):
            pass
    (line,) = capsys.readouterr().out.splitlines()
    assert "user is not logged in" in line
    assert "wandb login --relogin" in line
    assert list((tmp_path / "run/wandb").glob("offline-run-*"))


@pytest.mark.usefixtures("own_wandb")
@pytest.mark.parametrize(
    ("variables", "message"),
    [({}, "wandb login"), ({"WANDB_BASE_URL": "nowhere"}, "base_url")],
)
def test_a_user_s_mistake_is_said_before_the_training(
    variables: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    logger = RunLogger(RunFolder(tmp_path / "run"), ONLINE, "box")
    with pytest.raises(UserError, match=message), one_wandb_run(logger):
        raise AssertionError("the training began")


@pytest.mark.usefixtures("own_wandb")
def test_a_full_disk_prints_no_trace_of_wandb(
    tiny_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = RunLogger(RunFolder(tiny_disk / "run"), OFFLINE, "box")
    with one_wandb_run(logger):
        with pytest.raises(OSError, match="No space"):
            (tiny_disk / "full").write_bytes(bytes(3_000_000))
        logger.log_metrics({"val/nme": 5.0}, 3)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("pgrep") is None, reason="pgrep finds W&B's process")
@pytest.mark.usefixtures("own_wandb")
def test_a_run_survives_the_death_of_wandb_s_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = RunLogger(RunFolder(tmp_path / "run"), OFFLINE, "box")
    with one_wandb_run(logger):
        found = subprocess.check_output(["pgrep", "-P", str(os.getpid()), "wandb-core"])
        os.kill(int(found), signal.SIGKILL)
        for step in range(200):  # it may be noticed late
            logger.log_metrics({"val/nme": 5.0}, step)
            time.sleep(0.01)
    told = capsys.readouterr().out
    assert told.count("the run goes on without it") == 1
    assert "has not ended its run" in told
    again = RunLogger(RunFolder(tmp_path / "again"), OFFLINE, "box")
    with one_wandb_run(again):
        assert again.version != logger.version
    assert list((tmp_path / "again/wandb").glob("offline-run-*"))


@pytest.mark.slow
@pytest.mark.usefixtures("own_wandb")
@pytest.mark.parametrize("server", UNREACHABLE, ids=lambda server: server.__name__)
def test_a_training_ends_well_without_a_server(
    server: type, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.delenv("WANDB_INIT_TIMEOUT")
    with server() as url:
        monkeypatch.setenv("WANDB_BASE_URL", url)
        done = command("train", "model=nobb", "logger.offline=false", *TINY)
    assert done.code == 0, done.err
    assert "goes on offline" in done.out
    cell = tmp_path / "runs/synthetic/nobb/seed0"
    assert (cell / "metrics.json").is_file()
    assert list(cell.glob("wandb/offline-run-*"))
