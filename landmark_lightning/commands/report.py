"""landmark-report: compares runs in tables and figures."""

from landmark_lightning.config.command_schemas import Report
from landmark_lightning.report.write import write_report


def run(config: Report) -> None:
    """Reports on the runs below ``runs``; prints the main tables and what was written."""
    print(f"Comparing the runs below {config.runs}")
    written = write_report(config.runs, config.output, config.baseline)
    tables = (config.output / "tables.md").read_text(encoding="utf-8")
    print(tables.split("\n## ")[0].rstrip())
    print("\nWrote " + ", ".join(str(path) for path in written))
