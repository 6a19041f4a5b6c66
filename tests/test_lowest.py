"""constraints-lowest.txt says what pyproject.toml allows at the least."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTED = ("onnx", "detect", "video")
"""The extras that `make test-lowest` installs."""


def test_the_lowest_versions_are_those_of_the_ranges() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    ranges = [*project["dependencies"], *(each for extra in TESTED for each in extras[extra])]
    lowest = dict(re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(ranges), re.MULTILINE))
    assert len(lowest) == len(ranges)
    text = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8")
    pinned = {name.lower(): v for name, v in re.findall(r"^([\w-]+)==(.+)$", text, re.MULTILINE)}
    assert pinned.keys() == lowest.keys()
    for name, version in pinned.items():  # 3.12 and 3.12.0 are one
        assert f"{lowest[name]}.0.0".startswith(version) or version == lowest[name], name
