"""Something that is no face, with a scheme of its own, through all commands."""

import json
import re
from pathlib import Path

from landmark_lightning.evaluation.records import read_records
from tests.commands.conftest import TINY, Command
from tests.drawn_hands import NAMES, write_hands

SMALL = (*(t for t in TINY if not t.startswith("dataset")), "logger.wandb=false")
OWN = ("dataset=custom", "dataset.name=hands")
OF_A_FACE = re.compile(r"\b(eyes?|yaw|ocular|inter_\w+|pupils?|nose|mouth|brows?|chin)\b", re.I)
MODELS = ("non", "nobb", "bbo", "bb", "bbs")


def test_hands_go_through_all_commands(command: Command, tmp_path: Path) -> None:
    scheme = write_hands(tmp_path / "hands", {"train": 40, "test": 12})
    told = []
    for name, arguments in (
        ("prepare", (*OWN, f"dataset.root={tmp_path / 'hands'}", f"dataset.scheme={scheme}")),
        ("inspect", OWN),
        ("train", ("-m", *OWN, f"model={','.join(MODELS)}", *SMALL)),
        ("evaluate", ("run=runs/hands/bb/seed0",)),
        ("export", ("run=runs/hands/bb/seed0",)),
        ("report", ()),
    ):
        done = command(name, *arguments)
        assert done.code == 0, done.err
        assert "Warning" not in done.out
        told.append(done.out)
    written = [
        path.read_text()
        for folder in ("data", "runs", "report")
        for path in (tmp_path / folder).rglob("*")
        if path.suffix in (".json", ".html", ".md", ".tex", ".csv")
    ]
    assert len(written) > 10
    for text in (*told, *written):
        assert OF_A_FACE.search(text) is None

    content = json.loads((tmp_path / "runs/hands/bb/seed0/metrics.json").read_text())
    assert content["normalizer"] == "box"
    assert set(content["subsets"]["full"]["nme_by"]) == {"box", "diag", "palm"}
    records = read_records(tmp_path / "runs/hands/bb/seed0/predictions.h5")
    assert records.info.names == NAMES
    inspected = json.loads((tmp_path / "data/hands-inspect/inspect.json").read_text())
    assert inspected["names"] == list(NAMES)
    assert "yaw" not in inspected["units"]
