"""The workspace of examples/wandb_workspace.py, as it would be saved.

That a run logs what it shows, tests/commands/test_wandb.py looks at.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "wandb_workspace.py"


def test_the_specification_has_the_six_views() -> None:
    pytest.importorskip("wandb_workspaces", reason="the extra workspace is not installed")
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "me", "--project", "study", "--print"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    view = json.loads(done.stdout)
    assert (view["entity"], view["project"]) == ("me", "study")
    shown = view["spec"]["section"]
    sections = {s["name"]: s["panels"] for s in shown["panelBankConfig"]["sections"]}
    assert list(sections) == [
        "Table", "Training", "Signal", "Discard curves", "Balancing", "Pictures"
    ]  # fmt: skip
    (runs,) = shown["runSets"]
    assert [key["name"] for key in runs["grouping"]] == ["group", "jobType"]
    assert runs["sort"]["keys"][0]["key"] == {"section": "summary", "name": "test/full/nme"}
    assert runs["runFeed"]["columnPinned"]["summary:test/full/discard/30"]
    for panel in sections["Discard curves"]:
        assert panel["config"]["xAxis"] == "discard_curve/percent"
    assert sections["Training"][0]["config"] == {
        "chartTitle": "val/nme", "metrics": ["val/nme"], "xAxis": "trainer/global_step",
        "yLogScale": True,
    }  # fmt: skip
    assert sections["Signal"][1]["config"]["metricRegex"] == "^val/discard_30/full/[^/]+$"
    assert sections["Pictures"][2]["config"]["mediaKeys"] == ["test/figure4"]
