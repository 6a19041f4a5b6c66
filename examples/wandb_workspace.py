"""Builds the workspace of docs/wandb.md in W&B: the six views of a grid, ready to look at.

    pip install 'landmark-lightning[workspace]'
    python wandb_workspace.py ENTITY                    # your user's or team's name in W&B
    python wandb_workspace.py ENTITY --project study
    python wandb_workspace.py ENTITY --print            # its specification, without a network

Each call makes another one; delete in W&B what you no longer want.
"""

import argparse
import json
import re
import sys
from typing import Any

COLUMNS = (
    "test/full/nme", "test/normalizer", "test/full/discard/30", "test/full/discard_prior/30",
    "test/full/discard_oracle/30", "test/full/spearman", "test/full/failure_auroc",
    "validation_nme", "test/train_seconds", "test/rescore_seconds",
)  # fmt: skip
"""Of the table of runs, which is the list on the left: open it in full width."""

BARS = ("test/full/nme", "test/full/discard/30", "test/full/spearman")

CURVES = {
    "Training": (
        "val/nme", "train/loss_coordinates", "train/loss_validation", "train/lr", "train/phase",
    ),
    "Signal": (
        "val/spearman/full/pixels", "val/discard_30/full/<normalizer>",
        "val/discard_oracle_30/full/<normalizer>",
    ),
    "Discard curves": ("discard_curve/signal", "discard_curve/prior", "discard_curve/oracle"),
    "Balancing": (
        "balancing/effective_sample_size", "balancing/top_1_percent",
        "balancing/top_10_percent", "balancing/rescore_seconds",
    ),
}  # fmt: skip
LOGARITHMIC = ("val/nme", "train/loss_coordinates")

PICTURES = ("faces/validation", "faces/most_drawn", "test/figure4")


def workspace(entity: str, project: str) -> Any:  # noqa: ANN401
    """The workspace; runs are grouped by dataset and model, so that lines are means over seeds."""
    import wandb_workspaces.reports.v2 as panels
    import wandb_workspaces.workspaces as workspaces
    from wandb_workspaces import expr

    def line(name: str) -> Any:  # noqa: ANN401
        own_axis = name.startswith("discard_curve/")
        x = "discard_curve/percent" if own_axis else "trainer/global_step"
        look = {"title": name, "x": x, "log_y": name in LOGARITHMIC or None}
        if "<normalizer>" not in name:
            return panels.LinePlot(y=[name], **look)
        pattern = re.escape(name).replace("<normalizer>", "[^/]+")
        return panels.LinePlot(metric_regex=f"^{pattern}$", **look)

    bars = [panels.BarPlot(title=name, metrics=[name]) for name in BARS]
    sections = {"Table": bars} | {name: list(map(line, y)) for name, y in CURVES.items()}
    sections["Pictures"] = [
        panels.MediaBrowser(title=key, media_keys=[key], num_columns=4) for key in PICTURES
    ]
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name="landmark-lightning",
        sections=[
            workspaces.Section(name=name, panels=made, is_open=True)
            for name, made in sections.items()
        ],
        settings=workspaces.WorkspaceSettings(x_axis="trainer/global_step", max_runs=100),
        runset_settings=workspaces.RunsetSettings(
            groupby=[expr.Metric("Group"), expr.Metric("JobType")],
            order=[expr.Ordering(expr.Summary("test/full/nme"), ascending=True)],
            pinned_columns=[f"summary:{name}" for name in COLUMNS],
        ),
    )


def main() -> None:
    """Saves the workspace in W&B, or prints what it would save."""
    parser = argparse.ArgumentParser(description="The workspace of docs/wandb.md.")
    parser.add_argument("entity", help="your user's or team's name in W&B")
    parser.add_argument(
        "--project", default="landmark-lightning", help="the setting logger.project"
    )
    parser.add_argument("--print", action="store_true", help="print its specification alone")
    given = parser.parse_args()
    try:
        made = workspace(given.entity, given.project)
        if given.print:
            specification = made._to_model().model_dump(by_alias=True, exclude_none=True)
            print(json.dumps(specification, indent=1))
        else:
            made.save()  # says where it is
    except ModuleNotFoundError as error:
        sys.exit(f"{error}; pip install 'landmark-lightning[workspace]'")
    except Exception as error:  # of the server, the key, the project, each with a name of its own
        sys.exit(f"W&B does not take the workspace ({error}); is wandb login done, ENTITY right?")


if __name__ == "__main__":
    main()
