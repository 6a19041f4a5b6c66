import io
import os
import sys

import pytest
from tqdm import tqdm

from landmark_lightning.terminal import shown, steady_output


def test_a_terminal_that_knows_few_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    with steady_output():
        print("4.80 ± 0.02, Jürgen, \udcff")
    assert written.getvalue() == b"4.80 \\xb1 0.02, J\\xfcrgen, \\udcff\n"


@pytest.mark.parametrize("closed", [False, True])
def test_a_terminal_that_is_gone(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """Of a pipe that nobody reads each write fails (EPIPE), as of a dead terminal (EIO)."""
    reading, writing = os.pipe()
    os.close(reading)
    pipe = os.fdopen(writing, "w")
    if closed:
        pipe.close()
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setattr(sys, "stderr", pipe)
    with steady_output():
        print("unseen", flush=True)
        for _ in tqdm(range(3), mininterval=0):
            print("unseen", file=sys.stderr, flush=True)
    assert sys.stdout is pipe
    pipe.close()  # what is buffered has a place to go


def test_no_terminal_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with steady_output():
        print("unseen")
        assert not sys.stdout.isatty()


def test_a_name_is_shown_as_one_line() -> None:
    assert shown("a b/ü\n\x1b[31m\udcff.png") == "a b/ü\\n\\x1b[31m\\udcff.png"
