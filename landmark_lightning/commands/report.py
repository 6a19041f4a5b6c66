"""landmark-report: compares runs in tables and figures."""

from collections.abc import Mapping
from typing import Any

from landmark_lightning.config.read import check_path
from landmark_lightning.report.write import write_report


def run(config: Mapping[str, Any]) -> None:
    """Reports on the runs below ``runs``; prints the main tables and what was written."""
    runs, output = check_path(config["runs"], "runs"), check_path(config["output"], "output")
    print(f"Comparing the runs below {runs}")
    written = write_report(runs, output)
    tables = (output / "tables.md").read_text(encoding="utf-8")
    print(tables.split("\n## ")[0].rstrip())
    print("\nWrote " + ", ".join(str(path) for path in written))
